"""What becomes of a message: run once, put off while its connection is busy, sent again, given up, or not ours."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from shared.connections.lease import LEASE, acquire
from shared.connections.record import Status
from shared.deployment.queues import Job
from shared.deployment.queues.database import EmbeddedQueue
from shared.flows import deferred_jobs as postponed
from shared.flows.jobs import deliver, give_up, run
from shared.flows.timers import sweep
from shared.storage import tables as db
from tests.harness.orders import signed
from tests.harness.world import World


async def test_a_message_that_is_given_up_or_not_ours_is_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    connection = await world.connect()
    message = await signed(world, Job(name="advance", connection_id=connection.id), world.clock.now())
    await give_up(world.app, message)
    told = await world.connection(connection.id)
    assert (told.status, told.reason) == (Status.ATTENTION, "poisoned")
    assert "next attempt is in an hour" in str(told.sentence)
    await world.pass_time(timedelta(hours=1, minutes=6))
    await world.tick()
    assert (await world.connection(connection.id)).status is Status.OK
    world.sims.cloud.calls.clear()
    gone = await signed(world, Job(name="no-longer", connection_id=connection.id), world.clock.now())
    for strange in ("", "{}", "\x00", gone, message.replace(connection.id, "nobody")):
        await deliver(world.app, strange)
        await give_up(world.app, strange)
    assert not world.sims.cloud.calls
    assert sum(record.getMessage() == "message is not ours" for record in caplog.records) == 8


async def test_a_busy_connection_is_left_alone_and_the_job_done_once_afterwards(world: World) -> None:
    connection = await world.connect()
    await world.work()
    claimed = await acquire(world.app.database, connection.id, world.clock.now())
    assert claimed is not None
    for _ in range(5):
        await run(world.app, Job(name="sync-now", connection_id=connection.id))
    assert await EmbeddedQueue(world.app.database).next_at() is None  # nothing goes round meanwhile
    # The run that has it dies; the sweep finds what waits.
    world.clock.move(LEASE)
    await sweep(world.app)
    synced = (await world.connection(connection.id)).synced_at
    await world.work()
    assert (await world.connection(connection.id)).synced_at > synced
    assert await postponed.waiting(world.app.database, connection.id) == []


async def test_a_message_that_comes_early_is_sent_again(world: World) -> None:
    connection = await world.connect()
    await world.work()
    later = world.clock.now() + timedelta(days=40)
    world.sims.cloud.calls.clear()
    await deliver(world.app, await signed(world, Job(name="sync-now", connection_id=connection.id), later))
    assert await EmbeddedQueue(world.app.database).next_at() == later
    assert not world.sims.cloud.calls


async def test_messages_that_come_beside_another_leave_no_more_on_their_way(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    world.fault({"host": "graph"}, {"kind": "status", "status": 500}, times=10_000)
    await world.work()

    async def on_their_way() -> list[datetime]:
        async with world.app.database.read() as read:
            return list((await read.execute(sa.select(db.jobs.c.not_before).order_by(db.jobs.c.id))).scalars())

    before, waiting = await on_their_way(), await world.connection(connection.id)
    for job in ("advance", "clean-up"):
        await run(world.app, Job(name=job, connection_id=connection.id))
    assert await on_their_way() == before
    now = await world.connection(connection.id)
    assert (now.reason, now.not_before) == ("platform_unavailable", waiting.not_before)
