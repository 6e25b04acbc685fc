"""The whole life of a connection, from before consent to after the last step."""

import json
from datetime import timedelta

import pytest

from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.connections.tokens import stored
from shared.deployment.queues import Job
from shared.engine.certificate import latest
from shared.flows import grant
from shared.flows.jobs import run
from shared.protection.directory import count, domains
from shared.protection.policies import EVERYONE, Policy
from tests.harness.world import LARGE, World


async def test_before_equals_after(world: World) -> None:
    before = world.snapshot()
    connection = await world.connect()
    assert world.snapshot() != before
    closed = await world.leave(connection)
    assert closed.stage is Stage.CLOSED
    assert world.snapshot() == before


async def test_every_object_is_marked_and_every_mark_is_true(world: World) -> None:
    connection = await world.connect()
    marks = await world.marks(connection)
    assert marks["ip-allow/203.0.113.16/28"] == "borrowed"
    assert marks["ip-allow/198.51.100.32/29"] == "present"
    assert marks["rule-incoming-domain"] == "present"
    assert marks["rule-incoming-user"] == "absent"  # nobody is named one by one
    assert marks["daily-sync"] == "running"
    closed = await world.leave(connection)
    after = await world.marks(closed)
    assert {mark for key, mark in after.items() if key != "ip-allow/203.0.113.16/28"} == {"absent", "stopped"}


async def test_a_tenant_of_many_users_is_left_as_it_was(world: World) -> None:
    world.large("microsoft365")
    before = world.snapshot(LARGE)
    users = [user["id"] for user in json.loads(before)["users"]]
    assert len(users) > 999  # the largest page
    connection = await world.connect(LARGE, policies=[EVERYONE, Policy(name="some", users=users[:40])])
    held = await count(world.app.database, connection.id)
    assert held["users"] == len(users)
    assert (await world.marks(connection))["rule-incoming-user"] == "present"
    closed = await world.leave(connection, LARGE)
    assert closed.stage is Stage.CLOSED
    assert world.snapshot(LARGE) == before


@pytest.mark.hazard(17)
async def test_connecting_again_during_the_wait_removes_nothing_of_the_new_set_up(world: World) -> None:
    before = world.snapshot()
    connection = await world.connect()
    await world.revoke(connection)
    await world.pass_time(timedelta(hours=3))
    waiting = await world.connection(connection.id)
    assert waiting.stage is Stage.CLEANUP
    await grant.connect_again(world.app, waiting, "operator@msp.example")
    running = await world.until(connection, Stage.RUN)
    marks = await world.marks(running)
    await world.pass_time(timedelta(hours=48))
    assert (await world.connection(connection.id)).stage is Stage.RUN
    assert await world.marks(running) == marks
    await world.leave(running)
    assert world.snapshot() == before


@pytest.mark.hazard(9)
async def test_the_application_removed_first_ends_degraded_with_a_complete_list(world: World) -> None:
    connection = await world.connect()
    world.admin("remove-application")
    await world.pass_time(timedelta(hours=2))
    await world.tick()
    assert (await world.connection(connection.id)).status is Status.ATTENTION
    await world.revoke(connection)
    closed = await world.until(connection, Stage.CLOSED)
    content = await latest(world.app.database, closed)
    assert content is not None
    assert content["result"] == "degraded"
    unchecked = {entry["key"] for entry in content["could_not_check"]}
    assert {"rule-incoming-domain", "outbound-incoming", "inbound-outgoing", "group-incoming", "spoof"} <= unchecked
    assert sum((await count(world.app.database, connection.id)).values()) == 0
    assert await stored(world.app.database, connection.id) == {}


@pytest.mark.hazard(29)
async def test_a_clock_that_jumps_ten_days_synchronises_once(world: World) -> None:
    connection = await world.connect()
    await world.work()
    world.sims.cloud.calls.clear()
    world.clock.move(timedelta(days=10))
    for _ in range(3):
        await world.tick()
    synced = [call for call in world.sims.cloud.calls if call.path == "/v1.0/domains"]
    assert len(synced) == 1
    assert (await world.connection(connection.id)).status is Status.OK


async def test_a_resolver_that_fails_is_not_no_mx(world: World) -> None:
    connection = await world.connect()
    await world.work()
    known = {row["name"]: row["mx"] for row in await domains(world.app.database, connection.id)}
    assert known["contoso.com"] == ["contoso-com.mail.protection.outlook.com"]
    world.behave(dns="servfail")
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    assert {row["name"]: row["mx"] for row in await domains(world.app.database, connection.id)} == known
    assert (await world.connection(connection.id)).status is Status.OK
