"""A run that lost its lease, or whose connection has changed direction, writes nothing more and does nothing more."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from infra.local.simulators.wire import Call
from shared.connections import tokens
from shared.connections.lease import LEASE, Superseded, acquire, fenced
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import certificate, chain
from shared.engine.ledger import LATE, holdings_of
from shared.flows import quarantine as flow
from shared.flows import revoke
from shared.flows.advance import advance
from shared.flows.jobs import Handler, deliver_due, run
from shared.flows.sync import sync_now
from shared.flows.timers import sweep
from shared.protection import directory
from shared.storage import tables as db
from tests.harness import quarantine as held
from tests.harness import workspace as google
from tests.harness.frozen import frozen, frozen_after
from tests.harness.world import World

PAST = LEASE + timedelta(minutes=1)


def call(*, path: str = "", cmdlet: str | None = None, method: str | None = None) -> Callable[[Call], bool]:
    """A call whose path ends so, by such a method, or that runs a cmdlet."""
    return lambda one: one.path.endswith(path) and one.cmdlet == cmdlet and method in (None, one.method)


async def members(world: World, connection: str) -> list[tuple[str, str]]:
    """Our copy's users and members."""
    users, groups = db.users, db.members
    async with world.app.database.read() as read:
        listed = await read.execute(sa.select(users.c.connection, users.c.id).where(users.c.connection == connection))
        mine = sa.select(groups.c.group_id, groups.c.member_id).where(groups.c.connection == connection)
        return sorted([*map(tuple, listed), *map(tuple, await read.execute(mine))])


async def forget_checkpoints(world: World, connection: str) -> None:
    """The next synchronisation lists everything."""
    async with world.app.database.write() as write:
        await write.execute(sa.delete(db.checkpoints).where(db.checkpoints.c.connection == connection))


async def superseded(world: World, connection_id: str, handler: Handler) -> None:
    """Run a job whose heartbeat is too late to end it: what it writes alone can tell it that it lost the lease."""
    claimed = await acquire(world.app.database, connection_id, world.clock.now())
    assert claimed is not None
    with pytest.raises(Superseded), fenced(claimed[1]):
        await handler(world.app, *claimed)


@pytest.mark.hazard(31)
async def test_a_listing_longer_than_the_lease_keeps_it_and_is_made_once(world: World) -> None:
    connection = await world.connect()
    await world.work()
    before, tenant = await members(world, connection.id), world.snapshot()
    await forget_checkpoints(world, connection.id)
    world.sims.cloud.calls.clear()

    async def ten_minutes(other: World) -> None:
        for _ in range(10):
            other.clock.move(timedelta(minutes=1))
            await until_renewed(other)
            await sweep(other.app)
            await deliver_due(other.app)

    async def until_renewed(other: World) -> None:
        while (until := (await other.connection(connection.id)).lease_until) and until < other.clock.now() + LEASE / 2:
            pass

    with frozen(world, call(path="/users", method="GET"), ten_minutes, awake=True):
        await run(world.app, Job(name="sync-now", connection_id=connection.id))
    await world.until_true(connection, lambda now: now.status is Status.OK)
    listings = [
        one for one in world.sims.cloud.calls if one.path.endswith("/v1.0/users") and "skiptoken" not in one.query
    ]
    assert len(listings) == 1
    assert (await members(world, connection.id), world.snapshot()) == (before, tenant)
    assert (await world.connection(connection.id)).status is Status.OK


@pytest.mark.hazard(31)
@pytest.mark.parametrize("place", ["/users", "/users/delta", "/groups/delta", "/domains"])
async def test_a_run_that_was_frozen_settles_nothing_over_the_next_one(world: World, place: str) -> None:
    connection = await world.connect()
    await world.work()
    before, tenant = await members(world, connection.id), world.snapshot()
    await forget_checkpoints(world, connection.id)

    async def next_one(other: World) -> None:
        other.clock.move(PAST)
        await sweep(other.app)
        await run(other.app, Job(name="sync-now", connection_id=connection.id))

    with frozen(world, call(path=place, method="GET"), next_one):
        await superseded(world, connection.id, sync_now)
    after = await world.connection(connection.id)
    assert (await members(world, connection.id), world.snapshot()) == (before, tenant)
    assert after.status is Status.OK
    assert "users" in await directory.checkpoints(world.app.database, connection.id)


