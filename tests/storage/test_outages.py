"""When the database does not answer: what is said, and what is kept."""

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa

from shared.connections import record as connections
from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.deployment.queues.database import EmbeddedQueue
from shared.flows.jobs import deliver, run
from shared.foundation.errors import Temporary
from shared.storage import tables as db
from shared.storage.database import Database
from shared.web.dispatch import answer
from shared.web.http import Request
from tests.harness.orders import signed
from tests.harness.processes import NOW, add
from tests.harness.world import World


async def test_an_outage_is_said_and_nothing_is_taken_for_done(world: World) -> None:
    connection = await world.connect()
    headers = {"authorization": f"Bearer {world.sims.operator_token()}"}
    gone = Database(world.databases.nowhere(world.folder))
    app = replace(world.app, database=gone, queue=EmbeddedQueue(gone))
    for path in ("/api/health", "/api/connections"):
        told = await answer(app, Request(method="GET", path=path, query={}, headers=headers, body=b""))
        assert (told.status, b"database_unavailable" in told.body) == (503, True), told.body
    # The queue keeps a message whose delivery fails.
    with pytest.raises(Temporary, match="database_unavailable"):
        await deliver(app, await signed(world, Job(name="advance", connection_id=connection.id), world.clock.now()))
    await gone.close()
    # What a run had begun when the database went away is taken up by the next.
    assert (await world.connection(connection.id)).stage is Stage.RUN


async def test_a_mistake_of_ours_is_not_taken_for_an_outage(processes: list[Database]) -> None:
    with pytest.raises(sa.exc.DBAPIError):
        async with processes[0].read() as read:
            await read.execute(sa.text("SELECT absent FROM links"))
    with pytest.raises(sa.exc.IntegrityError) as told:
        async with processes[0].write() as write:
            await write.execute(sa.insert(db.links).values(id="secret", purpose=None, expires_at=NOW))
    assert "secret" not in str(told.value).partition("DETAIL")[0]


async def test_a_server_that_went_away_is_connected_to_again(processes: list[Database]) -> None:
    first, second, *_ = processes
    if first.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no server")
    name = await add(first, "one")
    here = "FROM pg_stat_activity WHERE datname = current_database()"
    others = sa.text(f"SELECT pg_terminate_backend(pid) {here} AND pid <> pg_backend_pid()")
    named = sa.text(f"SELECT application_name {here}")

    async def kill() -> None:
        async with second.read() as read:
            assert "footprint" in (await read.execute(named)).scalars().all()
            await read.execute(others)

    await kill()
    assert await connections.find(first, name) is not None

    async def die_between() -> None:
        async with first.write() as write:
            await connections.update(write, name, name="half")
            await kill()
            await connections.update(write, name, name="whole")

    with pytest.raises(Temporary, match="database_unavailable"):
        await die_between()
    found = await connections.find(first, name)
    assert found is not None
    assert found.name == "one"


async def test_what_finds_every_connection_taken_waits_in_line(processes: list[Database]) -> None:
    if processes[0].engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no server")
    narrow = Database(processes[0].url, connections=1)
    name = await add(narrow, "one")

    async def count_up() -> None:
        async with narrow.write() as write:
            await connections.hold(write, name)
            now = (await write.execute(sa.select(db.connections.c.begun))).scalar_one()
            await connections.update(write, name, begun=now + 1)

    await asyncio.gather(*(count_up() for _ in range(20)))
    found = await connections.find(narrow, name)
    assert found is not None
    assert found.begun == 20
    await narrow.close()


async def test_a_transaction_that_is_held_up_stops_nobody_for_long(processes: list[Database]) -> None:
    frozen, other, *_ = processes
    if frozen.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no server")
    name = await add(frozen, "one")
    free = await add(frozen, "two")
    async with other.read() as read:
        asked = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        bounds = {one: (await read.execute(sa.text(f"SHOW {one}"))).scalar_one() for one in asked}
    assert bounds == {
        "lock_timeout": "10s",
        "statement_timeout": "1min",
        "idle_in_transaction_session_timeout": "20s",
    }

    async def held_up() -> None:
        async with frozen.write() as write:
            # The same bounds, shorter, so that nobody has to wait for them.
            await write.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 300")
            await connections.update(write, name, name="frozen")
            async with other.write() as beside:
                await beside.exec_driver_sql("SET LOCAL lock_timeout = 100")
                await connections.update(beside, free, name="another customer's")
                await connections.update(beside, name, name="waiting")

    with pytest.raises(Temporary, match="database_unavailable"):
        await held_up()

    async def goes_on() -> None:
        async with frozen.write() as write:
            await write.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 50")
            await connections.update(write, name, name="frozen")
            # Nothing is answered to the one that is held up; the other one waits for the lock, and gets it.
            async with other.write() as beside:
                await connections.update(beside, name, name="after all")
            await connections.update(write, name, name="late")

    with pytest.raises(Temporary, match="database_unavailable"):
        await goes_on()
    found = await connections.find(other, name)
    assert found is not None
    assert found.name == "after all"


async def test_no_work_takes_a_second_connection_while_it_has_one(world: World) -> None:
    if world.app.database.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no server")
    narrow = await world.again(database_connections=1)
    connection = await narrow.connect()
    await narrow.work()
    for job in ("resync", "refresh", "report", "repair"):
        await run(narrow.app, Job(name=job, connection_id=connection.id))
        now = await narrow.connection(connection.id)
        assert now.status is Status.OK, now.sentence
    await narrow.leave(now)
