"""Asking, before each attempt to reach a platform, whether it may still be sent.

A run asks whether it still holds its lease, and everybody whether their connection was halted. It is asked last of all,
behind every wait for a token or for the next try, and raises if the time for it is over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

Permit = Callable[[], Awaitable[None]]
READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, kw_only=True)
class _Asked:
    ask: Permit
    reads: bool
    loop: asyncio.AbstractEventLoop


# A context variable, so that no call can forget it, in whichever task or thread of the work.
_permits: ContextVar[tuple[_Asked, ...]] = ContextVar("permits", default=())


@contextmanager
def permitted(ask: Permit, *, reads: bool = False) -> Iterator[None]:
    """Inside the block, and in every task begun there, `ask` is asked before whatever is sent.

    Without `reads` only before what may act. Blocks within blocks are all asked, the outermost first.
    """
    one = _Asked(ask=ask, reads=reads, loop=asyncio.get_running_loop())
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


async def ask(method: str) -> None:
    """Ask whether a request may be sent. Raises what the one who is asked raises."""
    for one in _permits.get():
        if one.reads or method not in READS:
            await one.ask()


def ask_in_thread() -> None:
    """The same for a request for a token, which acts on nothing: in a thread that may wait for the loop."""
    for one in _permits.get():
        if one.reads:
            asyncio.run_coroutine_threadsafe(_asking(one), one.loop).result()


async def _asking(one: _Asked) -> None:
    await one.ask()
