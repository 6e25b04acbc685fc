"""The host's stand-in fires timers as the real host does."""

from datetime import UTC, datetime

import pytest

from tests.hosts.azure_host.timer import Schedule
from tests.hosts.hosting import hosted
from tests.hosts.sample import SAMPLE, Sample, until
from tests.programs import move_clock, set_clock


def test_fires_when_its_time_comes_and_makes_up_for_what_it_missed(sample: Sample) -> None:
    clock_file = sample.folder / "clock"
    # A few seconds before the hour.
    now = datetime.now(UTC)
    set_clock(clock_file, 3590 - (now.minute * 60 + now.second))
    with hosted(SAMPLE, clock_file, sample.settings):
        assert not sample.seen(timer="hourly")
        move_clock(clock_file, 20)
        [note] = until(lambda: sample.seen(timer="hourly"))
        assert not note["past_due"]
    # A host that is not there misses three; the next one makes up for them once.
    move_clock(clock_file, 3 * 3600)
    with hosted(SAMPLE, clock_file, sample.settings):
        assert until(lambda: sample.seen(timer="hourly", past_due=True))
        move_clock(clock_file, 3600)
        until(lambda: len(sample.seen(timer="hourly")) == 3)
    assert [note["past_due"] for note in sample.seen(timer="hourly")] == [False, True, False]


def test_never_overlaps_with_itself(sample: Sample) -> None:
    clock_file, often = sample.folder / "clock", {**sample.settings, "SAMPLE_SCHEDULE": "* * * * * *"}
    set_clock(clock_file, 0)
    with hosted(SAMPLE, clock_file, often):
        for number in range(1, 4):
            until(lambda number=number: len(sample.seen(timer="lazy", past_due=False)) >= number)
            move_clock(clock_file, 5)
        until(lambda: len(sample.seen(timer="lazy")) >= 6)
    assert ["begun" in note for note in sample.seen(timer="lazy")][:6] == [True, False] * 3


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("0 */5 * * * *", "2026-11-25T10:00:00", "2026-11-25T10:05:00"),
        ("0 15 0 * * *", "2026-11-25T00:15:00", "2026-11-26T00:15:00"),
        ("*/10 * * * * *", "2026-11-25T23:59:55", "2026-11-26T00:00:00"),
        ("0 0 9-17/4,23 * * 1-5", "2026-11-27T17:00:00", "2026-11-27T23:00:00"),
        ("0 0 9-17/4,23 * * 1-5", "2026-11-27T23:00:00", "2026-11-30T09:00:00"),
        ("0 30 1 29 2 *", "2026-01-01T00:00:00", "2028-02-29T01:30:00"),
    ],
)
def test_schedules(text: str, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC, microsecond=400)
    assert Schedule.parse(text).after(moment) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["*/5 * * * *", "0 60 * * * *", "0 0 0 0 * *", "0 0 5-2 * * *", "@daily"])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not within|is no schedule"):
        Schedule.parse(text)
