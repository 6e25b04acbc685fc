"""The three queues keep the same promises; two of them by way of programs that others wrote."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.deployment.queues import MAX_MESSAGE_CHARS, Job, Message, decode, encode
from tests.harness.queues import CLEAN_UP, DAY, KEY, MINUTE, SYNC, Carried


async def test_what_is_sent_now_arrives_once_as_it_was_sent(carried: Carried) -> None:
    queue = carried.queue()
    await queue.send(SYNC, carried.clock.now())
    await queue.send(CLEAN_UP, carried.clock.now() - MINUTE)
    assert sorted(await carried.arrived(), key=lambda job: job.name) == [CLEAN_UP, SYNC]
    carried.move(DAY)
    assert await carried.arrived() == []


async def test_what_is_sent_for_later_waits_whatever_becomes_of_its_sender(carried: Carried) -> None:
    await carried.queue().send(CLEAN_UP, carried.clock.now() + DAY)
    assert await carried.arrived() == []
    carried.move(DAY - MINUTE)
    assert await carried.arrived() == []
    carried.move(2 * MINUTE)
    assert await carried.arrived() == [CLEAN_UP]


async def test_no_wait_is_too_long(carried: Carried) -> None:
    await carried.queue().send(CLEAN_UP, carried.clock.now() + 40 * DAY)
    for _ in range(39):
        carried.move(DAY)
        assert await carried.arrived() == []
    carried.move(DAY + MINUTE)
    assert await carried.arrived() == [CLEAN_UP]


# Messages


def test_a_message_says_all_that_the_job_needs() -> None:
    moment = datetime(2026, 3, 2, 12, 30, 15, 250000, tzinfo=UTC)
    job = Job(name="clean-up", connection_id="7f")
    message = encode(job, moment, None)
    assert message == '{"name":"clean-up","connection":"7f","not_before":"2026-03-02T12:30:15.250000+00:00"}'
    assert decode(message, KEY) == Message(job=job, not_before=moment, signed=False)
    assert decode(encode(job, moment, KEY), KEY) == Message(job=job, not_before=moment, signed=True)


@pytest.mark.parametrize("field", ["name", "connection", "not_before", "mac"])
def test_a_message_that_was_changed_is_not_signed(field: str) -> None:
    sent = json.loads(encode(SYNC, datetime(2026, 3, 2, tzinfo=UTC), KEY))
    other = json.loads(encode(CLEAN_UP, datetime(2026, 3, 3, tzinfo=UTC), b"o" * 32)) | {"connection": "7f"}
    assert decode(json.dumps(sent), KEY).signed
    for changed in ({**sent, field: other[field]}, {k: v for k, v in sent.items() if k != "mac"}, {**sent, "mac": 7}):
        assert not decode(json.dumps(changed), KEY).signed
    assert not decode(json.dumps(sent), None).signed


GOOD: dict[str, Any] = {"name": "sync", "connection": "7f", "not_before": "2026-03-02T12:00:00Z"}
NOT_OURS = {
    "nothing": "",
    "no json": "sync 7f",
    "half": json.dumps(GOOD)[:-1],
    "a list": json.dumps([GOOD]),
    "a field more": json.dumps({**GOOD, "secret": "x"}),
    "a field less": json.dumps({"name": "sync", "connection": "7f"}),
    "another type": json.dumps({**GOOD, "connection": 7}),
    "no moment": json.dumps({**GOOD, "not_before": "secret"}),
    "a number for a moment": json.dumps({**GOOD, "not_before": 1772452800}),
    "no zone": json.dumps({**GOOD, "not_before": "2026-03-02T12:00:00"}),
    "no name": json.dumps({**GOOD, "name": "secret sync"}),
    "a surrogate": json.dumps({**GOOD, "connection": "\ud800"}),
    "a line more": json.dumps({**GOOD, "connection": "7f\n"}),
    "too long": json.dumps(GOOD) + " " * MAX_MESSAGE_CHARS,
    "too deep": "[" * MAX_MESSAGE_CHARS,
}


@pytest.mark.parametrize("message", NOT_OURS.values(), ids=NOT_OURS)
def test_what_is_not_ours_is_refused_and_not_repeated(message: str) -> None:
    with pytest.raises(ValueError, match=r"^it") as refused:
        decode(message, KEY)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