async def test_a_token_that_comes_after_the_revoke_is_not_stored(world: World) -> None:
    connection = await world.connect()

    async def revoked(other: World) -> None:
        await other.revoke(connection)
        async with other.app.database.write() as write:
            await write.execute(sa.delete(db.tokens).where(db.tokens.c.connection == connection.id))

    with frozen(world, call(path="/token", method="POST"), revoked):
        await run(world.app, Job(name="refresh", connection_id=connection.id))
    assert await tokens.stored(world.app.database, connection.id) == {}


async def test_a_look_that_ends_after_the_close_leaves_the_certificate(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    world.clock.move(timedelta(days=2))
    kept: list[object] = []

    async def closed(other: World) -> None:
        other.clock.move(PAST)
        other.admin("remove-application")
        ended = await other.until(connection, Stage.CLOSED)
        kept.append(await certificate.latest(other.app.database, ended))

    with frozen(world, call(cmdlet="Get-InboundConnector", method="POST"), closed):
        await superseded(world, connection.id, advance)
    after = await world.connection(connection.id)
    assert after.stage is Stage.CLOSED
    assert [await certificate.latest(world.app.database, after)] == kept != [None]
    assert await chain.verify(world.app.database, connection.id) is None


async def test_the_answer_to_a_call_that_was_sent_is_written_down_late_and_over_nothing(world: World) -> None:
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")

    async def next_one(other: World) -> None:
        other.clock.move(PAST)
        await other.until(connection, Stage.RUN)

    with frozen(world, call(cmdlet="New-InboundConnector", method="POST"), next_one):
        await world.work()
    running = await world.until(connection, Stage.RUN)
    late = [one async for one in chain.entries(world.app.database, running.id) if str(one.note).startswith(LATE)]
    assert len(late) == 1
    assert {str(one.state) for one in (await holdings_of(world.app.database, running.id)).values()} <= {
        "ours",
        "borrowed",
    }
    names = [one["Name"] for one in world.cmdlet("Get-InboundConnector")["value"]]
    assert len(names) == len(set(names))
    assert await chain.verify(world.app.database, running.id) is None


async def released(other: World, connection: Connection) -> None:
    """An operator has the message put back, and it is."""
    (item,) = (await held.listed(other, connection))["items"]
    await flow.release(other.app, await other.connection(connection.id), item["id"], "operator@msp.example")
    await run(other.app, Job(name="quarantine", connection_id=connection.id))


async def revoked(other: World, connection: Connection) -> None:
    """An operator revokes."""
    await revoke.revoke(other.app, await other.connection(connection.id), "operator@msp.example", acknowledged=True)


@pytest.mark.parametrize("meanwhile", [released, revoked])
async def test_a_frozen_worker_does_not_bin_a_message_after_its_release_or_the_revoke(
    world: World, meanwhile: Callable[[World, Connection], Awaitable[None]]
) -> None:
    connection = await held.connect(world)
    with frozen(world, call(path="/modify", method="POST"), lambda other: meanwhile(other, connection)):
        (message,) = await held.taken(world)
        await world.work()
    assert "INBOX" in google.labels(world, google.ADMIN, message)
    assert "trash" not in {what for _, what in google.touched(world)}


@pytest.mark.parametrize("meanwhile", [released, revoked])
async def test_a_message_that_was_on_its_way_to_the_bin_meanwhile_is_taken_out_again(
    world: World, meanwhile: Callable[[World, Connection], Awaitable[None]]
) -> None:
    connection = await held.connect(world)
    asked = "SELECT decisions.message"
    with frozen_after(world, asked, "quarantine", lambda other: meanwhile(other, connection)):
        (message,) = await held.taken(world)
        await world.work()
    assert "INBOX" in google.labels(world, google.ADMIN, message)
    assert "TRASH" not in google.labels(world, google.ADMIN, message)
    assert [what for _, what in google.touched(world)].count("untrash") == 1
