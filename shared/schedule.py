"""The sites' daily sync times, and when one was last due. Pure: no clock, no database."""

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

DAY = timedelta(days=1)


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


def last_due(site: Site, now: datetime) -> datetime:
    """The latest moment, not after `now`, at which the site's daily sync was due."""
    today = datetime.combine(now.astimezone(UTC).date(), SYNC_AT[site], tzinfo=UTC)
    return today if today <= now else today - DAY
