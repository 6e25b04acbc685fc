"""Transport rules: which mail goes to the scanning service, and how returned mail is trusted.

Conditions of a rule must all hold, exceptions are alternatives. A rule without a condition applies to all mail of
the organisation, so one is refused here before it can reach the wire.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations, pairwise
from typing import Any

from shared.engine.ledger import HoldingState
from shared.engine.rows import Absent, Present, Settings
from shared.foundation.errors import Missing, Permanent, Temporary
from shared.platforms.microsoft365.connectors import VISIBLE_WITHIN, egress, mine, name_taken, plain
from shared.platforms.microsoft365.exchange import AlreadyExists
from shared.platforms.microsoft365.mail_flow.parameters import ACTIONS, INERT, PREDICATES, is_set
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
# What a rule may hold besides our settings that decides about mail: how it is when nobody has set it.
UNSET: Mapping[str, Any] = {
    **dict.fromkeys(PREDICATES),
    **{f"ExceptIf{name}": None for name in PREDICATES},
    **dict.fromkeys(ACTIONS - INERT),
    **dict.fromkeys(("ActivationDate", "ExpiryDate")),
    "StopRuleProcessing": False,
    "RuleErrorAction": "Ignore",
    "SenderAddressLocation": "Header",
}
RuleSettings = Callable[[MicrosoftTenant], Awaitable[Settings | None]]


@dataclass(frozen=True, kw_only=True)
class TransportRule:
    """One rule. `settings` answers None when there is nobody to protect: then the rule does not exist."""

    key: str
    title: str
    settings: RuleSettings
    routes: bool
    shared: bool = False
    visible_within: timedelta = VISIBLE_WITHIN

    @property
    def set_last(self) -> frozenset[str]:
        """Mail is routed only once everything else is in place."""
        return frozenset({"State"}) if self.routes else frozenset()

    async def desired(self, tenant: MicrosoftTenant, _element: str) -> Settings | None:
        """Its settings, named as in the cmdlets, or None if its target is empty."""
        wanted = await self.settings(tenant)
        if wanted is None:
            return None
        own = {"Name": tenant.name(self.title), "Comments": tenant.mark, "Mode": "Enforce"}
        fixed = {"State": "Enabled", "Order": IN_PLACE, "Foreign": []}
        desired = {name: plain(value) for name, value in (own | dict(wanted)).items()} | fixed
        _refuse_unconditional(self.title, desired)
        return desired

    async def observe(self, tenant: MicrosoftTenant, _element: str, identity: str | None) -> Present | Absent:
        """Its record in the complete listing, with its place among our rules and what others have set in it."""
        record = await mine(tenant, "Get-TransportRule", tenant.name(self.title), "Comments", identity)
        if record is None:
            return Absent()
        wanted = await self.settings(tenant) or {}
        names = {"Name", "Comments", "Mode", "State", *wanted}
        settings = {name: plain(record.get(name)) for name in names}
        return Present(
            identity=record["Guid"],
            settings=settings
            | {"Order": await self._place(tenant, record), "Foreign": sorted(_set(record) - set(wanted))},
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
        sent |= {name: UNSET[name] for name in present.settings["Foreign"]} if "Foreign" in changes else {}
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

    async def _standing(self, tenant: MicrosoftTenant) -> dict[int, int]:
        """The positions of our rules that stand in order, by rank: as many of them as can be."""
        ranks = {
            held.identity: ORDER.index(key)
            for key, held in tenant.ledger.holdings.items()
            if key in ORDER and held.state is not HoldingState.GONE
        }
        found = [(int(r["Priority"]), ranks[r["Guid"]]) for r in await self._all(tenant) if r["Guid"] in ranks]
        some = (one for size in range(len(found), -1, -1) for one in combinations(sorted(found), size))
        return {rank: place for place, rank in next(one for one in some if _rising(one))}

    async def _all(self, tenant: MicrosoftTenant) -> list[Record]:
        return await tenant.listing("Get-TransportRule")

    async def _place(self, tenant: MicrosoftTenant, record: Record) -> str:
        # Only the order counts: Exchange renumbers rules whenever one is inserted or removed.
        known = any(one.identity == record["Guid"] for one in tenant.ledger.holdings.values())
        return IN_PLACE if not known or ORDER.index(self.key) in await self._standing(tenant) else "out of order"

    async def _priority(self, tenant: MicrosoftTenant, identity: str | None = None) -> int:
        """The position right behind our rules that come before this one; one that is moved leaves its own first."""
        standing, rank = await self._standing(tenant), ORDER.index(self.key)
        before = [place for one, place in standing.items() if one < rank]
        place = max(before) + 1 if before else min((p for one, p in standing.items() if one > rank), default=0)
        own = (int(rule["Priority"]) for rule in await self._all(tenant) if rule["Guid"] == identity)
        return place - any(one < place for one in own)


def _rising(places: Sequence[tuple[int, int]]) -> bool:
    return all(one[1] < next_one[1] for one, next_one in pairwise(places))


def _parameters(settings: Settings) -> dict[str, Any]:
    """Settings as the cmdlets take them: place and state are said in other ways."""
    return {name: value for name, value in settings.items() if name not in ("State", "Order", "Foreign")}


def _set(record: Mapping[str, Any]) -> set[str]:
    """What is set in a rule of all that decides about mail."""
    return {name for name, unset in UNSET.items() if is_set(record.get(name)) and record[name] != unset}


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

    return settings


def _by_group(direction: Direction, condition: str, route: Callable[[MicrosoftTenant], dict[str, Any]]) -> RuleSettings:
    async def settings(tenant: MicrosoftTenant) -> Settings | None:
        group = tenant.ledger.holdings.get(f"group-{direction}")
        if group is None or not await protected_users(tenant.context.database, tenant.connection.id, direction):
            return None
        return {condition: [(group.seen or {})["mail"]], **route(tenant)}

    return settings


def _returned(tenant: MicrosoftTenant) -> dict[str, Any]:
    # Our addresses alone are not proof: every customer's mail comes back from them.
    return {"SenderIpRanges": egress(tenant), "RemoveHeader": tenant.brand.return_header}


async def skip_spam(tenant: MicrosoftTenant) -> Settings | None:
    """Returned mail that the scanner found clean is not filtered a second time."""
    brand = tenant.brand
    return _returned(tenant) | {
        "HeaderContainsMessageHeader": brand.return_header,
        "HeaderContainsWords": [tenant.return_secret],
        "ExceptIfHeaderContainsMessageHeader": brand.verdict_header,
        "ExceptIfHeaderContainsWords": [tenant.context.settings.mail.junk_verdict],
        "SetSCL": -1,
    }


async def junk(tenant: MicrosoftTenant) -> Settings | None:
    """Returned mail that the scanner calls junk goes to the junk folder, if it bears our secret as well."""
    brand = tenant.brand
    return _returned(tenant) | {
        "HeaderContainsMessageHeader": brand.return_header,
        "HeaderContainsWords": [tenant.return_secret],
        "HeaderMatchesMessageHeader": brand.verdict_header,
        "HeaderMatchesPatterns": [f"^{tenant.context.settings.mail.junk_verdict}$"],
        "SetSCL": 6,
    }


incoming_domain = _by_domain("incoming", "RecipientDomainIs", _incoming)
incoming_user = _by_group("incoming", "SentToMemberOf", _incoming)
outgoing_domain = _by_domain("outgoing", "SenderDomainIs", _outgoing)
outgoing_user = _by_group("outgoing", "FromMemberOf", _outgoing)
