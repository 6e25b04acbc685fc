"""The timers of the Functions host: schedules in six fields, against a clock that can be moved.

A monitored timer's status outlives the host, which so notices at its start what it has missed. A timer never overlaps
with itself, and what it misses while it runs is made up for once.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.hosts.azure_host.clock import Clock
from tests.hosts.azure_host.http import Invoke
from tests.hosts.azure_host.messages import TypedData
from tests.hosts.azure_host.worker import Function, NotStarted

# Seconds, minutes, hours, day of the month, month, day of the week (0 is Sunday).
RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
NEVER = datetime.min.replace(tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Schedule:
    """When something is due; each field is the set of values that fit."""

    fields: tuple[frozenset[int], ...]

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Read `{second} {minute} {hour} {day} {month} {day of week}`, in numbers; raises ValueError otherwise."""
        fields = text.split()
        if len(fields) != len(RANGES):
            raise ValueError(f"{text!r} is no schedule of six fields")
        return cls(tuple(_field(field, *limits) for field, limits in zip(fields, RANGES, strict=True)))

    def after(self, moment: datetime) -> datetime:
        """The first moment after this one that fits."""
        seconds, minutes, hours, days, months, weekdays = self.fields
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        for _ in range(8 * 366):
            if day.day in days and day.month in months and day.isoweekday() % 7 in weekdays:
                times = (
                    day.replace(hour=hour, minute=minute, second=second)
                    for hour in sorted(hours)
                    for minute in sorted(minutes)
                    for second in sorted(seconds)
                )
                if found := next((one for one in times if one >= start), None):
                    return found
            day += timedelta(days=1)
        raise ValueError("a schedule that is never due")


def _field(text: str, low: int, high: int) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("", "", "") if span == "*" else span.partition("-")
        begin = int(first) if first else low
        end = int(last) if last else (begin if first and not step else high)
        if not low <= begin <= end <= high:
            raise ValueError(f"{text!r} is not within {low} and {high}")
        values.update(range(begin, end + 1, int(step or 1)))
    return frozenset(values)


@dataclass(frozen=True, kw_only=True)
class Status:
    """When a timer last fired, when it is due next, and when that was written."""

    last: datetime
    next: datetime
    updated: datetime


class Statuses:
    """The statuses of the monitored timers, in a file that outlives the host."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> dict[str, Status]:
        """Every status, by the function's name."""
        kept = json.loads(self._file.read_text()) if self._file.exists() else {}
        return {
            name: Status(**{key: datetime.fromisoformat(text) for key, text in one.items()})
            for name, one in kept.items()
        }

    def write(self, name: str, status: Status) -> None:
        """Keep the status of one function."""
        kept = {one: asdict(value) for one, value in {**self.read(), name: status}.items()}
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(kept, default=datetime.isoformat))
        new.replace(self._file)


def typed(status: Status | None, *, past_due: bool) -> TypedData:
    """What a timer brings, as the worker takes it."""
    told: dict[str, Any] = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": past_due}
    if status:
        moments = {"Last": status.last, "Next": status.next, "LastUpdated": status.updated}
        told["ScheduleStatus"] = {name: moment.isoformat() for name, moment in moments.items()}
    return TypedData(json=json.dumps(told))


def schedule(function: Function) -> Schedule:
    """A timer's schedule; raises NotStarted for one that the host would not take."""
    try:
        return Schedule.parse(function.trigger["schedule"])
    except ValueError as error:
        raise NotStarted(f"{function.name}: {error}") from error


async def fire(function: Function, due: Schedule, clock: Clock, statuses: Statuses, invoke: Invoke) -> None:
    """Fire one timer whenever it is due, until the host stops."""
    now = clock.now()
    first = due.after(now)
    # As the host does: what is due more often than each minute is not monitored, whatever it asks for.
    monitored = function.trigger.get("useMonitor", True) and due.after(first) - first >= MINUTE
    status = statuses.read().get(function.name) if monitored else None
    past_due = status is not None and status.next <= now
    if status is None:
        status = Status(last=NEVER, next=first, updated=now)
        if monitored:
            statuses.write(function.name, status)
    at_once = function.trigger.get("runOnStartup", False)
    while not clock.stopping:
        if not at_once:
            await clock.until(status.next)
        if clock.stopping:
            return
        began = clock.now()
        await invoke(function, typed(status if monitored else None, past_due=past_due))
        past_due = at_once = False
        status = Status(last=began, next=due.after(began), updated=began)
        if monitored:
            statuses.write(function.name, status)
