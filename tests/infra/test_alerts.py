"""Each alert of both clouds is made to fire by what it is for, on the numbers that the service tells."""

import json
import logging
import re
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from shared.connections import halts
from shared.connections.halts import Halt
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows.jobs import give_up
from shared.flows.timers import fire
from shared.foundation.schedule import HOUR, TIMERS
from shared.foundation.telemetry import Line
from shared.storage import tables as db
from tests.flows.webhooks.office import subscribe
from tests.harness import workspace as google
from tests.harness.both_books import stolen, their_group, tomorrow, watched
from tests.harness.client import ask
from tests.harness.orders import signed
from tests.harness.scripted_host import Host, Say
from tests.harness.world import World
from tests.infra.signals import ALERTS, SIGNALS, Number, fires

INFRA = Path(__file__).parents[2] / "infra"
TELL = next(timer for timer in TIMERS if timer.name == "tell")
IN_DOMAIN = "TMCAS Inline Incoming Domain Transport Rule"


async def scraped(world: World) -> list[Number]:
    """What /api/metrics tells now."""
    found = await ask(world, "GET", "/api/metrics", token=world.sims.operator_token(role="viewer"))
    assert found.status == 200, found.body
    families = text_string_to_metric_families(found.body.decode())
    return [Number(one.name, one.labels, one.value) for family in families for one in family.samples]


async def logged(world: World, caplog: pytest.LogCaptureFixture) -> list[Number]:
    """What the log is told by the timer, read from its lines as both clouds read them."""
    caplog.clear()
    caplog.set_level(logging.INFO)
    await fire((await world.again(telemetry={"numbers": True})).app, TELL)
    lines = [json.loads(Line().format(record)) for record in caplog.records]
    return [Number(line["metric"], line["labels"], line["value"]) for line in lines if "metric" in line]


async def quiet(world: World) -> None:
    """Every timer has come, and its work is done."""
    for timer in TIMERS:
        await fire(world.app, timer)
    await world.work()


async def a_bug_in_every_job(world: World) -> None:
    await world.connect()
    async with world.app.database.write() as write:  # as a version of the app would leave it that nobody tested
        await write.execute(sa.update(db.policies).values(content={"no": "policy"}))
    world.clock.move(timedelta(days=1))
    await world.tick()


async def a_consent_withdrawn(world: World) -> None:
    await world.connect()
    world.admin("remove-application")
    world.clock.move(HOUR)
    await world.tick()


async def a_job_that_never_ends(world: World) -> None:
    connection = await world.connect()
    await give_up(world.app, await signed(world, Job(name="advance", connection_id=connection.id), world.clock.now()))


async def no_timer(world: World) -> None:
    await world.connect()
    await quiet(world)
    world.clock.move(timedelta(minutes=31))


async def no_timer_for_two_days(world: World) -> None:
    await world.connect()
    world.clock.move(timedelta(days=2))


async def a_queue_that_nothing_takes(world: World) -> None:
    connection = await world.connect()
    await quiet(world)
    await world.app.queue.send(Job(name="advance", connection_id=connection.id), world.clock.now())
    world.clock.move(timedelta(minutes=31))


async def a_run_that_is_not_begun(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.not_before is not None)
    world.clock.move(timedelta(days=3))


async def an_end_that_leaves_something(world: World) -> None:
    # Nobody answered whether our address got into the customer's list, so nobody can tell whose it is.
    world.fault({"cmdlet": "Set-HostedConnectionFilterPolicy"}, {"kind": "drop_after"})
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    await world.work()
    await world.leave(await world.until(connection, Stage.RUN))


async def a_rule_switched_off(world: World) -> None:
    await world.connect()
    await quiet(world)
    world.cmdlet("Disable-TransportRule", Identity=IN_DOMAIN, Confirm=False)
    world.clock.move(HOUR)
    await world.tick()


async def the_kill_switch(world: World) -> None:
    await world.connect()
    halt = Halt(scope="everything", at=world.clock.now(), actor="admin@msp.example", why="a test", destroyed=False)
    async with world.app.database.write() as write:
        await halts.begin(write, halt)


async def subscriptions_not_renewed(world: World) -> None:
    await google.connect(world)
    world.clock.move(timedelta(days=8))


