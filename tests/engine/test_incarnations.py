"""Every incarnation of an object is followed until it is gone: deleted and made again, restored, or made late."""

from datetime import timedelta

import pytest

from shared.connections.record import Connection
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.engine.incarnations import identities_of
from shared.engine.ledger import holdings_of
from shared.flows.jobs import run
from tests.harness.leftovers import exit_record
from tests.harness.world import World


async def group_of(world: World, connection: Connection) -> str:
    """The identity of our group for incoming mail."""
    return str((await holdings_of(world.app.database, connection.id))["group-incoming"].identity)


async def made_anew(world: World) -> tuple[Connection, str, str]:
    """A running connection whose group the customer has deleted, and both identities."""
    connection = await world.connect(repair_drift=True)
    await world.pass_time(timedelta(minutes=20))
    first = await group_of(world, connection)
    world.graph("DELETE", f"/groups/{first}")
    for _ in range(4):
        await run(world.app, Job(name="advance", connection_id=connection.id))
        await world.pass_time(timedelta(minutes=15))
    second = await group_of(world, connection)
    assert second != first
    assert identities_of("group-incoming", await holdings_of(world.app.database, connection.id)) == [first, second]
    return connection, first, second


@pytest.mark.hazard(33)
async def test_a_former_group_leaves_the_recycle_bin_too(world: World) -> None:
    before = world.snapshot()
    connection, first, _ = await made_anew(world)
    await world.leave(connection)
    assert first not in world.sims.microsoft.tenants[world.tenant_id()].deleted
    assert world.snapshot() == before
    record = await exit_record(world, connection)
    assert record["result"] == "clean"
    (of_first,) = [change for change in record["changes"] if change["identity"] == first]
    (of_second,) = [change for change in record["changes"] if change["key"] == "group-incoming"]
    ledger = [one async for one in entries(world.app.database, connection.id)]
    assert {one.number for one in ledger if one.state == "intended"} <= {one.intent for one in ledger}
    assert str(of_first["made_at"]) < str(of_first["removed_at"]) < str(of_second["made_at"])


@pytest.mark.hazard(33)
@pytest.mark.parametrize("when", ["while running", "while cleaning up"])
async def test_a_former_group_that_the_customer_restores_is_removed(world: World, when: str) -> None:
    before = world.snapshot()
    connection, first, _ = await made_anew(world)
    if when == "while cleaning up":
        await world.revoke(connection)
        await world.pass_time(timedelta(hours=3))
    world.graph("POST", f"/directory/deletedItems/{first}/restore")
    assert first in world.sims.microsoft.tenants[world.tenant_id()].groups
    await world.leave(connection) if when == "while running" else await world.until_true(
        connection, lambda now: now.reason == "waiting_for_administrator"
    )
    assert first not in world.sims.microsoft.tenants[world.tenant_id()].groups
    if when == "while running":
        assert world.snapshot() == before


@pytest.mark.hazard(33)
@pytest.mark.parametrize("minutes", [2, 15, 90])
async def test_a_group_whose_creation_was_never_answered_is_removed_when_it_appears(world: World, minutes: int) -> None:
    before = world.snapshot()
    world.behave(group_visible_in_graph_seconds=60 * minutes)
    world.fault({"host": "graph", "method": "POST", "path": "^/v1.0/groups$"}, {"kind": "drop_after"}, times=1)
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    await world.work()
    groups = world.sims.microsoft.tenants[world.tenant_id()].groups.values()
    assert [one for one in groups if one["mailNickname"].startswith("tmcas-inline-")]
    await world.leave(connection)
    world.behave(group_visible_in_graph_seconds=0)
    assert world.snapshot() == before


@pytest.mark.hazard(34)
async def test_a_group_of_theirs_under_our_nickname_is_never_taken_over(world: World) -> None:
    connection = await world.connect(repair_drift=True)
    await world.pass_time(timedelta(minutes=20))
    first = await group_of(world, connection)
    nickname = world.graph("GET", f"/groups/{first}")["mailNickname"]
    world.graph("DELETE", f"/groups/{first}")
    world.graph("DELETE", f"/directory/deletedItems/{first}")
    body = {"displayName": "Sales", "mailNickname": nickname, "groupTypes": ["Unified"], "mailEnabled": True}
    theirs = world.graph("POST", "/groups", body={**body, "securityEnabled": False})
    before = world.graph("GET", f"/groups/{theirs['id']}")
    for _ in range(4):
        await run(world.app, Job(name="advance", connection_id=connection.id))
        await world.pass_time(timedelta(minutes=15))
    assert await group_of(world, connection) not in (first, theirs["id"])
    assert world.graph("GET", f"/groups/{theirs['id']}") == before
