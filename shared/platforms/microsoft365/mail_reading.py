"""Reads a tenant's whole mail flow for the model, with what the model must know of the service and of the policies."""

import asyncio
from typing import Any

from shared.connections.record import Connection
from shared.deployment.context import Context
from shared.engine.ledger import FORMER, NOT_OURS, HoldingState
from shared.engine.rows import Present
from shared.platforms.microsoft365 import transport_rules
from shared.platforms.microsoft365.allow_lists import ALLOW_LIST, POLICY, spoof_entries
from shared.platforms.microsoft365.entra import TokenRefused
from shared.platforms.microsoft365.group_members import members_of
from shared.platforms.microsoft365.groups import VirtualGroup, hidden
from shared.platforms.microsoft365.mail_flow.message import Direction
from shared.platforms.microsoft365.mail_flow.ranges import ranges
from shared.platforms.microsoft365.mail_flow.service import Protection, Service, protection
from shared.platforms.microsoft365.mail_flow.snapshot import Key, Snapshot
from shared.platforms.microsoft365.tenant import MicrosoftTenant
from shared.protection import directory, policies
from shared.protection.targets import Targets, members_of_all

LISTINGS: dict[str, dict[str, Any]] = {
    "Get-HostedConnectionFilterPolicy": {"Identity": POLICY},
    "Get-TransportRule": {},
    "Get-InboundConnector": {},
    "Get-OutboundConnector": {"IncludeTestModeConnectors": True},
    "Get-AcceptedDomain": {},
}
# Kinds of objects that a role group may not let us read: their cmdlet, and what identifies one of them.
OPTIONAL = {"remote": ("Get-RemoteDomain", "DomainName"), "journal": ("Get-JournalRule", "Guid")}
GROUPS: tuple[policies.Direction, ...] = ("incoming", "outgoing")
CONNECTORS = ("inbound-incoming", "inbound-outgoing", "outbound-incoming", "outbound-outgoing")
MEMBERS = ("group-incoming-members", "group-outgoing-members")
MODELLED = frozenset(
    (*transport_rules.ORDER, *CONNECTORS, *MEMBERS, "group-incoming", "group-outgoing", "spoof", ALLOW_LIST)
)
# Kinds of objects as people call them; the others bear their identity.
NOUNS = {
    "rule": "the rule",
    "inbound": "the inbound connector",
    "outbound": "the outbound connector",
    "journal": "the journal rule",
}
TITLES = {
    "domain": "the accepted domain {}",
    "allowed": "{} in the IP allow list",
    "blocked": "{} in the IP block list",
    "spoof": "the entry for spoofed senders {}",
    "mx": "the MX record of {}",
    "remote": "the remote domain {}",
    "group": "the group {}",
    "changes": "several changes",
}


def title(record: Any, key: Key) -> str:
    """What people call an object."""
    kind, identity = key
    if kind in NOUNS:
        return f"{NOUNS[kind]} “{record['Name']}”"
    if kind == "spoof":
        return TITLES[kind].format(f"{record['SpoofedUser']}, {record['SendingInfrastructure']}")
    return TITLES[kind].format(record["names"][-1] if kind == "group" else identity)


def own(tenant: MicrosoftTenant) -> dict[str, str]:
    """The keys of our holdings by all that was ever recorded of them, what is gone too.

    Entries that were there before us are the customer's.
    """
    held = ((key.partition(FORMER)[0], one) for key, one in tenant.ledger.holdings.items())
    return {
        one.identity: key
        for key, one in held
        if one.identity and one.state not in NOT_OURS and key.partition("/")[0] in MODELLED and key not in MEMBERS
    }


async def look_ahead(tenant: MicrosoftTenant) -> None:
    """Ask side by side for the tenant's listings and our groups, which are then at hand until forget_reads.

    A failure is nobody's here: it is raised where what was not read is needed.
    """
    groups = [one for one in (_group(tenant, direction) for direction in GROUPS) if one is not None]
    await asyncio.gather(
        *(tenant.listing(cmdlet, **parameters) for cmdlet, parameters in LISTINGS.items()),
        *(tenant.listing(cmdlet) for cmdlet, _ in OPTIONAL.values()),
        spoof_entries(tenant),
        *(tenant.group(identity) for _, identity in groups),
        *(look(tenant, identity) for _, identity in groups for look in (hidden, members_of)),
        return_exceptions=True,
    )


