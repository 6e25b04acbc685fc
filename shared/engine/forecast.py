"""What will happen to each object, and when: a plan's steps, and what the ledger lets us expect behind them.

Pure. A removal's time follows from the catalogue: an object outlives what it `serves` by `kept_for`, and what belongs
to clean-up goes after everything that goes with the revoke. API, console and command line print these lines.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.connections.stages import Stage
from shared.engine.chain import Image
from shared.engine.ledger import NOT_OURS, Holding, HoldingState, Ledger
from shared.engine.rows import ByAdministrator, Change, Row
from shared.engine.steps import OFFERED, PlanItem, Step, Verb, gone_since, known, there

BORROWED = "was there before us"
LEFT = "another connection still needs it"


class Timing(StrEnum):
    """When, or by whom, something is done."""

    NOW = "now"
    LATER = "later"
    REPORTED = "reported"
    ADMINISTRATOR = "administrator"
    STAYS = "stays"


# As people read them, in the order in which they are listed.
SAID = {
    Timing.NOW: "at once",
    Timing.LATER: "",
    Timing.REPORTED: "reported, and not repaired",
    Timing.ADMINISTRATOR: "by the administrator",
    Timing.STAYS: "stays",
}
ORDER = tuple(SAID)
TIMINGS = {
    Verb.DRIFT: Timing.REPORTED,
    Verb.ASK: Timing.ADMINISTRATOR,
    Verb.OFFER: Timing.STAYS,
    Verb.LEAVE: Timing.STAYS,
    Verb.BORROW: Timing.STAYS,
    Verb.UNSURE: Timing.STAYS,
}
# What is done to an object, in one word for people.
VERBS: Mapping[Verb, str] = {
    Verb.CREATE: "create",
    Verb.UPDATE: "update",
    Verb.COMPLETE: "update",
    Verb.REMOVE: "delete",
    Verb.ADOPT: "adopt",
    Verb.BORROW: "keep",
    Verb.FORGET: "mark as deleted",
    Verb.MISS: "mark as missing",
    Verb.UNSEEN: "mark as not found",
    Verb.UNSURE: "keep",
    Verb.LEAVE: "keep",
    Verb.DRIFT: "report",
    Verb.WAIT: "wait",
    Verb.ASK: "request",
    Verb.OFFER: "keep",
    Verb.BLOCKED: "retry",
}
# Steps that say how an object ends.
ENDS = frozenset(Verb) - {Verb.CREATE, Verb.UPDATE, Verb.COMPLETE, Verb.ADOPT, Verb.BORROW, Verb.DRIFT}


NO_TURN = -1


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What will be done to one object. Of `at` and `delay` at most one is known.

    `at` is counted from what the ledger has recorded, `delay` from the order that is planned (a revoke).
    """

    row: Row
    key: str
    verb: Verb
    why: str
    timing: Timing
    element: str = ""
    at: datetime | None = None
    delay: timedelta | None = None
    condition: str = ""
    """What must come first, where that has no time of its own: "after Mail route is gone"."""
    earliest: datetime | None = None
    """Not before this moment, whatever else has to come first."""
    turn: int = 0
    """Its place among what is done at the same time."""
    before: Image | None = None
    after: Image | None = None

    @property
    def when(self) -> str:
        """When it is done, or by whom, in words: "after 24 hours"."""
        moment = f"on {self.at:%Y-%m-%d at %H:%M} UTC" if self.at else ""
        span = f"after {_span(self.delay)}" if self.delay else ""
        return ", ".join(part for part in (SAID[self.timing], moment or span or self.condition) if part) or "later"


@dataclass(frozen=True, kw_only=True)
class Due:
    """The earliest moment at which a row may go."""

    at: datetime
    recorded: bool = False
    """It is counted from a removal that the ledger has, and not from now."""
    turn: int = 0
    """Its place among what goes at the same time; what is gone has none."""
    behind: tuple[str, ...] = ()
    """Titles of what the administrator has to remove before, which nobody can date."""


