"""The host's stand-in delivers messages, and gives them up, as the real host does."""

import re
from datetime import datetime

from tests.hosts.hosting import Hosted, hosted
from tests.hosts.sample import DEADLINE_SECONDS, SAMPLE, Sample, until
from tests.programs import move_clock


def settled(host: Hosted) -> int:
    """How many failures of the queue's function have been dealt with."""
    return len(re.findall("queue work: a message (comes back|goes to work-poison)", host.output.read_text()))


def test_a_message_is_worked_on_once_and_deleted(host: Hosted, sample: Sample) -> None:
    sample.send("good")
    [note] = until(lambda: sample.seen(queue="work"))
    assert (note["text"], note["count"]) == ("good", 1)
    assert datetime.fromisoformat(note["inserted"])
    until(lambda: sample.waiting("work") == 0)
    assert len(sample.seen(queue="work")) == 1


def test_what_fails_comes_back_later_and_then_goes_to_the_poison_queue(host: Hosted, sample: Sample) -> None:
    sample.send("fail")
    for count in (1, 2, 3):
        until(lambda count=count: sample.seen(queue="work", count=count))
        assert len(sample.seen(queue="work")) == count, "it came back before its time"
        until(lambda count=count: settled(host) == count)
        move_clock(sample.part.clock_file, 31)
    [note] = until(lambda: sample.seen(queue="work-poison"))
    assert (note["text"], note["count"]) == ("fail", 1)
    until(lambda: sample.waiting("work") + sample.waiting("work-poison") == 0)
    assert len(sample.seen(queue="work")) == 3


def test_what_fails_in_the_poison_queue_stays_hidden(host: Hosted, sample: Sample) -> None:
    sample.send("fail always")
    for count in (1, 2, 3):
        until(lambda count=count: settled(host) == count)
        move_clock(sample.part.clock_file, 31)
    until(lambda: sample.seen(queue="work-poison", count=1))
    move_clock(sample.part.clock_file, 60)
    assert sample.queue("work-poison").receive_message() is None
    move_clock(sample.part.clock_file, 600)
    until(lambda: sample.seen(queue="work-poison", count=2))


def test_what_takes_long_stays_hidden_for_as_long(host: Hosted, sample: Sample) -> None:
    sample.send("hold")
    until(lambda: sample.seen(queue="work"))
    for times in (1, 2, 3):
        move_clock(sample.part.clock_file, 301)
        until(lambda times=times: host.output.read_text().count("a message is held for longer") == times)
    assert sample.queue("work").receive_message() is None
    (sample.folder / "notes.let-go").touch()
    until(lambda: sample.waiting("work") == 0)
    assert len(sample.seen(queue="work")) == 1


def test_what_is_not_base64_goes_to_the_poison_queue_at_once(host: Hosted, sample: Sample) -> None:
    sample.send("in the clear", raw=True)
    # There it is as unreadable, and nothing is poison's poison.
    until(lambda: "a message goes to work-poison" in host.output.read_text())
    until(lambda: sample.waiting("work") == 0)
    assert sample.waiting("work-poison") == 1
    assert not sample.seen(queue="work")


def test_what_kills_the_host_is_given_up_too(sample: Sample) -> None:
    sample.send("die")
    for count in (1, 2, 3):
        with hosted(SAMPLE, sample.part.clock_file, sample.settings) as host:
            assert host.process.wait(DEADLINE_SECONDS) == 9
        assert [note["count"] for note in sample.seen(text="die", queue="work")] == [*range(1, count + 1)]
        with hosted(SAMPLE, sample.part.clock_file, sample.settings):
            sample.send(f"good {count}")
            until(lambda count=count: sample.seen(text=f"good {count}"))
            assert len(sample.seen(text="die")) == count, "it came back before its time"
        move_clock(sample.part.clock_file, 601)
    with hosted(SAMPLE, sample.part.clock_file, sample.settings):
        until(lambda: sample.seen(queue="work-poison", text="die"))
    assert len(sample.seen(queue="work", text="die")) == 3
