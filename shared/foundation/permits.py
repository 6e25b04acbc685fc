"""Asking, before each attempt to reach a platform, whether it may still be sent.

A run asks whether it still holds its lease, and everybody whether their connection was halted. It is asked last of all,
behind every wait for a token or for the next try, and raises if the time for it is over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.foundation.clock import Clock

Permit = Callable[[], Awaitable[None]]
# For so long an answer holds for requests that only read, unless it costs nothing to ask. What may act asks each time.
READS_ASK_EVERY = timedelta(seconds=1)


@dataclass(kw_only=True)
class _Asked:
    ask: Permit
    clock: Clock | None
    reads_ask_every: timedelta
    loop: asyncio.AbstractEventLoop
    asked_at: datetime | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def before(self, *, reads: bool) -> None:
        """Ask before a request, unless it only reads and the last answer is fresh."""
        if not reads:
            await self.ask()
        elif self.clock is not None:
            async with self.turn:  # those that read side by side share one answer
                now = self.clock.now()
                if self.asked_at is None or abs(now - self.asked_at) >= self.reads_ask_every:
                    await self.ask()
                    self.asked_at = now


# A context variable, so that no call can forget it, in whichever task or thread of the work.
_permits: ContextVar[tuple[_Asked, ...]] = ContextVar("permits", default=())


@contextmanager
def permitted(
    ask: Permit, *, reads_by: Clock | None = None, reads_ask_every: timedelta = READS_ASK_EVERY
) -> Iterator[None]:
    """Inside the block, and in every task begun there, `ask` is asked before each request that may act.

    With a clock also before those that only read, once in `reads_ask_every`. Blocks within blocks are all asked, the
    outermost first.
    """
    one = _Asked(ask=ask, clock=reads_by, reads_ask_every=reads_ask_every, loop=asyncio.get_running_loop())
    before = _permits.set((*_permits.get(), one))
    try:
        yield
    finally:
        _permits.reset(before)


@contextmanager
def unasked() -> Iterator[None]:
    """Inside the block nobody is asked: for what serves every caller, so that the end of one is not the others'."""
    before = _permits.set(())
    try:
        yield
    finally:
        _permits.reset(before)


async def ask(*, reads: bool) -> None:
    """Ask whether a request may be sent, which only reads or may act. Raises what the one who is asked raises."""
    for one in _permits.get():
        await one.before(reads=reads)


def ask_in_thread() -> None:
    """The same for a request for a token, which acts on nothing: in a thread that may wait for the loop."""
    for one in _permits.get():
        asyncio.run_coroutine_threadsafe(one.before(reads=True), one.loop).result()
