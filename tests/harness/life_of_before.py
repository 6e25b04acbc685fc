"""A short life, lived by the code of another revision: this file is read there, and its imports are that revision's.

Told where the database is, which another revision's migrations have made, and a folder to work in.
"""

import asyncio
import sys
from pathlib import Path

from infra.local.simulators import Simulators
from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows.jobs import run
from shared.protection import directory
from tests.harness.clock import TestClock
from tests.harness.world import World


class There:
    """A database that somebody else has made."""

    template = None

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, _folder: Path) -> str:
        return self._url

    def content(self, _folder: Path) -> object:
        """Never what it was: no life that was lived before is put in its place."""
        return object()


async def main(url: str, folder: Path) -> None:
    """Grant, synchronise, refresh, revoke, close."""
    with Simulators.start(clock_file=folder / "clock") as sims:
        (folder / "clock").write_text("0")
        world = await World.make(sims, TestClock(folder / "clock"), There(url), folder)
        world.behave(purge_app_only=True)
        before = world.snapshot()
        connection = await world.connect()
        for job in ("sync-now", "refresh"):
            await run(world.app, Job(name=job, connection_id=connection.id))
        running = await world.connection(connection.id)
        assert running.status is Status.OK, running.sentence
        assert (await directory.count(world.app.database, connection.id))["users"] > 0
        closed = await world.leave(connection)
        assert closed.stage is Stage.CLOSED
        assert world.snapshot() == before
        await world.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
