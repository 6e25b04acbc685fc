"""A process that is frozen, as by SIGSTOP, at one instant of its work; and what another one does meanwhile."""

import asyncio
import json
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any

import sqlalchemy as sa

from infra.local.simulators.wire import Call
from tests.harness.world import World

# Longer than what another process does meanwhile, in seconds.
LIMIT = 120
ROOT = Path(__file__).parents[2]
Meanwhile = Callable[[World], Awaitable[None]]


class Other:
    """Another process of the same deployment, in a thread with a loop of its own; it works once."""

    def __init__(self, world: World, work: Meanwhile) -> None:
        self._world, self._work = world, work
        self._thread = threading.Thread(target=self._run)
        self._failed: list[BaseException] = []
        self.began, self.over = False, threading.Event()

    def begin(self) -> None:
        """Have it work."""
        self.began = True
        self._thread.start()

    def end(self) -> None:
        """Fails if it never began, or with what failed in it."""
        assert self.began, "nothing came at which to freeze"
        self._thread.join(LIMIT)
        if self._failed:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:  # it is raised where the test can see it
            self._failed.append(error)
        finally:
            self.over.set()

    async def _live(self) -> None:
        world = self._world
        # With a setting it does not look at the platforms, which may be held up as well.
        same = world.app.settings.implausible_loss
        another = await World.make(world.sims, world.clock, world.databases, world.folder, implausible_loss=same)
        try:
            await self._work(another)
        finally:
            await another.close()


@contextmanager
def frozen(world: World, at: Callable[[Call], bool], meanwhile: Meanwhile, *, awake: bool = False) -> Iterator[None]:
    """Freeze this process before it hears the answer to the first such call, until another one has done its work.

    If it stays `awake`, the platform alone waits with its answer, and the other process must not call it.
    """
    loop, other = asyncio.get_running_loop(), Other(world, meanwhile)

    def stop(call: Call) -> None:
        if other.began or not at(call):
            return
        if not awake:
            # Comes before the answer, which lies in its socket until the loop goes on.
            loop.call_soon_threadsafe(other.over.wait, LIMIT)
        other.begin()
        if awake:
            other.over.wait(LIMIT)

    world.sims.cloud.on_request = stop
    try:
        yield
    finally:
        world.sims.cloud.on_request = None
    other.end()


@contextmanager
def frozen_after(world: World, beginning: str, parameter: str, meanwhile: Meanwhile) -> Iterator[None]:
    """Freeze this process when it has its first answer to such a statement with such a parameter."""
    other, engine = Other(world, meanwhile), world.app.database.engine.sync_engine

    def stop(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        values = parameters.values() if isinstance(parameters, dict) else parameters
        if not other.began and statement.startswith(beginning) and parameter in values:
            other.begin()
            other.over.wait(LIMIT)

    sa.event.listen(engine, "after_cursor_execute", stop)
    try:
        yield
    finally:
        sa.event.remove(engine, "after_cursor_execute", stop)
    other.end()


async def stopped(world: World, job: str, connection_id: str, at: Callable[[Call], bool], meanwhile: Meanwhile) -> None:
    """Run a job in a process of its own: SIGSTOP at its first such call, SIGCONT when another has done its work."""
    told = {
        "environment": world.sims.settings,
        "database": world.databases.url(world.folder),
        "clock": str(world.clock.file),
        "job": job,
        "connection": connection_id,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.harness.one_job", stdin=PIPE, stdout=PIPE, stderr=STDOUT, cwd=ROOT
    )
    other = Other(world, meanwhile)

    def stop(call: Call) -> None:
        if not other.began and at(call):
            process.send_signal(signal.SIGSTOP)
            other.begin()

    async def go_on() -> None:
        await asyncio.to_thread(other.over.wait, LIMIT)
        with suppress(ProcessLookupError):  # it has ended, and never came to such a call
            process.send_signal(signal.SIGCONT)

    world.sims.cloud.on_request = stop
    going_on = asyncio.ensure_future(go_on())
    try:
        said, _ = await asyncio.wait_for(process.communicate(json.dumps(told).encode()), LIMIT)
    finally:
        world.sims.cloud.on_request = None
        other.over.set()
        await going_on
    assert process.returncode == 0, said.decode()
    other.end()
