"""Each job costs what the table of docs/performance.md says: what creeps in is seen here."""

from dataclasses import astuple
from datetime import timedelta

import pytest

from infra.local.bench.counted import counted
from infra.local.bench.counts import BYTES, COSTS, Cost
from shared.connections.record import Connection
from shared.deployment.queues import Job
from shared.flows.jobs import run
from tests.harness import workspace as google
from tests.harness.world import World


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
    for of, job in COSTS:
        if of != platform:
            continue
        if job == "sync":
            await world.pass_time(timedelta(days=1))
            await run(world.app, Job(name="refresh", connection_id=connection.id))
        world.sims.cloud.calls.clear()
        with counted(world.app.database) as count:
            await run(world.app, Job(name=job, connection_id=connection.id))
        calls, sent = len(world.sims.cloud.calls), sum(len(call.body) for call in world.sims.cloud.calls)
        assert platform == "google" or sent <= BYTES[job], f"{job} sent {sent} bytes"
        # The kill switch is asked by the clock: before what reads once a second, however long a machine takes.
        statements = [text for text, _ in count.statements if not text.startswith("SELECT halts")]
        found[of, job] = Cost(len(statements), count.transactions, len(count.writes), calls)
    held_to = {key: cost for key, cost in COSTS.items() if key[0] == platform}
    assert found == held_to, "\n".join(f"{key}: {astuple(cost)}" for key, cost in found.items())
