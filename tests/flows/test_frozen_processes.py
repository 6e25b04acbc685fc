"""Processes that are stopped by the system at the awaits of a run, and go on when others have acted meanwhile."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from infra.local.simulators.wire import Call
from shared.connections import tokens
from shared.connections.lease import LEASE
from shared.connections.record import Status
from shared.deployment.queues import Job
from shared.engine import chain
from shared.flows import revoke
from shared.flows.jobs import run
from shared.flows.timers import sweep
from shared.protection import directory
from shared.storage import tables as db
from tests.harness import quarantine as held
from tests.harness import workspace as google
from tests.harness.frozen import stopped
from tests.harness.world import World

PAST = LEASE + timedelta(minutes=1)


def call(path: str, cmdlet: str | None = None) -> Callable[[Call], bool]:
    """A call whose path ends so and that runs this cmdlet, if any."""
    return lambda one: one.path.endswith(path) and one.cmdlet == cmdlet


@pytest.mark.hazard(31)
@pytest.mark.parametrize(
    ("path", "cmdlet"),
    [
        ("/users/delta", None),
        ("/users", None),
        ("/groups/delta", None),
        ("/domains", None),
        ("/InvokeCommand", "Get-AcceptedDomain"),
        ("/InvokeCommand", "Get-TransportRule"),
    ],
)
async def test_a_process_that_was_stopped_leaves_the_next_ones_work(
    world: World, path: str, cmdlet: str | None
) -> None:
    connection = await world.connect()
    await world.work()
    async with world.app.database.write() as write:  # the next synchronisation lists everything
        await write.execute(sa.delete(db.checkpoints).where(db.checkpoints.c.connection == connection.id))
    before, tenant = await directory.count(world.app.database, connection.id), world.snapshot()

    async def next_one(other: World) -> None:
        other.clock.move(PAST)
        await sweep(other.app)
        await run(other.app, Job(name="sync-now", connection_id=connection.id))

    await stopped(world, "sync-now", connection.id, call(path, cmdlet), next_one)
    assert (await directory.count(world.app.database, connection.id), world.snapshot()) == (before, tenant)
    assert (await world.connection(connection.id)).status is Status.OK
    assert await chain.verify(world.app.database, connection.id) is None


async def test_a_process_that_was_stopped_at_a_token_stores_none_after_the_revoke(world: World) -> None:
    connection = await world.connect()

    async def revoked(other: World) -> None:
        await other.revoke(connection)
        async with other.app.database.write() as write:
            await write.execute(sa.delete(db.tokens).where(db.tokens.c.connection == connection.id))

    await stopped(world, "refresh", connection.id, call("/token"), revoked)
    assert await tokens.stored(world.app.database, connection.id) == {}


@pytest.mark.parametrize("revoking", [False, True], ids=["released", "revoked"])
async def test_a_process_that_was_stopped_bins_no_message_afterwards(world: World, *, revoking: bool) -> None:
    connection = await held.connect(world)
    (message,) = google.mail(world, google.ADMIN)
    for push in google.pushes(world):
        await google.deliver(world, push)

    async def meanwhile(other: World) -> None:
        now = await other.connection(connection.id)
        if revoking:
            await revoke.revoke(other.app, now, "operator@msp.example", acknowledged=True)
            return
        (item,) = (await held.listed(other, connection))["items"]
        await held.release(other, connection, item["id"])

    await stopped(world, "scan", connection.id, call("/modify"), meanwhile)
    bears = google.labels(world, google.ADMIN, message)
    assert "INBOX" in bears
    assert "TRASH" not in bears
