"""Each period is reported once, while the connection runs."""

import asyncio
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from shared.connections.lease import Lease, Superseded, beside, fenced
from shared.deployment.queues import Job
from shared.flows.jobs import run
from shared.flows.reports import flow, store
from shared.flows.reports.periods import Frequency, Period
from shared.flows.reports.store import Subscription
from shared.flows.timers import fire
from shared.foundation.schedule import TIMERS
from tests.flows.reports.steps import ANNA, BERLIN, monday, newest_first, report, subscribe
from tests.harness.world import World

(TIMER,) = [timer for timer in TIMERS if timer.name == "report"]


async def test_a_week_is_told_once_however_often_the_timer_fires(world: World) -> None:
    connection = await world.connect()
    assert await report(world, connection) == []
    end = await monday(world)
    await fire(world.app, TIMER)
    await fire(world.app, TIMER)
    await world.work()
    (made,) = await newest_first(world, connection)
    assert (made.ends, made.kind, made.delivery) == (end, "weekly", "to nobody")
    world.clock.move(timedelta(hours=1))
    assert await report(world, connection) == [made]


async def test_missed_weeks_are_made_up_for(world: World) -> None:
    connection = await world.connect()
    for _ in range(3):
        await monday(world)
    made = await report(world, connection)
    assert [one.begins for one in made[1:]] == [one.ends for one in made[:-1]]
    assert len(made) == 3


async def test_two_runs_at_once_make_one_report(world: World) -> None:
    connection = await world.connect()
    await monday(world)
    other = await world.again()
    await asyncio.gather(*(run(one.app, Job(name="report", connection_id=connection.id)) for one in (world, other) * 3))
    await world.work()
    assert len(await newest_first(world, connection)) == 1


async def test_a_kind_begins_when_it_is_asked_for(world: World) -> None:
    connection = await world.connect()
    await monday(world)
    await monday(world, timedelta(hours=12))
    await subscribe(world, connection, kinds=(Frequency.DAILY, Frequency.WEEKLY))
    assert [one.kind for one in await report(world, connection)] == ["weekly", "weekly"]
    world.clock.move(timedelta(days=2))
    made = await report(world, connection)
    assert [one.kind for one in made] == ["weekly", "weekly", "daily", "daily"]
    await subscribe(world, connection, kinds=())
    world.clock.move(timedelta(days=14))
    assert await report(world, connection) == made


async def test_nothing_is_made_before_it_runs_nor_after_it_was_revoked(world: World) -> None:
    waiting = await world.create("fabrikam.com")
    connection = await world.connect()
    end = await monday(world)
    await world.revoke(connection)
    for one in (waiting, connection):
        assert await report(world, one) == []
    # A run that began before does not make one either.
    before = await world.connection(connection.id)
    lease = Lease(connection_id=connection.id, number=1, generation=before.generation - 1)
    period = Period(kind=Frequency.DAILY, first=date(2026, 1, 1), after=date(2026, 1, 2), zone=BERLIN)
    with pytest.raises(Superseded), fenced(lease):
        await store.add(world.app.database, connection, period, {}, [], end)
    assert await newest_first(world, connection) == []


async def test_a_closed_connection_knows_no_recipients(world: World) -> None:
    connection = await world.connect()
    await subscribe(world, connection, ANNA, kinds=(Frequency.WEEKLY,))
    await monday(world)
    (made,) = await report(world, connection)
    assert ANNA in made.recipients
    await world.leave(connection)
    (kept,) = await newest_first(world, connection)
    assert (kept.recipients, kept.not_before) == ({}, None)
    assert await store.subscription(world.app.database, connection.id) == Subscription()


async def test_when_nothing_is_due_one_look_is_all(world: World) -> None:
    connection = await world.connect()
    await monday(world)
    await report(world, connection)
    now, seen = await world.connection(connection.id), []
    lease = beside(now)
    engine = world.app.database.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", lambda *arguments: seen.append(arguments[2]))
    await flow.report(world.app, now, lease)
    assert len([one for one in seen if one.startswith("SELECT")]) == len(seen) == 1, seen
