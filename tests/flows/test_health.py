"""The health page names what is wrong: a locked database within two seconds, a lost revision, late timers and work."""

import asyncio
import json
import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shared.deployment.queues import Job
from shared.flows import metrics
from shared.flows.timers import fire
from shared.foundation.schedule import TIMERS
from shared.storage import tables as db
from shared.storage.revision import newest
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.world import World
from tests.storage.test_migrations import NEWEST


async def looked(world: World) -> tuple[int, Any]:
    """What the health page says: its status and its content."""
    found = await ask(world, "GET", "/api/health/ready")
    return found.status, json.loads(found.body)


async def wrong(world: World) -> str:
    """What it says is wrong."""
    status, content = await looked(world)
    assert (status, content["code"]) == (503, "not_ready"), content
    return str(content["detail"])


async def all_timers(world: World) -> None:
    """Every timer fires, and what it sends is done."""
    for timer in TIMERS:
        await fire(world.app, timer)
    await world.work()


async def test_a_deployment_that_works_is_ready(world: World) -> None:
    connection = await world.connect()
    await all_timers(world)
    status, content = await looked(world)
    assert status == 200, content
    assert content["checks"]["revision"] == newest() == NEWEST
    assert content["checks"]["timers"].keys() == {timer.name for timer in TIMERS}
    assert content["checks"]["syncs"] == {}
    assert connection.name not in json.dumps(content)


async def test_a_locked_database_is_told_in_two_seconds(world: World) -> None:
    if not world.app.settings.database_url.startswith("sqlite"):
        pytest.skip("a server has no lock of all that is in it")
    await world.connect()
    file = world.app.settings.database_url.partition("///")[2]
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    stuck = asyncio.ensure_future(fire(world.app, TIMERS[-1]))  # a writer of this process waits as well
    await asyncio.sleep(0)
    begin = time.monotonic()
    assert await wrong(world) == "The database did not take a write within 1 second."
    assert time.monotonic() - begin < 2
    holder.execute("ROLLBACK")
    holder.close()
    await stuck
    assert (await looked(world))[1].get("detail", "").startswith("The database") is False


async def test_a_database_of_another_revision_is_told(world: World) -> None:
    async with world.app.database.write() as write:
        await write.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    assert await wrong(world) == f"The database has revision 0001, this code {NEWEST}: run the migrations."


async def test_a_database_without_tables_is_told_until_the_timer_makes_them(world: World, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    new = await world.again(database_url=world.databases.empty(tmp_path / "new"))
    assert await wrong(new) == "The database has no tables yet: the timer `migrate` makes them within five minutes."
    metrics = await ask(new, "GET", "/api/metrics", token=world.sims.operator_token(role="viewer"))
    assert b'footprint_check_passes{check="revision"} 0.0' in metrics.body
    found = await ask(new, "GET", "/api/connections", token=world.sims.operator_token())
    assert (found.status, json.loads(found.body)["code"]) == (503, "database_not_migrated")
    await fire(new.app, next(timer for timer in TIMERS if timer.name == "migrate"))
    assert (await looked(new))[0] == 200


async def test_timers_that_stand_still_are_named(world: World) -> None:
    await world.create()
    assert (await looked(world))[0] == 200  # none has come yet, and none is late
    world.clock.move(timedelta(minutes=31))
    assert "sweep, tell" in await wrong(world)
    await all_timers(world)
    assert (await looked(world))[0] == 200
    world.clock.move(timedelta(hours=2, minutes=1))
    late = await wrong(world)
    assert "refresh" in late
    assert "rotate" not in late


async def test_work_that_is_not_done_is_told(world: World) -> None:
    connection = await world.connect()
    await all_timers(world)
    await world.app.queue.send(Job(name="advance", connection_id=connection.id), world.clock.now())
    world.clock.move(timedelta(minutes=31))
    assert "The oldest job in the queue has been due for 31 minutes." in await wrong(world)
    await all_timers(world)
    assert (await looked(world))[0] == 200


async def test_overdue_syncs_are_counted_by_site(world: World) -> None:
    connection = await world.connect()
    await all_timers(world)
    world.clock.move(timedelta(days=2))
    assert "Daily synchronisations that are overdue: 1 at eu." in await wrong(world)
    async with world.app.database.write() as write:
        await write.execute(sa.update(db.connections).values(status="attention"))
    assert "overdue" not in await wrong(world)
    assert connection.id


async def test_lapsed_subscriptions_are_counted(world: World) -> None:
    await google.connect(world)
    await all_timers(world)
    assert (await looked(world))[0] == 200
    # They last for seven days, and the first was made within the last hours.
    left = timedelta(seconds=(await numbers(world))["footprint_watch_left_seconds"])
    assert timedelta(days=6, hours=12) < left <= timedelta(days=7)
    world.clock.move(timedelta(days=8))
    assert "Mailbox subscriptions that have lapsed:" in await wrong(world)
    after = await numbers(world)
    assert after["footprint_watches_lapsed"] > 0
    assert "footprint_watch_left_seconds" not in after


async def numbers(world: World) -> dict[str, float]:
    """The numbers that have no labels, by name."""
    return {one.name: one.values[()] for one in await metrics.gauges(world.app) if () in one.values}


async def test_a_key_that_does_not_open_is_told(world: World) -> None:
    await world.opens(await world.create())
    async with world.app.database.write() as write:
        await write.execute(sa.update(db.data_keys).values(wrapped=b"x" * 60))
    assert "Restore" in await wrong(await world.again()) or "master key" in await wrong(await world.again())
