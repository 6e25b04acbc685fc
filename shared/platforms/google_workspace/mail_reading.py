"""Reads everything of a customer that decides about incoming mail, with what the model must know of us."""

from shared.connections.secrets import header_secrets
from shared.engine.ledger import NOT_OURS, HoldingState
from shared.engine.rows import Present
from shared.platforms.google_workspace import checks
from shared.platforms.google_workspace.console import changes, policies
from shared.platforms.google_workspace.group import VirtualGroup
from shared.platforms.google_workspace.group_members import Membership
from shared.platforms.google_workspace.mail_flow.service import Protection, Service, protection
from shared.platforms.google_workspace.mail_flow.snapshot import Snapshot, read
from shared.platforms.google_workspace.mail_flow.verdict import Fault
from shared.platforms.google_workspace.tenant import WorkspaceCustomer
from shared.protection import directory

# Our own things whose way of mail the model sees, in the order in which mail meets them.
OURS = ("group", "rule", "route", "gateway")
TITLES = {"mx": "the MX record of {}", "setting": "the setting {}", "log": "the routing setting {}"}


def in_place(tenant: WorkspaceCustomer, key: str) -> bool:
    """Whether something of ours was seen to be there."""
    held = tenant.ledger.holdings.get(key)
    return held is not None and held.state is HoldingState.OURS


async def snapshot(tenant: WorkspaceCustomer) -> Snapshot:
    """Everything that can be read of the way of incoming mail, now. Complete, or it raises."""
    copy = await tenant.targets.domains()
    group = None
    held = tenant.ledger.holdings.get("group")
    if held is not None and held.identity is not None and held.state not in NOT_OURS:
        seen = await VirtualGroup(hardened=False).observe(tenant, "", held.identity)
        if isinstance(seen, Present):
            members = await Membership().observe(tenant, "", None)
            out = members.settings["taken_out"] if isinstance(members, Present) else ()
            group = {"address": seen.settings["email"], "taken_out": len(out)}
    return read(
        policies=await policies(tenant),
        mx={one["name"]: one["mx"] for one in copy if one["verified"]},
        group=group,
        changes=await changes(tenant),
    )


async def service(tenant: WorkspaceCustomer) -> Service:
    """The service as this customer meets it."""
    connection, brand = tenant.connection, tenant.brand
    mail = tenant.context.settings.mail.at(connection.site)
    (secret,) = await header_secrets(tenant.context.seal, connection)
    held = tenant.ledger.holdings
    rule, group = held.get("rule"), held.get("group")
    return Service(
        host=mail.gateway_host.replace("{connection}", connection.label),
        egress=tuple(mail.egress),
        sending_domain=mail.sending_domain,
        return_header=brand.return_header,
        return_secret=secret,
        rule=brand.gmail_rule,
        rule_id=rule.identity if rule else None,
        route=checks.route_name(connection),
        address=str(((group and group.seen) or {}).get("email") or ""),
    )


async def protected(tenant: WorkspaceCustomer) -> Protection:
    """Whose incoming mail the policies protect, by our copy of the directory."""
    database, connection = tenant.context.database, tenant.connection.id
    people = await tenant.targets.covered_users("incoming")
    mails = await directory.addresses(database, connection, people)
    also = {one["name"] for one in await tenant.targets.domains() if one["verified"]}
    return protection(mails.values(), also)


def title(snapshot: Snapshot, fault: Fault) -> str:
    """What people call a thing; what is ours has a title of its own."""
    kind, identity = fault.key
    if kind == "rule" and identity in snapshot.things["rule"]:
        return f"the rule “{str(snapshot.things['rule'][identity]['rule'].get('description', '')).strip()}”"
    name = identity.partition(" ")[0].removeprefix("settings/") if kind == "setting" else f"“{identity}”"
    return TITLES.get(kind, "{}").format(identity if kind == "mx" else name)