def _group(tenant: MicrosoftTenant, direction: policies.Direction) -> tuple[VirtualGroup, str] | None:
    """Our group of a direction with its identity; None where there is none."""
    held = tenant.ledger.holdings.get(f"group-{direction}")
    if held is None or held.identity is None or held.state is HoldingState.GONE:
        return None
    return VirtualGroup(key=held.key, direction=direction, title=""), held.identity


async def snapshot(tenant: MicrosoftTenant) -> Snapshot:
    """Every object of the mail flow, read now. Complete, or it raises."""
    (policy,), listed, inbound, outbound, domains = [
        await tenant.listing(cmdlet, **parameters) for cmdlet, parameters in LISTINGS.items()
    ]
    rules = sorted(listed, key=lambda rule: int(rule["Priority"]))
    spoof = await spoof_entries(tenant)
    copy = await tenant.targets.domains()
    # One without a name is told by the synchronisation.
    accepted = {str(one["DomainName"]).lower(): one for one in domains if one.get("DomainName")}
    return Snapshot(
        at=tenant.now,
        rules=rules,
        things={
            "inbound": {one["Guid"]: one for one in inbound},
            "outbound": {one["Guid"]: one for one in outbound},
            "domain": accepted,
            "allowed": dict.fromkeys(policy["IPAllowList"] or (), True),
            "blocked": dict.fromkeys(policy["IPBlockList"] or (), True),
            "spoof": {one["Identity"]: one for one in spoof},
            "mx": {one["name"]: one["mx"] for one in copy if one["name"] in accepted},
            "group": await _groups(tenant, rules),
            **await _optional(tenant),
        },
    )


async def _optional(tenant: MicrosoftTenant) -> dict[str, dict[str, Any]]:
    """The kinds that the application's role in Exchange lets us read. What was listed before shows that it has one."""
    found = {}
    for kind, (cmdlet, identity) in OPTIONAL.items():
        try:
            found[kind] = {str(one[identity]).lower(): one for one in await tenant.listing(cmdlet)}
        except TokenRefused:
            continue  # the cmdlet is not in the role group
    return found


async def _groups(tenant: MicrosoftTenant, rules: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Our groups as they are, and of the customer's those that rules name, as our copy of the directory has them."""
    named = {word.lower() for rule in rules for value in rule.values() for word in _words(value)}
    found = await members_of_all(tenant.context.database, tenant.connection.id, named)
    groups = {key: {"names": names, "members": sorted(members)} for key, (names, members) in found.items()}
    for direction in GROUPS:
        ours = _group(tenant, direction)
        if ours is None:
            continue
        resource, identity = ours
        group, inside = await resource.observe(tenant, "", identity), await members_of(tenant, identity)
        if isinstance(group, Present) and inside is not None:
            mails = await directory.addresses(tenant.context.database, tenant.connection.id, sorted(inside))
            names = [identity, group.settings["mailNickname"], group.settings["mail"]]
            groups[identity] = {"names": [n for n in names if n], "members": sorted(mails.values())}
    return groups


def _words(value: Any) -> list[str]:
    some = value if isinstance(value, list) else [value]
    return [one for one in some if isinstance(one, str)]


def service(tenant: MicrosoftTenant) -> Service:
    """The service as this tenant meets it."""
    return service_of(tenant.context, tenant.connection, tenant.return_secret, tenant.loop_secret)


def service_of(context: Context, connection: Connection, return_secret: str, loop_secret: str) -> Service:
    """The same by the connection's record alone."""
    mail, brand = context.settings.mail, connection.brand
    site = mail.at(connection.site)
    return Service(
        incoming_host=site.incoming_smart_host.format(connection=connection.label).lower(),
        outgoing_host=site.outgoing_smart_host.format(connection=connection.label).lower(),
        egress=ranges(map(str, site.egress)),
        sending_domain=site.sending_domain,
        return_header=brand.return_header,
        return_secret=return_secret,
        loop_header=brand.loop_header,
        loop_secret=loop_secret,
        verdict_header=brand.verdict_header,
        junk_verdict=mail.junk_verdict,
        allow_list=ALLOW_LIST not in connection.left_out,
    )


async def protected(tenant: MicrosoftTenant) -> dict[Direction, Protection]:
    """Whose mail the policies protect in each direction, by our copy of the directory."""
    return await protected_by(tenant.targets)


async def protected_by(targets: Targets) -> dict[Direction, Protection]:
    """The same without an open tenant."""
    found = {}
    for way in GROUPS:
        people = await targets.protected_addresses(way)
        found[Direction(way)] = protection(await targets.protected_domains(way), people)
    return found
