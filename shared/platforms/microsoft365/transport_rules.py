"""Transport rules: which mail goes to the scanning service, and how returned mail is trusted.

Conditions of a rule must all hold, exceptions are alternatives. A rule without a condition applies to all mail of
the organisation, so one is refused here before it can reach the wire.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.engine.ledger import HoldingState
from shared.engine.rows import Absent, Present, Settings
from shared.foundation.errors import Missing, Permanent, Temporary
from shared.platforms.microsoft365.connectors import VISIBLE_WITHIN, egress, mine, name_taken, plain
from shared.platforms.microsoft365.exchange import AlreadyExists
from shared.platforms.microsoft365.tenant import MicrosoftTenant, Record
from shared.protection.policies import Direction
from shared.protection.targets import protected_domains, protected_users

# In the order in which Exchange must evaluate them: route first, then the junk verdict, then the trust.
ORDER = (
    "rule-incoming-domain",
    "rule-incoming-user",
    "rule-outgoing-domain",
    "rule-outgoing-user",
    "rule-junk",
    "rule-skip-spam",
)
# What narrows a rule to the mail it is meant for. A scope alone is all mail from outside, or all mail to it.
NARROWING = frozenset({"RecipientDomainIs", "SenderDomainIs", "SentToMemberOf", "FromMemberOf", "SenderIpRanges"})
# Parameters that Exchange takes only together.
PAIRS = (
    ("HeaderContainsMessageHeader", "HeaderContainsWords"),
    ("ExceptIfHeaderContainsMessageHeader", "ExceptIfHeaderContainsWords"),
    ("SetHeaderName", "SetHeaderValue"),
)
IN_PLACE = "in place"
# Parameters that say when a routing rule applies and what it does, beside the condition on whom it is for.
ROUTED = (
    "FromScope",
    "ExceptIfHeaderContainsMessageHeader",
    "ExceptIfHeaderContainsWords",
    "RouteMessageOutboundConnector",
    "StopRuleProcessing",
)
ROUTED_OUT = (*ROUTED, "SentToScope", "SetHeaderName", "SetHeaderValue")
# The same of a rule that trusts returned mail.
RETURNED = ("SenderIpRanges", "RemoveHeader", "HeaderContainsMessageHeader", "HeaderContainsWords", "SetSCL")


@dataclass(frozen=True, kw_only=True)
class RuleSettings:
    """What a rule says: the parameters' names, known without a look at anything else, and their values in a tenant."""

    names: frozenset[str]
    values: Callable[[MicrosoftTenant], Awaitable[Settings | None]]


