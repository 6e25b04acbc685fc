"""Transport rules: which mail goes to the scanning service, and how returned mail is trusted.

Conditions of a rule must all hold, exceptions are alternatives. A rule without a condition applies to all mail of
the organisation, so one is refused here before it can reach the wire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.engine.ledger import HoldingState
from shared.engine.rows import Absent, Present, Settings
from shared.foundation.errors import Missing, Permanent, Temporary
from shared.platforms.microsoft365 import limits
from shared.platforms.microsoft365.connectors import VISIBLE_WITHIN, mine, name_taken, plain
from shared.platforms.microsoft365.exchange import AlreadyExists
from shared.platforms.microsoft365.mail_flow.parameters import ACTIONS, INERT, PREDICATES, is_set
from shared.platforms.microsoft365.rule_settings import RuleSettings
from shared.platforms.microsoft365.tenant import MicrosoftTenant, Record
from shared.protection.policies import Direction

# In the order in which Exchange must evaluate them: route first, then the junk verdict, then the trust.
ORDER = (
    "rule-incoming-domain",
    "rule-incoming-user",
    "rule-outgoing-domain",
    "rule-outgoing-user",
    "rule-junk",
    "rule-skip-spam",
)
# Those that send mail to the scanner.
ROUTING = ORDER[:4]
# What narrows a rule to the mail it is meant for. A scope alone is all mail from outside, or all mail to it.
NARROWING = frozenset({"RecipientDomainIs", "SenderDomainIs", "SentToMemberOf", "FromMemberOf", "SenderIpRanges"})
# Parameters that Exchange takes only together.
PAIRS = (
    ("HeaderContainsMessageHeader", "HeaderContainsWords"),
    ("ExceptIfHeaderContainsMessageHeader", "ExceptIfHeaderContainsWords"),
    ("SetHeaderName", "SetHeaderValue"),
)
# Conditions whose values may take several rules; the elements of such a row are the rules' numbers.
SPREAD = {"rule-incoming-domain": "RecipientDomainIs", "rule-outgoing-domain": "SenderDomainIs"}
IN_PLACE = "in place"
# Where a rule stands among ours: its row in ORDER, and its number where a row has several.
Rank = tuple[int, int]
# What a rule may hold besides our settings that decides about mail: how it is when nobody has set it.
UNSET: Mapping[str, Any] = {
    **dict.fromkeys(PREDICATES),
    **{f"ExceptIf{name}": None for name in PREDICATES},
    **dict.fromkeys(ACTIONS - INERT),
    **dict.fromkeys(("ActivationDate", "ExpiryDate")),
    "StopRuleProcessing": False,
    "RuleErrorAction": "Ignore",
    "SenderAddressLocation": "Header",
    "RecipientAddressType": "Resolved",
}


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

    async def desired(self, tenant: MicrosoftTenant, element: str) -> Settings | None:
        """Its settings, named as in the cmdlets, or None if its target is empty. Raises Permanent if too large."""
        wanted = await self._part(tenant, element)
        if wanted is None:
            return None
        own = self._own(tenant, element)
        limits.refuse_too_large(self.title, own | dict(wanted))
        await self._refuse_too_many(tenant, element)
        state = "Disabled" if self.routes and tenant.paused else "Enabled"
        fixed = {"State": state, "Order": IN_PLACE, "Foreign": []}
        desired = {name: plain(value) for name, value in (own | dict(wanted)).items()} | fixed
        _refuse_unconditional(self.title, desired)
        return desired

    def _own(self, tenant: MicrosoftTenant, element: str) -> dict[str, Any]:
        name = tenant.name(self.title)
        if element:
            name = f"{name[: limits.MAX_CHARS['Name'] - len(element) - 1]} {element}"
        return {"Name": name, "Comments": tenant.mark, "Mode": "Enforce"}

    async def _part(self, tenant: MicrosoftTenant, element: str) -> Settings | None:
        """What one rule says, by its number; None if there is nothing left for it."""
        whole = await self.settings.values(tenant)
        condition = SPREAD.get(self.key)
        if whole is None or condition is None:
            return whole
        own = self._own(tenant, limits.PARTS[-1])
        parts = limits.spread(own | dict(whole), condition)
        place = limits.PARTS.index(element)
        return {**whole, condition: parts[place]} if place < len(parts) else None

    async def _refuse_too_many(self, tenant: MicrosoftTenant, element: str) -> None:
        """Before the first of our rules is made, for all of them: a tenant that is half set up helps nobody."""
        held = tenant.ledger.holdings.get(f"{self.key}/{element}" if element else self.key)
        if held is not None and held.state is not HoldingState.GONE:
            return
        ours = {one.identity for key, one in tenant.ledger.holdings.items() if key.partition("/")[0] in ORDER}
        there = await self._all(tenant)
        more = 1 if any(rule["Guid"] in ours for rule in there) else await _at_least(tenant)
        limits.refuse_full("transport rules", len(there), more, limits.MAX_RULES)

    async def observe(self, tenant: MicrosoftTenant, element: str, identity: str | None) -> Present | Absent:
        """Its record in the complete listing, with its place among our rules and predicates that are not ours."""
        name = self._own(tenant, element)["Name"]
        record = await mine(tenant, "Get-TransportRule", name, "Comments", identity)
        if record is None:
            return Absent()
        names = self.settings.names
        settings = {name: plain(record.get(name)) for name in {"Name", "Comments", "Mode", "State", *names}}
        return Present(
            identity=record["Guid"],
            settings=settings
            | {"Order": await self._place(tenant, element, record), "Foreign": sorted(_set(record) - names)},
        )

    async def create(self, tenant: MicrosoftTenant, element: str, desired: Settings) -> str:
        """Make it at its place, disabled if it routes mail."""
        sent = _parameters(desired) | {"Priority": await self._priority(tenant, element), "Enabled": not self.routes}
        try:
            return (await tenant.exchange.invoke("New-TransportRule", **sent)).request_id
        except AlreadyExists:
            raise name_taken(str(desired["Name"])) from None
        except Missing:
            raise _not_visible(self.title) from None

    async def update(self, tenant: MicrosoftTenant, element: str, present: Present, changes: Settings) -> str:
        """Set what differs; the state has cmdlets of its own."""
        if set(changes) == {"State"}:
            return await _switch(tenant, present.identity, changes["State"])
        sent = _parameters(await self._whole_pairs(tenant, element, changes))
        sent |= {name: UNSET[name] for name in present.settings["Foreign"]} if "Foreign" in changes else {}
        if "Order" in changes:
            sent["Priority"] = await self._priority(tenant, element, present.identity)
        try:
            answer = await tenant.exchange.invoke("Set-TransportRule", Identity=present.identity, **sent)
        except Missing:
            raise _not_visible(self.title) from None
        if "State" in changes:
            await _switch(tenant, present.identity, changes["State"])
        return answer.request_id

    async def remove(self, tenant: MicrosoftTenant, _element: str, present: Present) -> str:
        """Remove it by its Guid."""
        return (await tenant.exchange.invoke("Remove-TransportRule", Identity=present.identity)).request_id

    async def _whole_pairs(self, tenant: MicrosoftTenant, element: str, changes: Settings) -> Settings:
        desired = await self.desired(tenant, element) or {}
        both = {name for pair in PAIRS if set(pair) & set(changes) for name in pair}
        return dict(changes) | {name: desired[name] for name in both}

    async def _standing(self, tenant: MicrosoftTenant) -> dict[Rank, int]:
        """The positions of our rules that stand in order, by rank: as many of them as can be."""
        ranks = {
            held.identity: _rank(key)
            for key, held in tenant.ledger.holdings.items()
            if key.partition("/")[0] in ORDER and held.state is not HoldingState.GONE
        }
        found = sorted((int(r["Priority"]), ranks[r["Guid"]]) for r in await self._all(tenant) if r["Guid"] in ranks)
        return {rank: place for place, rank in _longest_rising(found)}

    async def _all(self, tenant: MicrosoftTenant) -> list[Record]:
        return await tenant.listing("Get-TransportRule")

    async def _place(self, tenant: MicrosoftTenant, element: str, record: Record) -> str:
        # Only the order counts: Exchange renumbers rules whenever one is inserted or removed.
        known = any(one.identity == record["Guid"] for one in tenant.ledger.holdings.values())
        in_order = not known or _rank(f"{self.key}/{element}") in await self._standing(tenant)
        return IN_PLACE if in_order else "out of order"

    async def _priority(self, tenant: MicrosoftTenant, element: str, identity: str | None = None) -> int:
        """The position right behind our rules that come before this one; one that is moved leaves its own first."""
        standing, rank = await self._standing(tenant), _rank(f"{self.key}/{element}")
        before = [place for one, place in standing.items() if one < rank]
        place = max(before) + 1 if before else min((p for one, p in standing.items() if one > rank), default=0)
        own = (int(rule["Priority"]) for rule in await self._all(tenant) if rule["Guid"] == identity)
        return place - any(one < place for one in own)


async def _switch(tenant: MicrosoftTenant, identity: str, state: str) -> str:
    if state == "Enabled":
        return (await tenant.exchange.invoke("Enable-TransportRule", Identity=identity)).request_id
    return (await tenant.exchange.invoke("Disable-TransportRule", Identity=identity)).request_id


def _rank(key: str) -> Rank:
    name, _, part = key.partition("/")
    return ORDER.index(name), int(part or 1)


def _longest_rising(found: Sequence[tuple[int, Rank]]) -> Sequence[tuple[int, Rank]]:
    """Of rules by position, the most whose ranks rise: those that need not move."""
    longest: list[list[tuple[int, Rank]]] = []
    for one in found:
        before = [chain for chain in longest if chain[-1][1] < one[1]]
        longest.append([*max(before, key=len, default=[]), one])
    return max(longest, key=len, default=[])


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
            f"{title} would apply to all mail of the organisation. The rule was not sent. Report this to support.",
        )


def _not_visible(title: str) -> Temporary:
    return Temporary(
        "group_not_visible",
        f"{title} needs a group or connector that Exchange does not list yet. New groups take some minutes.",
    )


async def _at_least(tenant: MicrosoftTenant) -> int:
    """How many rules the policies need at the least: two for returned mail, one for each direction that they mean."""
    directions: tuple[Direction, ...] = ("incoming", "outgoing")
    return 2 + sum([await tenant.targets.names_somebody(direction) for direction in directions])