async def a_receiver_that_refuses(world: World) -> None:
    receiver = Host()
    receiver.says(Say(status=500))
    there = await world.again(webhooks={"inside": ["127.0.0.0/8"]})
    await subscribe(there, receiver)
    await world.revoke(await world.create())
    await fire(there.app, TELL)
    receiver.close()


async def a_change_with_our_credential(world: World) -> None:
    reading, connection = await watched(world)
    await stolen(reading, "DELETE", f"/groups/{their_group(reading)}")
    await tomorrow(reading, connection)


HAPPENS: dict[str, Callable[[World], Awaitable[Any]]] = {
    "bug": a_bug_in_every_job,
    "consent-withdrawn": a_consent_withdrawn,
    "calls-not-ours": a_change_with_our_credential,
    "poisoned": a_job_that_never_ends,
    "sync-late": no_timer_for_two_days,
    "timer-late": no_timer,
    "queue-waits": a_queue_that_nothing_takes,
    "runs-wait": a_run_that_is_not_begun,
    "residue": an_end_that_leaves_something,
    "mail-unscanned": a_rule_switched_off,
    "subscriptions-lapsed": subscriptions_not_renewed,
    "kill-switch": the_kill_switch,
    "webhooks-fail": a_receiver_that_refuses,
}


@pytest.mark.parametrize("name", HAPPENS)
async def test_an_alert_fires(name: str, world: World, caplog: pytest.LogCaptureFixture) -> None:
    assert not fires(name, await scraped(world))
    await HAPPENS[name](world)
    now = await scraped(world)
    assert fires(name, now), [one for one in now if one.metric == ALERTS[name]["metric"]]
    if name != "timer-late":  # what writes the log is late itself: the alert `silence` is for that
        assert fires(name, await logged(world, caplog))


async def test_a_server_whose_connections_are_taken(world: World) -> None:
    if world.app.settings.database_url.startswith("sqlite"):
        pytest.skip("a file has no connections to run out of")
    assert not fires("database-connections", await scraped(world))
    address = sa.make_url(world.app.settings.database_url).set(drivername="postgresql")
    held = [psycopg.connect(address.render_as_string(hide_password=False)) for _ in range(160)]
    try:
        assert fires("database-connections", await scraped(world))
    finally:
        for one in held:
            one.close()


async def test_a_database_that_takes_no_writes(world: World) -> None:
    if not world.app.settings.database_url.startswith("sqlite"):
        pytest.skip("a server has no lock of all that is in it")
    assert not fires("database-locked", await scraped(world))
    holder = sqlite3.connect(world.app.settings.database_url.partition("///")[2], isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert fires("database-locked", await scraped(world))
    finally:
        holder.close()


async def test_nothing_fires_where_all_is_well(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.connect()
    await quiet(world)
    assert [name for name in ALERTS if fires(name, await scraped(world))] == []
    numbers = await logged(world, caplog)
    assert numbers
    assert [name for name in ALERTS if fires(name, numbers)] == []


async def test_the_table_and_the_dashboard_name_numbers_that_are_told(world: World) -> None:
    assert set(ALERTS) == {*HAPPENS, "database-connections", "database-locked"}
    await a_consent_withdrawn(world)
    text = (await ask(world, "GET", "/api/metrics", token=world.sims.operator_token(role="viewer"))).body.decode()
    told = set(re.findall(r"# TYPE (\w+) gauge", text))
    assert {one["metric"] for one in [*SIGNALS["alerts"], *SIGNALS["dashboard"]]} <= told


def test_both_clouds_read_the_table_and_the_lines_as_they_are_written(caplog: pytest.LogCaptureFixture) -> None:
    bicep = (INFRA / "azure" / "modules" / "alerts.bicep").read_text()
    terraform = (INFRA / "gcp" / "alerts.tf").read_text()
    assert "loadJsonContent('../../signals.json')" in bicep
    assert 'jsondecode(file("${path.module}/../signals.json"))' in terraform
    read = set(re.findall(r"number\.(\w+)", bicep)) | set(re.findall(r"jsonPayload\.(\w+)", terraform))
    assert read == {"metric", "labels", "value"}
    caplog.set_level(logging.INFO)
    logging.getLogger("shared").info("number", extra={"metric": "footprint_x", "labels": {"a": "b"}, "value": 1.0})
    line = json.loads(Line().format(caplog.records[-1]))
    assert (line["metric"], line["labels"], line["value"]) == ("footprint_x", {"a": "b"}, 1.0)
