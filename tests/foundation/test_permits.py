"""Who is asked before a request is sent, and how often."""

import asyncio
from datetime import UTC, datetime

import pytest

from shared.foundation.clock import SystemClock
from shared.foundation.permits import READS_ASK_EVERY, ask, permitted, unasked


class Standing(SystemClock):
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


class Halt(Exception):
    """What the one who is asked raises."""


async def test_what_acts_is_asked_for_each_time_and_what_reads_once_a_second() -> None:
    asked, halted, clock = 0, False, Standing()

    async def one() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        if halted:
            raise Halt

    with permitted(one, reads_by=clock):
        await asyncio.gather(*(ask(reads=True) for _ in range(20)))
        assert asked == 1
        await ask(reads=False)
        assert asked == 2
        halted = True
        await ask(reads=True)
        with pytest.raises(Halt):
            await ask(reads=False)
        for step in (READS_ASK_EVERY, -3 * READS_ASK_EVERY):  # a clock may be set back
            clock.at += step
            with pytest.raises(Halt):
                await ask(reads=True)
        # It is not believed to have answered: the next one asks again.
        with pytest.raises(Halt):
            await ask(reads=True)
        with unasked():
            await ask(reads=False)


async def test_without_a_clock_reads_are_free() -> None:
    async def never() -> None:
        raise Halt

    with permitted(never):
        await ask(reads=True)
        with pytest.raises(Halt):
            await ask(reads=False)
    await ask(reads=False)
