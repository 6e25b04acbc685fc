"""A process that is told to end, at the awaits of a run: nothing more is sent, and another process goes on at once."""

import asyncio

import pytest
import sqlalchemy as sa

from infra.local.simulators.wire import Call
from shared.connections.stages import Stage
from shared.connections.stopping import Stopped, Stopping
from shared.engine import chain
from shared.foundation import permits
from shared.foundation.clock import SystemClock
from shared.storage import tables as db
from tests.harness.world import World


def acts(call: Call) -> bool:
    """Whether a call may change something: Exchange's cmdlets are all posted."""
    if call.cmdlet is not None:
        return not call.cmdlet.startswith("Get-")
    return call.method != "GET" and not call.path.endswith("/token")


async def test_a_run_sends_nothing_more_and_another_process_goes_on_with_it(world: World) -> None:
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    loop, changes = asyncio.get_running_loop(), list[Call]()

    async def tell() -> None:
        world.app.stopping.tell()

    def hear(call: Call) -> None:
        if acts(call):
            changes.append(call)
            asyncio.run_coroutine_threadsafe(tell(), loop).result()

    world.sims.cloud.on_request = hear
    await world.until_true(connection, lambda _: bool(changes))
    world.sims.cloud.on_request = None
    assert len(changes) == 1
    columns = db.connections.c
    async with world.app.database.read() as read:
        query = sa.select(columns.lease_until, columns.begun).where(columns.id == connection.id)
        assert (await read.execute(query)).one() == (None, 0)
    other = await world.again()
    assert (await other.until(connection, Stage.RUN)).waiting_since is None
    assert await chain.verify(world.app.database, connection.id) is None


async def test_in_a_process_that_was_told_work_may_end_but_send_nothing() -> None:
    stopping, ended = Stopping(), []

    async def note() -> None:
        ended.append("wrote")

    async def look() -> None:
        await permits.ask(reads=True)
        ended.append("looked")

    await stopping.heeded(SystemClock(), look())
    stopping.tell()
    await stopping.heeded(SystemClock(), note())
    with pytest.raises(Stopped, match="process_ending"):
        await stopping.heeded(SystemClock(), look())
    assert ended == ["looked", "wrote"]


async def test_who_ends_a_run_for_another_reason_ends_it() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    run_of_it = asyncio.ensure_future(Stopping().heeded(SystemClock(), work()))
    await begun.wait()
    run_of_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run_of_it
