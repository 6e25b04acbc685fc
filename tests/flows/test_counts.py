"""What each job costs a connection of which nothing has changed, in counts: what creeps in is seen here.

A figure may fall at any time, and then falls here too; one that rises needs a reason.
"""

from dataclasses import astuple, dataclass
from datetime import timedelta

import pytest

from shared.connections.record import Connection
from shared.deployment.queues import Job
from shared.flows.jobs import run
from tests.harness import workspace as google
from tests.harness.counted import counted
from tests.harness.world import World


@dataclass(frozen=True)
class Cost:
    """At most so many statements, transactions, statements that write, and calls of the platform."""

    statements: int
    transactions: int
    writes: int
    calls: int


TABLE = {
    ("microsoft365", "sync"): Cost(48, 6, 8, 26),
    ("microsoft365", "advance"): Cost(24, 2, 2, 18),
    ("microsoft365", "refresh"): Cost(11, 4, 3, 2),
    ("microsoft365", "report"): Cost(6, 2, 2, 0),
    ("google", "advance"): Cost(21, 3, 3, 1),
    ("google", "refresh"): Cost(15, 5, 4, 2),
    ("google", "report"): Cost(6, 2, 2, 0),
    ("google", "scan"): Cost(10, 1, 2, 0),
}


async def settled(world: World, platform: str) -> Connection:
    """A running connection that has come to rest, a day after its last synchronisation."""
    connection = await (world.connect() if platform == "microsoft365" else google.connect(world, modes=["api"]))
    for _ in range(2):
        await world.work()
        await world.pass_time(timedelta(days=1))
        for job in ("refresh", "sync", "scan"):
            await run(world.app, Job(name=job, connection_id=connection.id))
    await world.work()
    return connection


@pytest.mark.parametrize("platform", ["microsoft365", "google"])
async def test_no_job_costs_more_than_the_table_says(world: World, platform: str) -> None:
    connection = await settled(world, platform)
    found: dict[tuple[str, str], Cost] = {}
    for of, job in TABLE:
        if of != platform:
            continue
        if job == "sync":
            await world.pass_time(timedelta(days=1))
            await run(world.app, Job(name="refresh", connection_id=connection.id))
        world.sims.cloud.calls.clear()
        with counted(world.app.database) as count:
            await run(world.app, Job(name=job, connection_id=connection.id))
        calls = len(world.sims.cloud.calls)
        found[of, job] = Cost(len(count.statements), count.transactions, len(count.writes), calls)
    held_to = {key: cost for key, cost in TABLE.items() if key[0] == platform}
    assert found == held_to, "\n".join(f"{key}: {astuple(cost)}" for key, cost in found.items())
