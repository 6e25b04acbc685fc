"""One application in a customer's domain serves two connections, and one that is not ours; and it may go before us."""

from datetime import timedelta

import pytest

from shared.connections.grants import listed as grants_of
from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.connections.tokens import stored
from shared.engine.certificate import latest
from shared.flows import revoke
from shared.protection.directory import count
from tests.harness import workspace as google
from tests.harness.world import ORCHARD, World


@pytest.mark.hazard(8)
async def test_one_application_serves_two_connections_and_drive(world: World) -> None:
    before = world.snapshot(ORCHARD)
    first = await google.connect(world, modes=["api"], name="API")
    second = await google.connect(world, modes=["inline"], name="Inline")
    first = await google.leave(world, first)
    content = await latest(world.app.database, first)
    assert content is not None
    assert content["left_to_another_connection"] == ["application", "delegation"]
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    # The grant is the same one, and the other connection lives on it.
    assert customer.grants
    assert customer.installs
    await world.pass_time(timedelta(hours=3))
    await world.tick()
    assert (await world.connection(second.id)).status is Status.OK
    await google.leave(world, await world.connection(second.id))
    assert world.snapshot(ORCHARD) == before


@pytest.mark.hazard(8)
async def test_two_that_end_at_once_have_it_removed_once(world: World) -> None:
    before = world.snapshot(ORCHARD)
    ends = [await google.connect(world, modes=[mode], name=mode) for mode in ("api", "inline")]
    for one in ends:
        await revoke.revoke(world.app, await world.connection(one.id), "operator@msp.example")
    ends.sort(key=lambda one: one.id)
    for one in ends:
        await google.leave(world, one)
    assert world.snapshot(ORCHARD) == before
    left = []
    for one in ends:
        content = await latest(world.app.database, await world.connection(one.id))
        assert content is not None
        left.append(content["left_to_another_connection"])
    assert sorted(left) == [[], ["application", "delegation"]]


@pytest.mark.hazard(8)
async def test_of_two_that_end_the_last_is_asked_for_it_once_the_other_has_ended(world: World) -> None:
    # The one that ends last by its id is the one that has nothing else to wait for.
    slow, quick = [await google.create(world, modes=[mode], name=mode) for mode in ("inline", "api")]
    while quick.id < slow.id:
        quick = await google.create(world, modes=["api"], name="api")
    world.admin("install-app", ORCHARD)
    for one in (slow, quick):
        await google.consent(world, one)
        await world.until(one, Stage.RUN)
    await google.route_mail(world, slow)
    for one in (slow, quick):
        await revoke.revoke(world.app, await world.connection(one.id), "operator@msp.example")
    await world.pass_time(timedelta(hours=3))
    now = await world.connection(quick.id)
    assert (now.stage, now.reason) == (Stage.CLEANUP, "waiting_for_time")
    assert "is ending too and needs it a little longer" in str(now.sentence)
    await google.leave(world, slow)
    await google.leave(world, quick)
    # Every hour and not every minute: what it waits for has no time of its own.
    assert (await world.connection(quick.id)).fence < 100
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    assert not customer.installs


@pytest.mark.hazard(8)
async def test_a_drive_connection_that_is_not_ours_keeps_the_application(world: World) -> None:
    world = await world.again(google={"drive_customers": [ORCHARD]})
    connection = await google.connect(world)
    closed = await google.leave(world, connection)
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    assert customer.installs
    assert customer.grants
    assert customer.delegations
    assert await grants_of(world.app.database, world.app.seal, closed.id) == []
    content = await latest(world.app.database, closed)
    assert content is not None
    assert content["left_to_another_connection"] == ["application", "delegation"]
    await world.close()


@pytest.mark.hazard(9)
async def test_the_application_removed_first_ends_with_what_could_not_be_checked(world: World) -> None:
    connection = await google.connect(world)
    world.admin("uninstall-app", ORCHARD)
    await world.pass_time(timedelta(hours=2))
    await world.tick()
    now = await world.connection(connection.id)
    assert (now.status, now.reason) == (Status.ATTENTION, "consent_missing")
    await revoke.revoke(world.app, now, "operator@msp.example")
    closed = await world.until(connection, Stage.CLOSED)
    content = await latest(world.app.database, closed)
    assert content is not None
    assert content["result"] == "degraded"
    assert {"watches", "group", "group-members", "rule", "route", "gateway"} <= {
        entry["key"] for entry in content["could_not_check"]
    }
    database = world.app.database
    assert sum((await count(database, closed.id)).values()) == 0
    assert await stored(database, closed.id) == {}
    assert await grants_of(database, world.app.seal, closed.id) == []
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    assert customer.grants == {}
