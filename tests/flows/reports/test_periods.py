"""Which periods a kind of report has."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from shared.flows.reports.periods import Frequency, ended
from shared.foundation.schedule import SYNC_AT, ZONES, Site

EVER = datetime(2020, 1, 1, tzinfo=UTC)


def test_a_day_is_as_long_as_the_clocks_make_it() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    days = {period.first: period for period in ended(Frequency.DAILY, Site.EU, EVER, now)}
    long, plain = days[date(2026, 10, 25)], days[date(2026, 10, 24)]
    assert (long.begin, long.end) == (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))
    assert [len(day.steps()) for day in (long, plain)] == [25, 24]
    assert [label for label, _ in long.steps()].count("02") == 2
    (short,) = ended(
        Frequency.DAILY, Site.EU, datetime(2026, 3, 29, 21, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)
    )
    assert (short.end - short.begin, len(short.steps())) == (timedelta(hours=23), 23)
    week = next(one for one in ended(Frequency.WEEKLY, Site.EU, EVER, now) if one.first == date(2026, 10, 19))
    assert [end for _, end in week.steps()][-2:] == [long.begin, long.end]


@pytest.mark.parametrize("site", Site)
def test_a_sites_periods_end_at_its_own_midnight_and_follow_each_other(site: Site) -> None:
    zone = ZoneInfo(ZONES[site])
    for kind in Frequency:
        found = ended(kind, site, EVER, datetime(2026, 11, 25, 12, tzinfo=UTC))
        for before, after in pairwise(found):
            assert before.end == after.begin
        for period in found:
            local = period.begin.astimezone(zone)
            assert (local.hour, local.minute) == (0, 0)
            assert period.steps()[-1][1] == period.end
            assert kind is not Frequency.WEEKLY or local.weekday() == 0
            assert kind is not Frequency.MONTHLY or local.day == 1
    # Where a site has several zones, it is the one in which its sync comes soonest after midnight.
    sync = datetime.combine(date(2026, 12, 1), SYNC_AT[site], tzinfo=UTC).astimezone(zone)
    assert sync.hour < 4 or site is Site.IN, "by the published table it is in the afternoon there"


def test_what_was_missed_is_made_up_for_but_not_for_ever() -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert [len(ended(kind, Site.EU, EVER, now)) for kind in Frequency] == [35, 5, 1]
    since = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert [one.name for one in ended(Frequency.DAILY, Site.EU, since, now)] == [
        "daily-2026-11-22",
        "daily-2026-11-23",
        "daily-2026-11-24",
    ]
    assert [one.name for one in ended(Frequency.WEEKLY, Site.EU, since, now)] == ["weekly-2026-W47"]
    assert ended(Frequency.MONTHLY, Site.EU, since, now) == []
    assert ended(Frequency.DAILY, Site.EU, now, now) == []
    assert ended(Frequency.WEEKLY, Site.EU, EVER, datetime(2021, 1, 4, tzinfo=UTC))[-1].name == "weekly-2020-W53"
