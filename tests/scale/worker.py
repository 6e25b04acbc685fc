"""The process that is killed: jobs, timers and sweep of one connection, until its directory is read."""

import asyncio
import resource
from datetime import datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from infra.local.timers import fire_timers
from shared.connections import record as connections
from shared.connections.record import Connection, Status
from shared.deployment.queues.database import EmbeddedQueue
from shared.flows.app import App
from shared.flows.jobs import deliver_due
from shared.service import build
from tests.harness.clock import TestClock
from tests.harness.settings import settings_from
from tests.harness.world import MASTER_KEY

SWEEP = timedelta(minutes=5)
KIBIBYTES_A_MEBIBYTE = 1024


class Clock(TestClock):
    """One that costs little to wait for."""

    looks_every = 0.05


def main(told: dict[str, Any], pipe: Pipe) -> None:
    """Work until the connection is synchronised and well; tell what each job took."""
    asyncio.run(_work(told, pipe))


async def _work(told: dict[str, Any], pipe: Pipe) -> None:
    settings = settings_from(
        told["environment"],
        database_url=told["database"],
        master_key={"value": MASTER_KEY},
        public_url="http://127.0.0.1:8080",
    )
    clock = Clock(Path(told["clock"]))
    app = build(settings, clock)
    pipe.send({"rest": _peak()})
    timers = asyncio.create_task(_timers(app, clock))
    while not _well(await _connection(app, told["connection"]), datetime.fromisoformat(told["since"])):
        began = clock.now()
        if await deliver_due(app, most=1):
            pipe.send({"job": (clock.now() - began).total_seconds(), "peak": _peak()})
            continue
        at = await EmbeddedQueue(app.database).next_at()
        soonest = min(at or began + SWEEP, began + SWEEP)
        clock.move(max(soonest - began, timedelta(seconds=1)))
        await fire_timers(app)
    timers.cancel()
    await asyncio.gather(timers, return_exceptions=True)
    await app.database.close()


async def _timers(app: App, clock: Clock) -> None:
    """The sweep and the other timers, beside whatever runs."""
    while True:
        await fire_timers(app)
        await clock.until(clock.now() + timedelta(seconds=30))


async def _connection(app: App, identifier: str) -> Connection:
    found = await connections.find(app.database, identifier)
    assert found is not None
    return found


def _well(connection: Connection, since: datetime) -> bool:
    synced = connection.synced_at
    return synced is not None and synced > since and connection.status is Status.OK


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES_A_MEBIBYTE
