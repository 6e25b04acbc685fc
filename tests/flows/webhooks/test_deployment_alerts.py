"""What is wrong with the deployment itself is told to webhooks and shown first at home, whatever it is that fails."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from shared.flows import deployment_alerts
from shared.flows.timers import fire
from shared.foundation.schedule import TIMERS, Timer
from shared.storage import tables as db
from shared.web import sessions
from tests.flows.webhooks.office import subscribe, told
from tests.harness.client import ask
from tests.harness.pages import OLGA, see
from tests.harness.scripted_host import Host
from tests.harness.world import World

TELL = next(timer for timer in TIMERS if timer.name == "tell")
MINUTE = timedelta(minutes=1)


@contextmanager
def locked(world: World) -> Iterator[None]:
    """The database takes no writes inside the block."""
    holder = sqlite3.connect(world.app.settings.database_url.partition("///")[2], isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def checks(receiver: Host) -> list[tuple[str, str]]:
    """What was told of the deployment: each event's last word, and which check it is about."""
    events = [(kind, data) for kind, data in told(receiver) if kind.startswith("deployment.")]
    return [(kind.removeprefix("deployment."), data["check"]) for kind, data in events]


async def all_timers(world: World, *, but: Timer | None = None) -> None:
    for timer in TIMERS:
        if timer is not but:
            await fire(world.app, timer)
    await world.work()


async def test_a_deployment_that_works_tells_nothing(world: World, receiver: Host) -> None:
    await subscribe(world, receiver)
    await world.connect()
    await all_timers(world)
    await fire(world.app, TELL)
    assert checks(receiver) == []


async def test_what_is_wrong_is_told_once_and_again_when_it_is_right(world: World, receiver: Host) -> None:
    webhook = await subscribe(world, receiver, kinds=["deployment.attention", "deployment.recovered"])
    confined = await subscribe(world, receiver, who="contoso")
    assert confined["customer"] == "contoso"
    connection = await world.connect()
    await all_timers(world)
    async with world.app.database.write() as write:
        mine = sa.update(db.connections).where(db.connections.c.id == connection.id)
        await write.execute(mine.values(status="waiting", reason="internal_error", sentence="Failed."))
    for _ in range(2):
        await fire(world.app, TELL)
    (seen,) = receiver.seen
    content = Webhook(webhook["secret"]).verify(seen.body, dict(seen.headers))
    assert (content["type"], content["data"]["check"]) == ("deployment.attention", "jobs")
    assert content["data"]["runbook"].endswith("/runbook/internal_error")
    assert content["data"]["url"].endswith("/health")
    async with world.app.database.write() as write:
        await write.execute(mine.values(status="ok", reason=None, sentence=None))
    for _ in range(2):
        await fire(world.app, TELL)
    assert checks(receiver) == [("attention", "jobs"), ("recovered", "jobs")]


async def test_while_no_timer_runs_the_health_page_tells(world: World, receiver: Host) -> None:
    await subscribe(world, receiver)
    await world.create()
    await all_timers(world)
    world.clock.move(29 * MINUTE)
    assert (await ask(world, "GET", "/api/health/ready")).status == 200
    receiver.seen.clear()
    world.clock.move(2 * MINUTE)
    for _ in range(2):
        assert (await ask(world, "GET", "/api/health/ready")).status == 503
    assert checks(receiver) == [("attention", "timers")]
    await all_timers(world)
    await fire(world.app, TELL)
    assert checks(receiver) == [("attention", "timers"), ("recovered", "timers")]


async def test_the_timer_tells_where_it_runs_and_the_page_does_not(world: World, receiver: Host) -> None:
    await subscribe(world, receiver)
    await world.create()
    await all_timers(world)
    world.clock.move(29 * MINUTE)
    await fire(world.app, TELL)
    receiver.seen.clear()
    world.clock.move(2 * MINUTE)
    assert (await ask(world, "GET", "/api/health/ready")).status == 503
    assert checks(receiver) == []
    await fire(world.app, TELL)
    assert checks(receiver) == [("attention", "timers")]


async def test_a_database_that_takes_no_writes_is_told_at_the_second_look(world: World, receiver: Host) -> None:
    if not world.app.settings.database_url.startswith("sqlite"):
        pytest.skip("a server has no lock of all that is in it")
    webhook = await subscribe(world, receiver)
    await world.create()
    await all_timers(world)
    receiver.seen.clear()
    signed_in = (await sessions.begin(world.app, OLGA)).split(";")[0]
    with locked(world):
        assert not await deployment_alerts.look(world.app)
        assert receiver.seen == []  # a short lock is nobody's matter
        world.clock.move(MINUTE)
        for _ in range(2):
            assert not await deployment_alerts.look(world.app)
        home = await see(world, "/", None, cookie=signed_in)
        assert "The database did not take a write" in home.text
    (seen,) = receiver.seen
    assert Webhook(webhook["secret"]).verify(seen.body, dict(seen.headers))["data"]["check"] == "database"
    await fire(world.app, TELL)
    assert checks(receiver) == [("attention", "database"), ("recovered", "database")]


async def test_the_home_page_shows_it_first(world: World) -> None:
    await world.connect()
    await all_timers(world)
    assert "This deployment needs attention" not in (await see(world, "/")).text
    world.admin("remove-application")
    world.clock.move(timedelta(minutes=61))
    await all_timers(world, but=TELL)
    page = (await see(world, "/")).text
    assert page.index("This deployment needs attention") < page.index("consent is missing")
