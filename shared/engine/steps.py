"""What a plan is made of: its lines, the objects they are about, and what the engine needs of an open tenant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from shared.connections.choices import Choice
from shared.engine.chain import Image
from shared.engine.concerns import Concern
from shared.engine.effects import Drift
from shared.engine.ledger import FORMER, NOT_OURS, Holding, HoldingState, Ledger
from shared.engine.rows import ByAdministrator, Change, Present, Row, Settings

# Before anything that the ledger could know.
NEVER = datetime.min.replace(tzinfo=UTC)
# The drift of an object of ours that is not there any more.
MISSING: Image = {"exists": False}
# Why an object that the published table leaves behind is not removed.
OFFERED = "stays, as published; deleted on request"


class Verb(StrEnum):
    """What a step does."""

    CREATE = "create"
    UPDATE = "update"
    COMPLETE = "complete"
    REMOVE = "remove"
    ADOPT = "adopt"
    BORROW = "borrow"
    FORGET = "forget"
    MISS = "miss"
    UNSEEN = "unseen"
    UNSURE = "unsure"
    LEAVE = "leave"
    DRIFT = "drift"
    WAIT = "wait"
    ASK = "ask"
    OFFER = "offer"
    BLOCKED = "blocked"


# Not done by us: shown, and looked at again later.
STANDING = frozenset({Verb.WAIT, Verb.ASK, Verb.DRIFT, Verb.OFFER, Verb.BLOCKED})


class Tenant(Protocol):
    """What the engine needs of a platform's open tenant."""

    @property
    def ledger(self) -> Ledger:
        """The connection's ledger, guarded by the lease of this run."""
        ...

    @property
    def choices(self) -> Mapping[str, Choice]:
        """What operators have said about findings, by the holding's key; as it stood when the tenant was opened."""
        ...

    @property
    def drained_at(self) -> datetime | None:
        """When the service last said that nothing of this tenant's mail is in flight; None if it did not."""
        ...

    @property
    def paused(self) -> bool:
        """Whether mail is not to be routed to the scanner now, because an operator has paused the connection."""
        ...

    @property
    def now(self) -> datetime:
        """The time."""
        ...

    @property
    def modelled(self) -> frozenset[str]:
        """Keys of the rows whose objects the model of the mail flow sees."""
        ...

    async def mail_drift(self) -> Sequence[Drift] | None:
        """What others changed since mail last flowed as it should, with what harms it; None without a model of that."""
        ...

    async def repair_harms(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Of our objects by key, those whose repair would do harm as everything else is now, with that in words."""
        ...

    async def concerns(self) -> Sequence[Concern] | None:
        """What in the tenant would harm mail once we are in it; None where no model can tell."""
        ...

    async def keep_mail_flow(self) -> None:
        """Remember the present mail flow as the one that should be, but for what harms mail in it."""
        ...

    async def note_mail_flow(self, why: str) -> None:
        """Keep a snapshot of the present mail flow, unless nothing has changed since the last one."""
        ...

    def forget_reads(self) -> None:
        """Forget everything read so far, so that the next observation is a fresh one."""
        ...

    async def look_ahead(self) -> None:
        """Read side by side what a plan would read one after the other. What fails raises where it is needed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of a plan: what will be done to which object, and why."""

    row: Row
    key: str
    verb: Verb
    why: str
    element: str = ""
    until: datetime | None = None
    present: Present | None = field(default=None, repr=False)
    changes: Settings | None = field(default=None, repr=False)
    desired: Settings | None = field(default=None, repr=False)
    before: Image | None = None
    after: Image | None = None
    identity: str | None = None
    error: Exception | None = field(default=None, repr=False)
    """Why an ending connection's object could not be looked at or removed now."""
    new: bool = True
    """Whether the ledger does not have it yet; what only stands is noted once."""
    mends: "Step | None" = field(default=None, repr=False)
    """The drift that this puts right, which is noted before."""
    drift: Drift | None = field(default=None, repr=False)
    """What the drift does to mail, where the platform can tell."""
    accepted: bool = False
    """Somebody has accepted the drift, with all that it does: it is shown, and nobody is called."""


@dataclass(frozen=True, kw_only=True)
class PlanItem:
    """A row, one element of a row that stands for a shared list, or an incarnation that another one has followed."""

    row: Change | ByAdministrator
    element: str = ""
    former: str = ""
    """The number of an incarnation before the present one."""

    @property
    def key(self) -> str:
        """The holding's key: the row's, with the element behind a slash or a former incarnation's number."""
        if self.former:
            return f"{self.row.key}{FORMER}{self.former}"
        return f"{self.row.key}/{self.element}" if self.element else self.row.key

    def step(self, verb: Verb, why: str, **more: Any) -> Step:
        """A line of the plan about this object."""
        return Step(row=self.row, key=self.key, element=self.element, verb=verb, why=why, **more)


def set_last(row: Change, tenant: Tenant) -> frozenset[str]:
    """Settings that wait until everything else reads back. To end the routing of mail waits for nothing."""
    return frozenset() if row.routes and tenant.paused else row.resource.set_last


def turn(step: Step, tenant: Tenant) -> int:
    """The order of steps: mail to a paused scanner ends before anything else can fail, and completing comes last."""
    ends = tenant.paused and isinstance(step.row, Change) and step.row.routes and step.verb is Verb.UPDATE
    return -1 if ends else int(step.verb is Verb.COMPLETE)


def still_listed(item: PlanItem, tenant: Tenant) -> bool:
    """Whether today's list still has the element, where the row stands for a list."""
    listed = item.row.elements if isinstance(item.row, Change) else None
    return listed is None or item.element in set(listed(tenant))


def unclear(row: Change, held: Holding, observed: Present) -> bool:
    """Whether nobody can tell whose an element of a shared list is.

    Nobody told us that our call put it there, or it was missing meanwhile and has no identity of its own.
    """
    if not row.resource.shared:
        return False
    if row.resource.identified and held.identity is not None:
        return held.identity != observed.identity
    return (held.state is HoldingState.CREATING and held.seen is None) or held.missed_at is not None


def items(rows: Iterable[Row], tenant: Tenant) -> list[PlanItem]:
    """Every object the rows speak of: each element of today's lists and each that the ledger still knows."""
    found: dict[str, PlanItem] = {}
    for row in rows:
        if not isinstance(row, Change | ByAdministrator):
            continue
        if isinstance(row, ByAdministrator) or row.elements is None:
            found[row.key] = PlanItem(row=row)
            formers = [key.partition(FORMER) for key in tenant.ledger.holdings if key.startswith(row.key + FORMER)]
            found |= {row.key + FORMER + number: PlanItem(row=row, former=number) for _, _, number in formers}
            continue
        held = [key.partition("/")[2] for key in tenant.ledger.holdings if key.startswith(row.key + "/")]
        for element in dict.fromkeys([*row.elements(tenant), *held]):
            item = PlanItem(row=row, element=element)
            found[item.key] = item
    return list(found.values())


def known(rows: Sequence[Row], ledger: Ledger) -> list[PlanItem]:
    """Every object that the ledger knows, with its row."""
    by_key = {row.key: row for row in rows if isinstance(row, Change | ByAdministrator)}
    found = []
    for key in ledger.holdings:
        head, _, element = key.partition("/")
        head, _, former = head.partition(FORMER)
        if head in by_key:
            found.append(PlanItem(row=by_key[head], element=element, former=former))
    return found


def held_of(key: str, holdings: Mapping[str, Holding]) -> list[Holding]:
    """What is held of a row, with all its elements."""
    return [holding for k, holding in holdings.items() if k == key or k.startswith(key + "/")]


def there(key: str, holdings: Mapping[str, Holding]) -> bool:
    """Whether a row, with all its elements, is known to be in place."""
    held = held_of(key, holdings)
    return bool(held) and all(holding.state is HoldingState.OURS or holding.state in NOT_OURS for holding in held)


def gone_since(key: str, holdings: Mapping[str, Holding]) -> datetime | None:
    """Since when a row, with all its elements, is gone; a row that never was is gone since ever.

    What is not ours will not go, so nobody waits for it.
    """
    formers = [holding for k, holding in holdings.items() if k.startswith(key + FORMER)]
    held = [holding for holding in (*held_of(key, holdings), *formers) if holding.state not in NOT_OURS]
    if any(holding.state is not HoldingState.GONE for holding in held):
        return None
    return max((holding.since for holding in held), default=NEVER)
