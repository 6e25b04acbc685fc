"""A process that is frozen, as by SIGSTOP, before it hears the answer to a call; and what another does meanwhile."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from infra.local.simulators.wire import Call
from tests.harness.world import World

# Longer than what another process does meanwhile, in seconds.
LIMIT = 120


@contextmanager
def frozen(
    world: World, at: Callable[[Call], bool], meanwhile: Callable[[World], Awaitable[None]], *, awake: bool = False
) -> Iterator[None]:
    """Freeze this process's loop at the first such call, until another process has come to the end of its work.

    If it stays `awake`, the platform alone waits with its answer, and the other process must not call it.
    Fails if there was no such call, or with what failed in the other process.
    """
    loop, over = asyncio.get_running_loop(), threading.Event()
    failed: list[BaseException] = []
    others: list[threading.Thread] = []

    async def live() -> None:
        # With a setting it does not look at the platforms, which may be held up as well.
        same = world.app.settings.implausible_loss
        another = await World.make(world.sims, world.clock, world.databases, world.folder, implausible_loss=same)
        try:
            await meanwhile(another)
        finally:
            await another.close()

    def other() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:  # it is raised where the test can see it
            failed.append(error)
        finally:
            over.set()

    def stop(call: Call) -> None:
        if not others and at(call):
            others.append(threading.Thread(target=other))
            if not awake:
                # Comes before the answer, which lies in its socket until the loop goes on.
                loop.call_soon_threadsafe(over.wait, LIMIT)
            others[0].start()
            if awake:
                over.wait(LIMIT)

    world.sims.cloud.on_request = stop
    try:
        yield
    finally:
        world.sims.cloud.on_request = None
        for one in others:
            one.join(LIMIT)
    assert others, "nothing was called at which to freeze"
    if failed:
        raise failed[0]
