"""Look and decide: a plan is a printable list of what is to be done now, and why. Nothing is changed here.

Unknown is never absent: an observation that is not sure raises, and then there is no plan.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from shared.ledger import Holding, Image, Ledger, State
from shared.lifecycle import (
    Absent,
    ByAdministrator,
    Change,
    Present,
    Row,
    Settings,
    Stage,
    Want,
    Wanted,
    wanted,
)

# Before anything that the ledger could know.
NEVER = datetime.min.replace(tzinfo=UTC)


class Verb(StrEnum):
    """What a step does."""

    CREATE = "create"
    UPDATE = "update"
    COMPLETE = "complete"
    REMOVE = "remove"
    ADOPT = "adopt"
    BORROW = "borrow"
    FORGET = "forget"
    DRIFT = "drift"
    WAIT = "wait"
    ASK = "ask"


# Not done by us: shown, and looked at again later.
STANDING = frozenset({Verb.WAIT, Verb.ASK, Verb.DRIFT})


class Tenant(Protocol):
    """What the engine needs of a platform's open tenant."""

    @property
    def ledger(self) -> Ledger:
        """The connection's ledger, guarded by the lease of this run."""
        ...

    @property
    def now(self) -> datetime:
        """The time."""
        ...

    def look_again(self) -> None:
        """Forget everything read so far, so that the next observation is a fresh one."""
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
    new: bool = True

    def printed(self) -> dict[str, Any]:
        """The step as JSON, secrets by name only."""
        return {
            "key": self.key, "title": self.row.title, "verb": str(self.verb), "why": self.why,
            "element": self.element or None, "until": self.until.isoformat() if self.until else None,
            "before": self.before, "after": self.after,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Item:
    """A row, or one element of a row that stands for a shared list."""

    row: Change | ByAdministrator
    element: str = ""

    @property
    def key(self) -> str:
        """The holding's key: the row's, with the element behind a slash."""
        return f"{self.row.key}/{self.element}" if self.element else self.row.key


def items(rows: Iterable[Row], tenant: Tenant) -> list[Item]:
    """Every object the rows speak of: each element of today's lists and each that the ledger still knows."""
    found: dict[str, Item] = {}
    for row in rows:
        if not isinstance(row, Change | ByAdministrator):
            continue
        if isinstance(row, ByAdministrator) or row.elements is None:
            found[row.key] = Item(row=row)
            continue
        held = [key.partition("/")[2] for key in tenant.ledger.holdings if key.startswith(row.key + "/")]
        for element in dict.fromkeys([*row.elements(tenant), *held]):
            item = Item(row=row, element=element)
            found[item.key] = item
    return list(found.values())


async def plan(rows: Sequence[Row], tenant: Tenant, stage: Stage, *, repair: bool) -> list[Step]:
    """What is to be done now, in order: removals from the last made to the first, then the rest, completing last.

    Reads everything afresh. With `repair` off, what others changed in our objects while running is reported only.
    """
    tenant.look_again()
    removals: list[Step] = []
    others: list[Step] = []
    for item in items(rows, tenant):
        steps = await _steps(item, tenant, stage, repair=repair)
        removals[:0] = [step for step in steps if step.verb is Verb.REMOVE]
        others += [step for step in steps if step.verb is not Verb.REMOVE]
    others.sort(key=lambda step: step.verb is Verb.COMPLETE)
    return removals + others


async def _steps(item: Item, tenant: Tenant, stage: Stage, *, repair: bool) -> list[Step]:
    want = wanted(item.row, stage, tenant.now, lambda key: _gone_since(key, tenant.ledger))
    if isinstance(item.row, ByAdministrator):
        return await _asked(item, item.row, tenant, want)
    held = tenant.ledger.holdings.get(item.key)
    if want.wanted is Wanted.LEAVE:
        if held is None or held.state is State.GONE or stage < item.row.created_in:
            return []
        return [_step(item, Verb.WAIT, "outlives what it serves", until=want.until)]
    # Once revoking has begun nothing new is made, not even what is meant to stay a little longer.
    unmade = held is None or held.state is State.GONE
    if want.wanted is Wanted.ABSENT and held is not None and held.state is State.BORROWED:
        return []  # was there before us and stays
    if unmade and (want.wanted is Wanted.ABSENT or stage > Stage.RUN):
        return []
    desired: Settings | None = None
    if want.wanted is Wanted.PRESENT and _still_listed(item, tenant):
        missing = [key for key in item.row.needs if not _there(key, tenant.ledger)]
        if missing:
            return [_step(item, Verb.WAIT, f"needs {', '.join(missing)} first", new=False)]
        desired = await item.row.resource.desired(tenant, item.element)
    if desired is None and held is None:
        return []
    known = held.identity if held and held.state is not State.GONE else None
    observed = await item.row.resource.observe(tenant, item.element, known)
    if desired is None:
        return _towards_absent(item, item.row, tenant, held, observed)
    return _towards_present(item, item.row, tenant, held, observed, desired, stage, repair=repair or stage < Stage.RUN)


def _towards_absent(
    item: Item, row: Change, tenant: Tenant, held: Holding | None, observed: Present | Absent
) -> list[Step]:
    if held is None or held.state is State.GONE:
        return []
    if isinstance(observed, Absent):
        return _unless_too_new(row, tenant, held, item) or [_step(item, Verb.FORGET, "is gone")]
    before = tenant.ledger.image(observed.settings)
    if held.state is State.CREATING:
        return [_step(item, Verb.ADOPT, "was made by an interrupted run", present=observed, after=before)]
    return [_step(item, Verb.REMOVE, "is no longer wanted", present=observed, before=before)]


def _towards_present(
    item: Item, row: Change, tenant: Tenant, held: Holding | None, observed: Present | Absent, desired: Settings,
    stage: Stage,
    *, repair: bool,
) -> list[Step]:  # fmt: skip
    image = tenant.ledger.image
    state = held.state if held else State.GONE
    if isinstance(observed, Absent):
        if held is None or state is State.GONE:
            return [_step(item, Verb.CREATE, "is missing", desired=desired, after=image(desired))]
        too_new = _unless_too_new(row, tenant, held, item)
        if too_new:
            return too_new
        if state is State.CREATING and stage <= Stage.RUN:
            return [_step(item, Verb.CREATE, "was not made after all", desired=desired, after=image(desired))]
        if state is State.OURS and not repair:
            return [_drift(item, row, held, {"exists": False}, None)]
        return [_step(item, Verb.FORGET, "was removed by someone else", before=held.seen)]
    if state is State.BORROWED:
        return []
    now = image(observed.settings)
    if state is State.GONE and row.resource.shared:
        return [_step(item, Verb.BORROW, "was there before us", present=observed, after=now)]
    if state in (State.GONE, State.CREATING, State.REMOVING):
        reasons = {State.REMOVING: "is wanted again", State.CREATING: "was made by an interrupted run"}
        return [_step(item, Verb.ADOPT, reasons.get(state, "bears our mark"), present=observed, after=now)]
    different = {
        name: value for name, value in desired.items() if observed.settings.get(name) != value
    }  # fmt: skip
    seen = held.seen or {} if held else {}
    foreign = {name for name in different if name in seen and now.get(name) != seen[name]}
    steps: list[Step] = []
    if foreign and held and not repair:
        steps.append(_drift(item, row, held, {n: now.get(n) for n in foreign}, {n: seen[n] for n in foreign}))
        different = {name: value for name, value in different.items() if name not in foreign}
    if different:
        verb = Verb.COMPLETE if set(different) <= row.resource.set_last else Verb.UPDATE
        if verb is Verb.UPDATE:
            different = {n: v for n, v in different.items() if n not in row.resource.set_last}
        before = {name: now.get(name) for name in different}
        why = "was changed by someone else" if foreign else "is not as it should be"
        steps.append(
            _step(item, verb, why, present=observed, changes=different, desired=desired, before=before,
                  after=image(different))
        )  # fmt: skip
    elif held and held.drift and not steps:
        steps.append(_step(item, Verb.ADOPT, "is as it should be again", present=observed, after=now))
    return steps


async def _asked(item: Item, row: ByAdministrator, tenant: Tenant, want: Want) -> list[Step]:
    # While it is wanted, every other call depends on it, so there is nothing to ask.
    if want.wanted is not Wanted.ABSENT or not await row.present(tenant):
        return []
    return [_step(item, Verb.ASK, "only an administrator can do it", new=False)]


def _unless_too_new(row: Change, tenant: Tenant, held: Holding, item: Item) -> list[Step]:
    until = held.since + row.resource.visible_within
    if held.state in (State.CREATING, State.OURS) and tenant.now < until:
        return [_step(item, Verb.WAIT, "may not be visible yet", until=until)]
    return []


def _drift(item: Item, row: Change, held: Holding, now: Image, was: Image | None) -> Step:
    """Someone else changed our object. `new` only when it is not the drift that is recorded already."""
    why = f"was changed by someone else: {row.without}" if row.without else "was changed by someone else"
    return _step(item, Verb.DRIFT, why, before=was, after=now, new=held.drift != now)


def _step(item: Item, verb: Verb, why: str, **more: Any) -> Step:
    return Step(row=item.row, key=item.key, element=item.element, verb=verb, why=why, **more)


def _still_listed(item: Item, tenant: Tenant) -> bool:
    listed = item.row.elements if isinstance(item.row, Change) else None
    return listed is None or item.element in set(listed(tenant))


def _there(key: str, ledger: Ledger) -> bool:
    """Whether a row, with all its elements, is known to be in place."""
    held = [h for k, h in ledger.holdings.items() if k == key or k.startswith(key + "/")]
    return bool(held) and all(holding.state in (State.OURS, State.BORROWED) for holding in held)


def _gone_since(key: str, ledger: Ledger) -> datetime | None:
    """Since when a row, with all its elements, is gone; a row that never was is gone since ever.

    What is borrowed will never go, so nobody waits for it.
    """
    held = [h for k, h in ledger.holdings.items() if k == key or k.startswith(key + "/")]
    held = [holding for holding in held if holding.state is not State.BORROWED]
    if any(holding.state is not State.GONE for holding in held):
        return None
    return max((holding.since for holding in held), default=NEVER)
