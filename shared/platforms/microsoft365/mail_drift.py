"""What others changed in the way of a tenant's mail since it last flowed as it should, and what that does to mail."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.connections import baseline
from shared.engine.effects import FOREIGN, Drift
from shared.engine.ledger import HoldingState
from shared.engine.rows import Present
from shared.platforms.microsoft365 import transport_rules
from shared.platforms.microsoft365.allow_lists import POLICY
from shared.platforms.microsoft365.group_members import members_of
from shared.platforms.microsoft365.groups import VirtualGroup
from shared.platforms.microsoft365.mail_flow.blame import TOGETHER, Blame, blames
from shared.platforms.microsoft365.mail_flow.message import Direction
from shared.platforms.microsoft365.mail_flow.ranges import ranges
from shared.platforms.microsoft365.mail_flow.service import Protection, Service, protection
from shared.platforms.microsoft365.mail_flow.snapshot import Key, Snapshot, done, exchanged
from shared.platforms.microsoft365.tenant import MicrosoftTenant
from shared.protection import directory, policies
from shared.protection.targets import members_of_all

GROUPS: tuple[policies.Direction, ...] = ("incoming", "outgoing")
CONNECTORS = ("inbound-incoming", "inbound-outgoing", "outbound-incoming", "outbound-outgoing")
MEMBERS = ("group-incoming-members", "group-outgoing-members")
MODELLED = frozenset(
    (*transport_rules.ORDER, *CONNECTORS, *MEMBERS, "group-incoming", "group-outgoing", "spoof", "ip-allow")
)
# Kinds of objects as people call them; the others bear their identity.
NOUNS = {"rule": "the rule", "inbound": "the inbound connector", "outbound": "the outbound connector"}
TITLES = {
    "domain": "the accepted domain {}",
    "allowed": "{} in the IP allow list",
    "blocked": "{} in the IP block list",
    "spoof": "the entry for spoofed senders {}",
    "mx": "the MX record of {}",
    "group": "the group {}",
    "changes": "several changes",
}


@dataclass(frozen=True, kw_only=True)
class MailFlow:
    """The wanted and the present mail flow of a tenant, and the changes between them."""

    wanted: Snapshot | None
    now: Snapshot
    blames: tuple[Blame, ...]
    stored: str | None = None
    """The wanted one as it is written down."""


class MailWatch:
    """Looks at one tenant's mail flow, once until it is told to forget."""

    modelled: frozenset[str] = MODELLED

    def __init__(self, tenant: MicrosoftTenant) -> None:
        self._tenant = tenant
        self._flow: MailFlow | None = None

    def forget(self) -> None:
        """Forget what was seen."""
        self._flow = None

    async def drifts(self) -> list[Drift] | None:
        """Every change by others, with what it does to mail; None where nothing is known of how it should be."""
        flow = await self._looked()
        if flow.wanted is None:
            return None
        own = _own(self._tenant)
        return [_drift(flow.wanted, flow.now, blame, own) for blame in flow.blames]

    async def keep(self) -> None:
        """Make the present mail flow the wanted one, but for what does harm in it."""
        flow, context = await self._looked(), self._tenant.context
        kept, harmful = flow.now, [blame.key for blame in flow.blames if blame.harms]
        if TOGETHER in harmful:
            return  # nobody can say which of the changes to leave out
        for key in harmful if flow.wanted else ():
            kept = exchanged(kept, flow.wanted or kept, key)
        # Nothing has changed, neither by others nor by a rule's dates: it is not written once more.
        if flow.wanted is None or flow.blames or replace(kept, at=flow.wanted.at).to_json() != flow.stored:
            text = kept.to_json()
            await baseline.keep(context.database, context.seal, self._tenant.connection.id, text, self._tenant.now)

    async def _looked(self) -> MailFlow:
        if self._flow is None:
            self._flow = await _look(self._tenant)
        return self._flow


async def _look(tenant: MicrosoftTenant) -> MailFlow:
    """Read the mail flow and compare it with the wanted one. Complete, or it raises."""
    now = await _snapshot(tenant)
    stored = await baseline.find(tenant.context.database, tenant.context.seal, tenant.connection.id)
    if stored is None:
        return MailFlow(wanted=None, now=now, blames=())
    wanted = Snapshot.from_json(stored)
    then, own = wanted.things["group"], _own(tenant)
    # A group of the customer's that nothing named then was not written down.
    unnamed = {key: one for key, one in now.things["group"].items() if key not in own}
    wanted = replace(wanted, things={**wanted.things, "group": {**unnamed, **then}})
    found = blames(wanted, now, _service(tenant), await _protected(tenant))
    return MailFlow(wanted=wanted, now=now, blames=tuple(found), stored=stored)