def total(lines: Iterable[Forecast]) -> str:
    """How many of each kind, in the order of a plan: "4 to delete at once, 2 to delete after 1 hour, 1 to keep"."""
    counted = Counter(
        f"to {VERBS[line.verb]}" + ("" if line.timing is Timing.STAYS else f" {line.when}") for line in lines
    )
    return ", ".join(f"{number} {what}" for what, number in counted.items())


class _Calendar:
    """When each row of a connection may go, if its removal begins now or has begun."""

    def __init__(self, rows: Iterable[Row], ledger: Ledger, now: datetime) -> None:
        self.rows = {row.key: row for row in rows if isinstance(row, Change | ByAdministrator)}
        self.now, self._holdings = now, ledger.holdings
        self._found: dict[str, Due] = {}

    def due(self, key: str) -> Due:
        """The earliest moment for a row, not before now."""
        if key not in self._found:
            self._found[key] = self._due(self.rows[key])
        return self._found[key]

    def _due(self, row: Change | ByAdministrator) -> Due:
        served = [self._gone(self.rows[key]) for key in row.serves if key in self.rows]
        first = [replace(one, at=one.at + row.kept_for, turn=NO_TURN if row.kept_for else one.turn) for one in served]
        if row.removed_in is Stage.CLEANUP:
            changes = (one for one in self.rows.values() if isinstance(one, Change))
            first += [self._gone(one) for one in changes if one.removed_in < Stage.CLEANUP]
        last = max(first, key=lambda one: one.at, default=Due(at=self.now))
        at = max(last.at, self.now)
        turns = [one.turn + 1 for one in first if one.at == at]
        behind = dict.fromkeys(title for one in first for title in one.behind)
        recorded = last.recorded and last.at > self.now
        return Due(at=at, recorded=recorded, turn=max(turns, default=0), behind=tuple(behind))

    def _gone(self, row: Change | ByAdministrator) -> Due:
        since = gone_since(row.key, self._holdings)
        if since is not None:
            return Due(at=since, recorded=True, turn=NO_TURN)
        own = self.due(row.key)
        return replace(own, recorded=False, behind=(row.title,)) if isinstance(row, ByAdministrator) else own


def forecast(rows: Sequence[Row], ledger: Ledger, steps: Iterable[Step], stage: Stage, now: datetime) -> list[Forecast]:
    """What the steps of a plan for a stage come to, in the order in which it happens; in an ending stage, to the end.

    Without steps it is what the ledger alone lets us expect.
    """
    calendar = _Calendar(rows, ledger, now)
    ending = stage > Stage.RUN
    steps = list(steps)
    lines = [_of_step(step, ledger, calendar, ending=ending) for step in steps]
    if ending:
        told = {step.key for step in steps if step.verb in ENDS}
        lines += [
            _end(item, ledger, calendar, held)
            for item in known(rows, ledger)
            if item.key not in told and (held := ledger.holdings[item.key]).state is not HoldingState.GONE
        ]
    places = {key: place for place, key in enumerate(calendar.rows)}

    def order(line: Forecast) -> tuple[int, datetime, int, int]:
        moment = line.earliest or line.at or now
        # Things go in the opposite of the order in which they are made.
        return ORDER.index(line.timing), moment, line.turn, -places[line.row.key] if ending else 0

    return sorted(lines, key=order)


def expected(rows: Sequence[Row], ledger: Ledger, *, drifted: bool) -> list[Step]:
    """What the ledger lets us expect of setting up: what is not there is made; or what has drifted is repaired."""
    steps = []
    for row in rows:
        if not isinstance(row, Change | ByAdministrator):
            continue
        if not drifted and not there(row.key, ledger.holdings):
            verb = Verb.ASK if isinstance(row, ByAdministrator) else Verb.CREATE
            steps.append(PlanItem(row=row).step(verb, row.why))
    for item in known(rows, ledger) if drifted else ():
        held = ledger.holdings[item.key]
        if held.state is HoldingState.OURS and held.drift:
            again = Verb.CREATE if held.drift.get("exists") is False else Verb.UPDATE
            verb = Verb.ASK if isinstance(item.row, ByAdministrator) else again
            was = {name: (held.seen or {})[name] for name in held.drift if name in (held.seen or {})}
            steps.append(item.step(verb, "was changed by someone else", before=held.drift, after=was))
    return steps


