"""The same for many, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Thing = TypeVar("Thing")
# More than this on one HTTP client make each other slower.
MAX_CONCURRENT = 8


async def each(things: Iterable[Thing], do: Callable[[Thing], Awaitable[None]]) -> None:
    """Do it for each of the things. The first failure ends it: what has not begun does not begin, and it is raised."""
    waiting = iter(things)

    async def worker() -> None:
        for thing in waiting:
            await do(thing)

    workers = [asyncio.ensure_future(worker()) for _ in range(MAX_CONCURRENT)]
    try:
        await asyncio.gather(*workers)
    finally:
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
