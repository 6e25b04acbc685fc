"""A night at one site: each connection is sent one message, spread, and each process keeps to its sites."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from shared.deployment.queues import Job
from shared.flows import requests
from shared.flows.expected_jobs import LOST_AFTER
from shared.flows.jobs import run
from shared.flows.timers import STARTS_A_SECOND, fire, sweep
from shared.foundation.schedule import TIMERS, Site
from tests.harness.nights import TIMER, Sent, running
from tests.harness.world import World

NUMBER = 45


async def test_each_connection_is_sent_one_sync_though_the_sweep_looks_meanwhile(world: World) -> None:
    queue = Sent()
    app = replace(world.app, queue=queue)
    made = await running(app, NUMBER, Site.EU)
    began = app.clock.now()
    # Two machines' timers, and the sweep in the same minute and until an hour has passed.
    await asyncio.gather(fire(app, TIMER["sync-eu-uk"]), fire(app, TIMER["sync-eu-uk"]), sweep(app))
    for _ in range(11):
        world.clock.move(timedelta(minutes=5))
        await sweep(app)
    assert sorted(queue.jobs) == sorted(("sync", one) for one in made)
    last = began + timedelta(seconds=NUMBER / STARTS_A_SECOND)
    assert all(began <= at < last + timedelta(seconds=1) for at in queue.at)
    assert len(set(queue.at)) > NUMBER / STARTS_A_SECOND
    assert queue.most > 1
    # What has not begun long after its time is lost, and is sent once more.
    world.clock.move(LOST_AFTER)
    await sweep(app)
    await sweep(app)
    assert len(queue.jobs) == 2 * NUMBER


async def test_hourly_jobs_are_spread_and_keep_to_their_sites(world: World) -> None:
    timer = "report"
    queue = Sent()
    app = replace(world.app, queue=queue, settings=world.app.settings.model_copy(update={"sites": [Site.US]}))
    american, _ = await running(app, NUMBER, Site.US), await running(app, 3, Site.EU)
    await fire(app, TIMER[timer])
    await fire(app, TIMER[timer])
    assert sorted(queue.jobs) == sorted((timer, one) for one in american)
    assert len(set(queue.at)) > NUMBER / STARTS_A_SECOND


async def test_a_process_runs_no_connection_of_another_site(world: World) -> None:
    connection = await world.connect()
    await world.work()
    world.clock.move(timedelta(days=1))
    other = replace(world.app, queue=Sent(), settings=world.app.settings.model_copy(update={"sites": [Site.US]}))
    world.sims.cloud.calls.clear()
    for timer in TIMERS:
        await fire(other, timer)
    for job in ("sync", "refresh", "report", "scan", "quarantine", "clean-up", "sync-now"):
        await run(other, Job(name=job, connection_id=connection.id))
    assert other.queue.jobs == []
    assert world.sims.cloud.calls == []
    assert (await world.connection(connection.id)).begun == 0


async def test_an_order_whose_message_is_lost_is_carried_out_later(world: World) -> None:
    connection = await world.connect()
    await world.work()
    synced = (await world.connection(connection.id)).synced_at
    lost = replace(world.app, queue=Sent())
    await requests.start(lost, await world.connection(connection.id), "resync", "operator@msp.example")
    world.clock.move(LOST_AFTER + timedelta(seconds=1))
    await sweep(world.app)
    await world.work()
    assert (await world.connection(connection.id)).synced_at != synced