def _of_step(step: Step, ledger: Ledger, calendar: _Calendar, *, ending: bool) -> Forecast:
    if step.row.key not in calendar.rows:  # the customer's own
        timing = TIMINGS.get(step.verb, Timing.NOW)
        return Forecast(row=step.row, key=step.key, verb=step.verb, why=step.why, timing=timing, after=step.after)
    row, held = calendar.rows[step.row.key], ledger.holdings.get(step.key)
    item = PlanItem(row=row, element=step.element)
    line = _line(item, step.verb, step.why, TIMINGS.get(step.verb, Timing.NOW), before=step.before, after=step.after)
    if step.verb is Verb.FORGET and step.desired is not None:
        return replace(line, verb=Verb.CREATE)
    if step.verb is Verb.REMOVE and ending:
        return replace(line, why=row.why, turn=calendar.due(row.key).turn)
    if step.verb is Verb.BLOCKED and ending and held:
        return replace(_end(item, ledger, calendar, held), why=f"could not be checked: {step.why}")
    if step.verb is not Verb.WAIT:
        return line
    if ending and held:
        due = calendar.due(row.key)
        if due.behind or due.at > calendar.now or due.turn:
            return _end(item, ledger, calendar, held)
        if step.until is None:
            # Nothing of this connection is in the way any more: the step says what is.
            return replace(_end(item, ledger, calendar, held), why=step.why)
        # It may go, and has to be seen once more before that.
        verb = Verb.FORGET if isinstance(row, ByAdministrator) else Verb.REMOVE
        return replace(line, verb=verb, timing=Timing.LATER, at=step.until)
    needs = [calendar.rows[key].title for key in getattr(row, "needs", ()) if not there(key, ledger.holdings)]
    if step.until is None and needs:
        condition = f"after {_listed(needs)}"
        return replace(line, verb=Verb.CREATE, why=row.why, timing=Timing.LATER, condition=condition)
    return replace(line, timing=Timing.LATER, at=step.until)


def _end(item: PlanItem, ledger: Ledger, calendar: _Calendar, held: Holding) -> Forecast:
    """How an object ends that is still there."""
    row = item.row
    if held.state in NOT_OURS:
        return _line(item, Verb.LEAVE, BORROWED if held.state is HoldingState.BORROWED else LEFT, Timing.STAYS)
    if isinstance(row, Change) and row.offered and not ledger.taken(item.key):
        return _line(item, Verb.OFFER, OFFERED, Timing.STAYS)
    due, now = calendar.due(row.key), calendar.now
    line = _line(item, Verb.REMOVE, row.why, Timing.NOW, earliest=due.at, turn=due.turn)
    if due.behind:
        span = f"{_span(row.kept_for)} after" if row.kept_for else "after"
        verb = "is" if len(due.behind) == 1 else "are"
        line = replace(line, timing=Timing.LATER, condition=f"{span} {_listed(due.behind)} {verb} gone")
    elif due.at > now:
        delay = None if due.recorded else due.at - now
        line = replace(line, timing=Timing.LATER, at=due.at if due.recorded else None, delay=delay)
    if isinstance(row, ByAdministrator):
        return replace(line, verb=Verb.ASK, timing=Timing.ADMINISTRATOR)
    return line


def _line(item: PlanItem, verb: Verb, why: str, timing: Timing, **more: Any) -> Forecast:
    return Forecast(row=item.row, key=item.key, element=item.element, verb=verb, why=why, timing=timing, **more)


def _listed(titles: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(titles[:-1]), titles[-1]) if part)


def _span(span: timedelta | None) -> str:
    minutes = -(-(span or timedelta(0)) // timedelta(minutes=1))
    hours, rest = divmod(minutes, 60)
    number, unit = (minutes, "minute") if rest else (hours, "hour")
    return f"{number} {unit}{'' if number == 1 else 's'}"