@dataclass(frozen=True, kw_only=True)
class TransportRule:
    """One rule. Its settings' values are None when there is nobody to protect: then the rule does not exist."""

    key: str
    title: str
    settings: RuleSettings
    routes: bool
    shared: bool = False
    identified: bool = True
    visible_within: timedelta = VISIBLE_WITHIN

    @property
    def set_last(self) -> frozenset[str]:
        """Mail is routed only once everything else is in place."""
        return frozenset({"State"}) if self.routes else frozenset()

    async def desired(self, tenant: MicrosoftTenant, _element: str) -> Settings | None:
        """Its settings, named as in the cmdlets, or None if its target is empty."""
        wanted = await self.settings.values(tenant)
        if wanted is None:
            return None
        own = {"Name": tenant.name(self.title), "Comments": tenant.mark, "Mode": "Enforce"}
        fixed = {"State": "Enabled", "Order": IN_PLACE, "Foreign": []}
        desired = {name: plain(value) for name, value in (own | dict(wanted)).items()} | fixed
        _refuse_unconditional(self.title, desired)
        return desired

    async def observe(self, tenant: MicrosoftTenant, _element: str, identity: str | None) -> Present | Absent:
        """Its record in the complete listing, with its place among our rules and predicates that are not ours."""
        record = await mine(tenant, "Get-TransportRule", tenant.name(self.title), "Comments", identity)
        if record is None:
            return Absent()
        names = self.settings.names
        settings = {name: plain(record.get(name)) for name in {"Name", "Comments", "Mode", "State", *names}}
        return Present(
            identity=record["Guid"],
            settings=settings
            | {"Order": await self._place(tenant, record), "Foreign": sorted(_predicates(record) - names)},
        )

    async def create(self, tenant: MicrosoftTenant, _element: str, desired: Settings) -> str:
        """Make it at its place, disabled if it routes mail."""
        sent = _parameters(desired) | {"Priority": await self._priority(tenant), "Enabled": not self.routes}
        try:
            return (await tenant.exchange.invoke("New-TransportRule", **sent)).request_id
        except AlreadyExists:
            raise name_taken(tenant.name(self.title)) from None
        except Missing:
            raise _not_visible(self.title) from None

    async def update(self, tenant: MicrosoftTenant, _element: str, present: Present, changes: Settings) -> str:
        """Set what differs; the state has cmdlets of its own."""
        if set(changes) == {"State"}:
            return (await tenant.exchange.invoke("Enable-TransportRule", Identity=present.identity)).request_id
        sent = _parameters(await self._whole_pairs(tenant, changes))
        sent |= dict.fromkeys(present.settings["Foreign"]) if "Foreign" in changes else {}
        if "Order" in changes:
            sent["Priority"] = await self._priority(tenant, present.identity)
        try:
            answer = await tenant.exchange.invoke("Set-TransportRule", Identity=present.identity, **sent)
        except Missing:
            raise _not_visible(self.title) from None
        if changes.get("State") == "Enabled":
            await tenant.exchange.invoke("Enable-TransportRule", Identity=present.identity)
        return answer.request_id

    async def remove(self, tenant: MicrosoftTenant, _element: str, present: Present) -> str:
        """Remove it by its Guid."""
        return (await tenant.exchange.invoke("Remove-TransportRule", Identity=present.identity)).request_id

    async def _whole_pairs(self, tenant: MicrosoftTenant, changes: Settings) -> Settings:
        desired = await self.desired(tenant, "") or {}
        both = {name for pair in PAIRS if set(pair) & set(changes) for name in pair}
        return dict(changes) | {name: desired[name] for name in both}

    async def _others(self, tenant: MicrosoftTenant) -> tuple[list[int], list[int]]:
        """The positions of our other rules: those that stand before this one, and those that stand after it."""
        ranks = {
            held.identity: ORDER.index(key)
            for key, held in tenant.ledger.holdings.items()
            if key in ORDER and held.state is not HoldingState.GONE
        }
        rank = ORDER.index(self.key)
        places = [(ranks[r["Guid"]], int(r["Priority"])) for r in await self._all(tenant) if r["Guid"] in ranks]
        return [p for r, p in places if r < rank], [p for r, p in places if r > rank]

    async def _all(self, tenant: MicrosoftTenant) -> list[Record]:
        return await tenant.listing("Get-TransportRule")

    async def _place(self, tenant: MicrosoftTenant, record: Record) -> str:
        # Only the order counts: Exchange renumbers rules whenever one is inserted or removed.
        before, _ = await self._others(tenant)
        return IN_PLACE if all(place < int(record["Priority"]) for place in before) else "before its predecessors"

    async def _priority(self, tenant: MicrosoftTenant, moved: str | None = None) -> int:
        before, after = await self._others(tenant)
        if before:
            own = [int(record["Priority"]) for record in await self._all(tenant) if record["Guid"] == moved]
            # What stands below a rule moves up by one when the rule is taken out to be moved down.
            return max(before) + (not own or own[0] > max(before))
        return min(after, default=0)


def _parameters(settings: Settings) -> dict[str, Any]:
    """Settings as the cmdlets take them: place and state are said in other ways."""
    return {name: value for name, value in settings.items() if name not in ("State", "Order", "Foreign")}


def _predicates(record: Mapping[str, Any]) -> set[str]:
    """The exceptions and conditions that a rule's record holds: every name that has an exception twin, and the twin."""
    exceptions = {name for name in record if name.startswith("ExceptIf")}
    known = exceptions | {name.removeprefix("ExceptIf") for name in exceptions}
    return {name for name in known if record.get(name) not in (None, [], "", False)}


def _refuse_unconditional(title: str, settings: Settings) -> None:
    if not any(settings.get(name) for name in NARROWING):
        raise Permanent(
            "rule_without_condition",
            f"{title} would apply to all mail of the organisation. It was not sent. Report this as our mistake.",
        )


def _not_visible(title: str) -> Temporary:
    return Temporary(
        "group_not_visible",
        f"{title} needs a group or connector that Exchange does not list yet. New groups take some minutes.",
    )


