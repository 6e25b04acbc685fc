"""Whose word moves a connection: of two at once one, and one customer's end is nobody else's."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from shared.connections.record import update
from shared.connections.stages import Stage
from shared.deployment.queues.database import EmbeddedQueue
from shared.flows import grant, revoke
from shared.flows.reports.store import subscription
from shared.flows.timers import sweep
from shared.foundation.errors import Refused
from shared.storage import tables as db
from tests.flows.reports.steps import ANNA, BERT, subscribe
from tests.harness.client import ask
from tests.harness.world import FABRIKAM, World

OPERATOR = "operator@msp.example"


async def test_of_two_who_turn_a_connection_at_once_one_is_refused(world: World) -> None:
    connection = await world.connect()
    await revoke.revoke(world.app, connection, OPERATOR)
    turned = await world.connection(connection.id)
    with pytest.raises(Refused, match="changed_meanwhile") as refused:
        await revoke.revoke(world.app, connection, "another@msp.example")
    assert refused.value.status == 409
    assert await world.connection(connection.id) == turned


async def test_who_saw_an_earlier_life_does_not_turn_the_present_one(world: World) -> None:
    connection = await world.connect()
    await revoke.revoke(world.app, connection, OPERATOR)
    await grant.connect_again(world.app, await world.connection(connection.id), OPERATOR)
    again = await world.until(connection, Stage.RUN)
    assert again.stage is connection.stage
    with pytest.raises(Refused, match="changed_meanwhile"):
        await revoke.revoke(world.app, connection, OPERATOR)
    assert (await world.connection(connection.id)).stage is Stage.RUN


async def test_who_saw_an_earlier_stage_does_not_turn_the_present_one(world: World) -> None:
    connection = await world.connect()
    await revoke.revoke(world.app, connection, OPERATOR)
    seen = await world.connection(connection.id)
    await world.until(connection, Stage.CLEANUP)
    with pytest.raises(Refused, match="changed_meanwhile"):
        await grant.connect_again(world.app, seen, OPERATOR)
    assert (await world.connection(connection.id)).stage is Stage.CLEANUP


async def test_one_customers_end_leaves_the_others_report_settings(world: World) -> None:
    world = await world.again(smtp={"host": "127.0.0.1", "sender": "reports@example.com"})
    one, other = await world.create(), await world.create(FABRIKAM)
    await subscribe(world, one, ANNA, kinds=("daily",))
    await subscribe(world, other, BERT, kinds=("weekly",))
    await world.revoke(one)
    assert (await world.connection(one.id)).stage is Stage.CLOSED
    assert (await subscription(world.app.database, one.id)).recipients == []
    assert (await subscription(world.app.database, other.id)).recipients == [BERT]
    async with world.app.database.read() as read:
        kept = await read.execute(sa.select(db.report_settings.c.connection))
        assert set(kept.scalars()) == {other.id}


async def test_a_connection_that_waits_for_a_moment_is_left_alone_until_then(world: World) -> None:
    connection = await world.create()
    await world.consent(connection)
    await world.work()
    until = world.clock.now() + timedelta(hours=1)
    async with world.app.database.write() as write:
        await update(write, connection.id, not_before=until)
        await write.execute(sa.delete(db.jobs))  # every message is lost
    queue = EmbeddedQueue(world.app.database)
    await sweep(world.app)
    assert await queue.next_at() is None
    world.clock.move(timedelta(hours=1))
    await sweep(world.app)
    assert await queue.next_at() is not None


async def test_a_mistake_of_ours_is_told_as_one_and_leaves_its_trace_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await world.connect()
    async with world.app.database.write() as write:
        await write.exec_driver_sql("UPDATE connections SET platform = 'telegraph'")
    answer = await ask(world, "GET", f"/api/connections/{connection.id}/plan", token=world.sims.operator_token())
    assert answer.status == 500
    assert b'"internal_error"' in answer.body
    assert b"telegraph" not in answer.body
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert record.exc_info is not None
    assert "telegraph" in str(record.exc_info[1])
    assert getattr(record, "route", None)