def _drift(wanted: Snapshot, now: Snapshot, blame: Blame, own: Mapping[str, str]) -> Drift:
    kind, identity = blame.key
    if blame.key == TOGETHER:
        key, what = f"{FOREIGN}/{kind}/{identity}", "came together"
    else:
        mine = own.get(identity)
        what = done(wanted, now, blame.key)
        if kind == "group" and mine and what == "was changed":
            mine, what = f"{mine}-members", "has other members than the policies say"
        key = mine or f"{FOREIGN}/{kind}/{identity}"
    return Drift(
        key=key, title=_title(now.of(blame.key) or wanted.of(blame.key), blame.key), done=what, harms=blame.harms
    )


def _title(record: Any, key: Key) -> str:
    kind, identity = key
    if kind in NOUNS:
        return f"{NOUNS[kind]} “{record['Name']}”"
    if kind == "spoof":
        return TITLES[kind].format(f"{record['SpoofedUser']}, {record['SendingInfrastructure']}")
    return TITLES[kind].format(record["names"][-1] if kind == "group" else identity)


def _own(tenant: MicrosoftTenant) -> dict[str, str]:
    """The keys of our holdings by what is recorded of them. Entries that were there before us are the customer's."""
    held = tenant.ledger.holdings.items()
    return {
        one.identity: key
        for key, one in held
        if one.identity and one.state is HoldingState.OURS and key.partition("/")[0] in MODELLED and key not in MEMBERS
    }


async def _snapshot(tenant: MicrosoftTenant) -> Snapshot:
    (policy,) = await tenant.listing("Get-HostedConnectionFilterPolicy", Identity=POLICY)
    rules = sorted(await tenant.listing("Get-TransportRule"), key=lambda rule: int(rule["Priority"]))
    inbound = await tenant.listing("Get-InboundConnector")
    outbound = await tenant.listing("Get-OutboundConnector", IncludeTestModeConnectors=True)
    spoof = await tenant.listing("Get-TenantAllowBlockListSpoofItems")
    domains = await tenant.listing("Get-AcceptedDomain")
    copy = await directory.domains(tenant.context.database, tenant.connection.id)
    accepted = {str(one["DomainName"]).lower() for one in domains}
    return Snapshot(
        at=tenant.now,
        rules=rules,
        things={
            "inbound": {one["Guid"]: one for one in inbound},
            "outbound": {one["Guid"]: one for one in outbound},
            "domain": {str(one["DomainName"]).lower(): one for one in domains},
            "allowed": dict.fromkeys(policy["IPAllowList"] or (), True),
            "blocked": dict.fromkeys(policy["IPBlockList"] or (), True),
            "spoof": {one["Identity"]: one for one in spoof},
            "mx": {one["name"]: one["mx"] for one in copy if one["name"] in accepted},
            "group": await _groups(tenant, rules),
        },
    )


async def _groups(tenant: MicrosoftTenant, rules: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Our groups as they are, and of the customer's those that rules name, as our copy of the directory has them."""
    named = {word.lower() for rule in rules for value in rule.values() for word in _words(value)}
    found = await members_of_all(tenant.context.database, tenant.connection.id, named)
    groups = {key: {"names": names, "members": sorted(members)} for key, (names, members) in found.items()}
    for direction in GROUPS:
        held = tenant.ledger.holdings.get(f"group-{direction}")
        if held is None or held.identity is None or held.state is HoldingState.GONE:
            continue
        group = await VirtualGroup(key=held.key, direction=direction, title="").observe(tenant, "", held.identity)
        inside = await members_of(tenant, held.identity)
        if isinstance(group, Present) and inside is not None:
            mails = await directory.addresses(tenant.context.database, tenant.connection.id, sorted(inside))
            names = [held.identity, group.settings["mailNickname"], group.settings["mail"]]
            groups[held.identity] = {"names": [n for n in names if n], "members": sorted(mails.values())}
    return groups


def _words(value: Any) -> list[str]:
    some = value if isinstance(value, list) else [value]
    return [one for one in some if isinstance(one, str)]


def _service(tenant: MicrosoftTenant) -> Service:
    site, brand, mail = tenant.site, tenant.brand, tenant.context.settings.mail
    hosts = (site.incoming_smart_host, site.outgoing_smart_host)
    return Service(
        hosts=frozenset(host.format(connection=tenant.connection.label).lower() for host in hosts),
        egress=ranges(map(str, site.egress)),
        sending_domain=site.sending_domain,
        return_header=brand.return_header,
        return_secret=tenant.return_secret,
        loop_header=brand.loop_header,
        loop_secret=tenant.loop_secret,
        verdict_header=brand.verdict_header,
        junk_verdict=mail.junk_verdict,
    )


async def _protected(tenant: MicrosoftTenant) -> dict[Direction, Protection]:
    database, connection = tenant.context.database, tenant.connection.id
    found = {}
    for way in GROUPS:
        people = await directory.addresses(database, connection, await tenant.protected_users(way))
        found[Direction(way)] = protection(await tenant.protected_domains(way), people.values())
    return found