def _routing(tenant: MicrosoftTenant, connector: str, header: str, secret: str) -> dict[str, Any]:
    return {
        "ExceptIfHeaderContainsMessageHeader": header,
        "ExceptIfHeaderContainsWords": [secret],
        "RouteMessageOutboundConnector": tenant.name(connector),
        "StopRuleProcessing": True,
    }


def _incoming(tenant: MicrosoftTenant) -> dict[str, Any]:
    brand = tenant.brand
    routing = _routing(tenant, brand.outbound_incoming, brand.return_header, tenant.return_secret)
    return {"FromScope": "NotInOrganization", **routing}


def _outgoing(tenant: MicrosoftTenant) -> dict[str, Any]:
    brand, loop = tenant.brand, tenant.brand.loop_header
    return {
        "FromScope": "InOrganization",
        "SentToScope": "NotInOrganization",
        **_routing(tenant, brand.outbound_outgoing, loop, tenant.loop_secret),
        "SetHeaderName": loop,
        "SetHeaderValue": tenant.loop_secret,
    }


def _by_domain(
    direction: Direction, condition: str, route: Callable[[MicrosoftTenant], dict[str, Any]]
) -> RuleSettings:
    async def settings(tenant: MicrosoftTenant) -> Settings | None:
        names = await protected_domains(tenant.context.database, tenant.connection.id, direction)
        return {condition: names, **route(tenant)} if names else None

    return RuleSettings(names=_names(direction, condition), values=settings)


def _by_group(direction: Direction, condition: str, route: Callable[[MicrosoftTenant], dict[str, Any]]) -> RuleSettings:
    async def settings(tenant: MicrosoftTenant) -> Settings | None:
        group = tenant.ledger.holdings.get(f"group-{direction}")
        if group is None or not await protected_users(tenant.context.database, tenant.connection.id, direction):
            return None
        if not (mail := (group.seen or {}).get("mail")):
            raise Temporary("group_not_visible", f"The {direction} group has no address yet. We will look again.")
        return {condition: [mail], **route(tenant)}

    return RuleSettings(names=_names(direction, condition), values=settings)


def _names(direction: Direction, condition: str) -> frozenset[str]:
    return frozenset({condition, *(ROUTED if direction == "incoming" else ROUTED_OUT)})


def _returned(tenant: MicrosoftTenant) -> dict[str, Any]:
    # Our addresses alone are not proof: every customer's mail comes back from them.
    return {"SenderIpRanges": egress(tenant), "RemoveHeader": tenant.brand.return_header}


async def _skip_spam(tenant: MicrosoftTenant) -> Settings | None:
    """Returned mail that the scanner found clean is not filtered a second time."""
    brand = tenant.brand
    return _returned(tenant) | {
        "HeaderContainsMessageHeader": brand.return_header,
        "HeaderContainsWords": [tenant.return_secret],
        "ExceptIfHeaderContainsMessageHeader": brand.verdict_header,
        "ExceptIfHeaderContainsWords": [tenant.context.settings.mail.junk_verdict],
        "SetSCL": -1,
    }


async def _junk(tenant: MicrosoftTenant) -> Settings | None:
    """Returned mail that the scanner calls junk goes to the junk folder, if it bears our secret as well."""
    brand = tenant.brand
    return _returned(tenant) | {
        "HeaderContainsMessageHeader": brand.return_header,
        "HeaderContainsWords": [tenant.return_secret],
        "HeaderMatchesMessageHeader": brand.verdict_header,
        "HeaderMatchesPatterns": [f"^{tenant.context.settings.mail.junk_verdict}$"],
        "SetSCL": 6,
    }


skip_spam = RuleSettings(
    names=frozenset({*RETURNED, "ExceptIfHeaderContainsMessageHeader", "ExceptIfHeaderContainsWords"}),
    values=_skip_spam,
)
junk = RuleSettings(names=frozenset({*RETURNED, "HeaderMatchesMessageHeader", "HeaderMatchesPatterns"}), values=_junk)
incoming_domain = _by_domain("incoming", "RecipientDomainIs", _incoming)
incoming_user = _by_group("incoming", "SentToMemberOf", _incoming)
outgoing_domain = _by_domain("outgoing", "SenderDomainIs", _outgoing)
outgoing_user = _by_group("outgoing", "FromMemberOf", _outgoing)
