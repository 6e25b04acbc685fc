"""When the database does not answer: what is said, and what is kept."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from shared.connections import record as connections
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.deployment.queues.database import EmbeddedQueue
from shared.flows.jobs import deliver
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
            await read.execute(sa.text("SELECT nothing FROM nowhere"))
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
