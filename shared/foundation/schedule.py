"""The sites' daily sync times and the timers as data, and when one was last due. Pure: no clock, no database."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


class Site(StrEnum):
    """A serving site of the scanning service."""

    EU = "eu"
    UK = "uk"
    CA = "ca"
    US = "us"
    JP = "jp"
    ANZ = "anz"
    SG = "sg"
    IN = "in"


# UTC, as published. The table writes "00:15 p.m." for India, which is a quarter past noon.
SYNC_AT: dict[Site, time] = {
    Site.EU: time(0, 15),
    Site.UK: time(0, 15),
    Site.CA: time(5, 15),
    Site.US: time(8, 15),
    Site.JP: time(16, 15),
    Site.ANZ: time(16, 15),
    Site.SG: time(17, 15),
    Site.IN: time(12, 15),
}

# Whose midnight ends a site's days, weeks and months. No zone is published: where a site has several, it is the one
# in which its published sync comes soonest after midnight, for that is when the days are counted over there.
ZONES: dict[Site, str] = {
    Site.EU: "Europe/Berlin",
    Site.UK: "Europe/London",
    Site.CA: "America/Toronto",
    Site.US: "America/Los_Angeles",
    Site.JP: "Asia/Tokyo",
    Site.ANZ: "Australia/Sydney",
    Site.SG: "Asia/Singapore",
    Site.IN: "Asia/Kolkata",
}


def last_due(site: Site, now: datetime) -> datetime:
    """The latest moment, not after `now`, at which the site's daily sync was due."""
    today = datetime.combine(now.astimezone(UTC).date(), SYNC_AT[site], tzinfo=UTC)
    return today if today <= now else today - DAY


@dataclass(frozen=True, kw_only=True)
class Timer:
    """Something that is due at a time of day (UTC), or every so often counted from midnight."""

    name: str
    at: time | None = None
    every: timedelta | None = None
    sites: tuple[Site, ...] = ()
    """Whose daily synchronisation it begins."""

    def last_due(self, now: datetime) -> datetime:
        """The latest moment, not after `now`, at which this was due."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if self.every is not None:
            return midnight + (now - midnight) // self.every * self.every
        today = datetime.combine(now.date(), self.at or time(0), tzinfo=now.tzinfo)
        return today if today <= now else today - DAY

    def cron(self) -> str:
        """The schedule as the five fields of cron, in UTC."""
        if self.every == HOUR:
            return "0 * * * *"
        if self.every is not None:
            return f"*/{int(self.every.total_seconds() // 60)} * * * *"
        at = self.at or time(0)
        return f"{at.minute} {at.hour} * * *"


def _sync_timers() -> tuple[Timer, ...]:
    times: dict[time, list[Site]] = {}
    for site, at in SYNC_AT.items():
        times.setdefault(at, []).append(site)
    return tuple(Timer(name="sync-" + "-".join(sites), at=at, sites=tuple(sites)) for at, sites in times.items())


TIMERS: tuple[Timer, ...] = (
    *_sync_timers(),
    Timer(name="refresh", every=HOUR),
    Timer(name="sweep", every=timedelta(minutes=5)),
    Timer(name="tell", every=timedelta(minutes=1)),
    Timer(name="check", every=timedelta(minutes=5)),
    Timer(name="report", every=HOUR),
    Timer(name="anchor", every=HOUR),
    Timer(name="migrate", every=timedelta(minutes=5)),
    Timer(name="rotate", at=time(3, 30)),
)
