"""Where applications may not empty the recycle bin, the administrator is asked to, and what stays is named."""

import json
from datetime import timedelta

import pytest

from infra.local.simulators.microsoft.applications import GROUPS_ADMINISTRATOR
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.chain import LedgerEntry, entries
from tests.harness.leftovers import exit_record, whole
from tests.harness.world import World

BIN = "deleted-groups"
TITLE = "Deleted groups in the recycle bin"


async def left_by_us(world: World) -> Connection:
    """A connection that waits for its administrator at the end, in a tenant as Microsoft makes them."""
    world.behave(purge_app_only=False)
    connection = await world.connect()
    await world.revoke(connection)
    return await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")


async def ledger(world: World, connection: Connection) -> list[LedgerEntry]:
    """The whole of it."""
    return [one async for one in entries(world.app.database, connection.id) if isinstance(one, LedgerEntry)]


def binned(world: World) -> list[dict[str, str]]:
    """Our groups in the recycle bin."""
    deleted = json.loads(world.snapshot())["deletedItems"]
    return [one for one in deleted if str(one["displayName"]).startswith("TMCAS")]


@pytest.mark.hazard(33)
@pytest.mark.parametrize("stale", [0, 1000], ids=["", "asked for by id, not found"])
async def test_groups_that_stay_in_the_recycle_bin_are_named_with_the_day_on_which_they_go(
    world: World, stale: int
) -> None:
    before = world.snapshot()
    by_id = {"host": "graph", "method": "GET", "path": "^/v1.0/directory/deletedItems/[0-9a-f-]+$"}
    world.fault(by_id, {"kind": "status", "status": 404}, times=stale)
    connection = await left_by_us(world)
    day = f"{world.clock.now() + timedelta(days=29):%Y-%m-%d}"
    world.admin("remove-application")
    connection = await world.until(connection, Stage.CLOSED)
    kept = binned(world)
    assert len(kept) == 2
    record = await exit_record(world, connection)
    assert record["result"] == "residue"
    assert {one["identity"] for one in record["residue"]} == {one["id"] for one in kept}
    assert {one["why"] for one in record["residue"]} == {f"in the recycle bin until {day}"}
    now = json.loads(world.snapshot())
    now["deletedItems"] = [one for one in now["deletedItems"] if one not in kept]
    assert json.dumps(now, sort_keys=True, separators=(",", ":")) == whole(before)


async def test_the_administrator_is_asked_to_delete_them_and_then_nothing_is_left(world: World) -> None:
    before = world.snapshot()
    connection = await left_by_us(world)
    assert TITLE in str(connection.sentence)
    refused = [one for one in await ledger(world, connection) if one.act == "purge"]
    await world.pass_time(timedelta(hours=6))
    assert [one for one in await ledger(world, connection) if one.act == "purge"] == refused  # not tried every hour
    world.admin("delete-groups-for-good")
    await world.until_true(connection, lambda now: TITLE not in str(now.sentence))
    world.admin("remove-application")
    connection = await world.until(connection, Stage.CLOSED)
    assert (await exit_record(world, connection))["result"] == "clean"
    assert world.snapshot() == before


async def test_who_may_delete_groups_for_good_is_asked_for_nothing(world: World) -> None:
    world.behave(purge_app_only=False)
    connection = await world.connect()
    world.admin("assign-role", role=GROUPS_ADMINISTRATOR)
    await world.revoke(connection)
    connection = await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    assert not binned(world)
    assert TITLE not in str(connection.sentence)


async def test_entra_id_deletes_them_at_last_and_the_question_ends(world: World) -> None:
    connection = await left_by_us(world)
    world.clock.move(timedelta(days=29))
    world.admin("assign-role")
    connection = await world.until_true(connection, lambda now: TITLE not in str(now.sentence))
    assert connection.stage is Stage.CLEANUP
    assert not binned(world)
    told = [(one.act, one.note) for one in await ledger(world, connection) if one.key == BIN]
    assert [act for act, _ in told] == ["ask", "forget"]
    assert told[-1][1] == "no group of ours is in the recycle bin"


async def test_what_nobody_could_look_for_in_the_recycle_bin_is_named(world: World) -> None:
    world.behave(purge_app_only=False)
    connection = await world.connect()
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.stage is Stage.CLEANUP)
    world.admin("remove-application")
    connection = await world.until(connection, Stage.CLOSED)
    record = await exit_record(world, connection)
    assert record["result"] == "degraded"
    named = {one.get("identity"): one["why"] for one in record["could_not_check"]}
    assert {named[one["id"]] for one in binned(world)} == {"our access ended before a last check"}
    assert len(binned(world)) == 2


async def test_a_failure_that_passes_asks_nothing_of_the_administrator(world: World) -> None:
    connection = await world.connect()
    purging = {"host": "graph", "method": "DELETE", "path": "^/v1.0/directory/deletedItems/"}
    world.fault(purging, {"kind": "status", "status": 404}, times=2)  # as the groups are removed
    world.fault(purging, {"kind": "status", "status": 503}, times=30)
    connection = await world.leave(connection)
    assert not [one for one in await ledger(world, connection) if one.key == BIN]
    assert (await exit_record(world, connection))["result"] == "clean"
    assert not binned(world)
