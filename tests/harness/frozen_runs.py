"""The runs of a connection's life one by one, and each of them in a process of its own that is stopped in between."""

import asyncio
import json
import os
import signal
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from infra.local.simulators.wire import Call
from shared.storage.tables import metadata
from tests.harness.frozen import LIMIT, ROOT
from tests.harness.world import World

Kind = Literal["call", "commit"]
Stored = dict[str, list[tuple[Any, ...]]]


@dataclass(kw_only=True)
class Begun:
    """How everything was before a job was taken from the queue, and how many instants of each kind its run had."""

    stage: str
    cloud: Any
    content: Any
    instants: Counter[Kind] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True)
class Instant:
    """When a process is stopped: before it hears the answer to a call, or when it has committed."""

    kind: Kind
    number: int


class Runs:
    """Notes each job that a world's app takes from the queue, and counts its calls and commits."""

    def __init__(self, world: World) -> None:
        self.begun = list[Begun]()
        self._world = world

    @contextmanager
    def noted(self, stage: str) -> Iterator[None]:
        """Inside the block, as of this stage."""
        world, running = self._world, False

        def taking(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            nonlocal running
            if statement.startswith("DELETE FROM jobs"):
                running = False
            elif statement.startswith("UPDATE jobs SET"):
                running = True
                content = world.databases.content(world.folder)
                self.begun.append(Begun(stage=stage, cloud=world.sims.cloud.save(), content=content))

        def count(kind: Kind) -> Callable[[Any], None]:
            def one(_: Any) -> None:
                if running:
                    self.begun[-1].instants[kind] += 1

            return one

        engine = world.app.database.engine.sync_engine
        listeners = (("before_cursor_execute", taking), ("commit", count("commit")))
        world.sims.cloud.on_request = count("call")
        for event, hear in listeners:
            sa.event.listen(engine, event, hear)
        yield
        world.sims.cloud.on_request = None
        for event, hear in listeners:
            sa.event.remove(engine, event, hear)


class Processes:
    """Forks processes that run one job each."""

    def __init__(self, forker: Process) -> None:
        self._forker = forker
        self._child: int | None = None

    async def begin(self, world: World, at: Instant, *, ahead: int) -> bool:
        """Run the next due job in a process whose clock is so many seconds ahead; False if it ended before it stopped.

        If it was stopped, it waits for `go_on`.
        """
        told = {
            "environment": world.sims.settings,
            "database": world.databases.url(world.folder),
            "clock": str(world.clock.file),
            "ahead": ahead,
            "at_commit": at.number if at.kind == "commit" else None,
        }
        calls, stopped = 0, threading.Event()

        def stop(_: Call) -> None:
            nonlocal calls
            calls += 1
            if at.kind == "call" and calls == at.number + 1 and self._child is not None:
                os.kill(self._child, signal.SIGUSR1)
                # The answer comes when it has stopped.
                stopped.wait(LIMIT)

        world.sims.cloud.on_request = stop
        try:
            assert self._forker.stdin is not None
            self._forker.stdin.write(json.dumps(told).encode() + b"\n")
            self._child = int(await self._told())
            said = await self._told()
        finally:
            stopped.set()
            world.sims.cloud.on_request = None
        return said == "stopped" or self._ended(said)

    async def go_on(self) -> None:
        """Let the stopped process go on, to its end."""
        assert self._child is not None
        os.kill(self._child, signal.SIGCONT)
        self._ended(await self._told())

    def _ended(self, said: str) -> bool:
        self._child = None
        assert said == "ended 0", said
        return False

    async def _told(self) -> str:
        assert self._forker.stdout is not None
        line = await asyncio.wait_for(self._forker.stdout.readline(), LIMIT)
        return line.decode().strip()

    def kill(self) -> None:
        """End what is left of the process that was begun last."""
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)


@asynccontextmanager
async def processes() -> AsyncIterator[Processes]:
    """Processes of this deployment, until the end of the block."""
    forker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.harness.forked_runs", stdin=PIPE, stdout=PIPE, cwd=ROOT
    )
    made = Processes(forker)
    try:
        yield made
    finally:
        made.kill()
        forker.kill()
        await forker.wait()


async def rows(world: World) -> Stored:
    """All that is stored, table by table."""
    async with world.app.database.read() as read:
        return {
            table.name: sorted(map(tuple, await read.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
        }
