"""The periods that reports are about: whole days, weeks and months by the clock of a connection's site. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from shared.foundation.schedule import DAY, HOUR, ZONES, Site

# What was missed for longer is not made any more: nobody reads it, and what it would tell of is being forgotten.
LOOK_BACK = timedelta(days=35)


class Frequency(StrEnum):
    """How often a report comes. A week begins on Monday."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, kw_only=True)
class Period:
    """Whole days, from midnight to midnight there: `first` belongs to it, `after` is the first that does not."""

    kind: Frequency
    first: date
    after: date
    zone: ZoneInfo

    @property
    def begin(self) -> datetime:
        """Its first moment, in UTC."""
        return _midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first moment that does not belong to it, in UTC."""
        return _midnight(self.after, self.zone)

    @property
    def name(self) -> str:
        """What its report is called, once for each connection: `daily-2026-11-24`, `weekly-2026-W47`."""
        forms = {Frequency.DAILY: "%Y-%m-%d", Frequency.WEEKLY: "%G-W%V", Frequency.MONTHLY: "%Y-%m"}
        return f"{self.kind}-{self.first.strftime(forms[self.kind])}"

    @property
    def title(self) -> str:
        """As people say it."""
        last = self.after - DAY
        match self.kind:
            case Frequency.DAILY:
                return f"{self.first:%A}, {self.first.day} {self.first:%B %Y}"
            case Frequency.WEEKLY:
                return f"Week {self.first:%V}, {self.first.day} {self.first:%B} to {last.day} {last:%B %Y}"
            case Frequency.MONTHLY:
                return f"{self.first:%B %Y}"

    def steps(self) -> list[tuple[str, datetime]]:
        """Its hours or days, each with a short label and the moment at which it ends."""
        if self.kind is Frequency.DAILY:
            hours = (self.end - self.begin) // HOUR  # 23 or 25 when the clocks are changed
            begins = [self.begin + number * HOUR for number in range(hours)]
            return [(f"{at.astimezone(self.zone):%H}", at + HOUR) for at in begins]
        days = [self.first + number * DAY for number in range((self.after - self.first).days)]
        form = "%a %d" if self.kind is Frequency.WEEKLY else "%d"
        return [(day.strftime(form), _midnight(day + DAY, self.zone)) for day in days]


def ended(kind: Frequency, site: Site, since: datetime, now: datetime) -> list[Period]:
    """The periods that have ended after `since`, of the last weeks, the oldest first."""
    zone = ZoneInfo(ZONES[site])
    after = _start(kind, now.astimezone(zone).date())
    found: list[Period] = []
    while _midnight(after, zone) > max(since, now - LOOK_BACK):
        first = _start(kind, after - DAY)
        found.insert(0, Period(kind=kind, first=first, after=after, zone=zone))
        after = first
    return found


def _start(kind: Frequency, day: date) -> date:
    match kind:
        case Frequency.DAILY:
            return day
        case Frequency.WEEKLY:
            return day - timedelta(days=day.weekday())
        case Frequency.MONTHLY:
            return day.replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(UTC)
