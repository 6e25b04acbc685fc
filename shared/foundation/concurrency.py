"""The same for many, a few at a time; and what is not broken off half-way."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

Thing = TypeVar("Thing")
Other = TypeVar("Other")
# More than this on one HTTP client make each other slower.
MAX_CONCURRENT = 8


async def each(
    things: Iterable[Thing], do: Callable[[Thing], Awaitable[None]], *, at_once: int = MAX_CONCURRENT
) -> None:
    """Do it for each of the things, some at once.

    The first failure ends it: what has not begun does not begin, and it is raised.
    """
    waiting = iter(things)

    async def worker() -> None:
        for thing in waiting:
            await do(thing)

    workers = [asyncio.ensure_future(worker()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def beside(one: Coroutine[Any, Any, Thing], other: Coroutine[Any, Any, Other]) -> tuple[Thing, Other]:
    """What two come to, side by side. The first failure ends the other and is raised."""
    first, second = tasks = asyncio.ensure_future(one), asyncio.ensure_future(other)
    try:
        return await asyncio.gather(first, second)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await what must not be broken off half-way: who cancels this waits until the work has ended."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
