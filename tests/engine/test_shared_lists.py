"""Lists that the customer uses too: ours is what we know that we put there, and nothing else."""

from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.ledger import HoldingState, holdings_of
from shared.flows.jobs import run
from tests.harness.leftovers import exit_record, whole, without
from tests.harness.world import World

RANGE = "198.51.100.32/29"
KEY = f"ip-allow/{RANGE}"
SET = {"cmdlet": "Set-HostedConnectionFilterPolicy"}
TABLE = "#Exchange.GenericHashTable"


def allow(world: World, verb: str) -> None:
    """The customer changes their list."""
    difference = {"@odata.type": TABLE, verb: RANGE}
    world.cmdlet("Set-HostedConnectionFilterPolicy", Identity="Default", IPAllowList=difference)


def allowed(world: World) -> list[str]:
    """The list."""
    return list(world.sims.microsoft.tenants[world.tenant_id()].connection_filter["IPAllowList"])


async def begun(world: World, fault: dict[str, Any]) -> Connection:
    """A connection whose first addition to the list meets a fault."""
    world.fault(SET, fault, times=1)
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    await world.work()
    return connection


async def running(world: World, connection: Connection) -> None:
    """It runs in the end."""
    await world.until(connection, Stage.RUN)


@pytest.mark.hazard(34)
@pytest.mark.parametrize(
    "fault",
    [{"kind": "throttle", "retry_after": "600"}, {"kind": "status", "status": 403}, {"kind": "nul403"}],
    ids=lambda fault: fault["kind"],
)
async def test_what_the_customer_adds_after_our_addition_was_refused_is_theirs(
    world: World, fault: dict[str, Any]
) -> None:
    connection = await begun(world, fault)
    assert RANGE not in allowed(world)
    allow(world, "add")
    await running(world, connection)
    await world.leave(connection)
    assert RANGE in allowed(world)
    record = await exit_record(world, connection)
    assert KEY in record["yours_before_us"]
    assert record["cannot_tell_whose"] == []


@pytest.mark.hazard(34)
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_after_an_unknown_outcome_nobody_can_tell_whose_it_is(world: World, kind: str) -> None:
    before = world.snapshot()
    connection = await begun(world, {"kind": kind})
    if kind == "drop_before":
        allow(world, "add")
    await running(world, connection)
    await world.leave(connection)
    assert RANGE in allowed(world)
    record = await exit_record(world, connection)
    assert record["cannot_tell_whose"] == [KEY]
    assert record["result"] == "residue"
    assert [one["key"] for one in record["residue"] if one["why"].startswith("owner unknown")] == [KEY]
    assert without(world, [KEY]) == whole(before)


@pytest.mark.hazard(34)
@pytest.mark.parametrize("looks", [1, 3])
async def test_what_the_customer_removed_and_added_again_is_theirs(world: World, looks: int) -> None:
    connection = await world.connect()
    await world.pass_time(timedelta(minutes=20))
    allow(world, "remove")
    for _ in range(looks):
        await run(world.app, Job(name="sync-now", connection_id=connection.id))
        await world.pass_time(timedelta(minutes=5))
    allow(world, "add")
    await world.leave(connection)
    assert RANGE in allowed(world)
    record = await exit_record(world, connection)
    assert KEY in [*record["cannot_tell_whose"], *record["yours_before_us"]]


@pytest.mark.hazard(34)
async def test_what_the_customer_removed_and_added_again_while_it_waited_for_its_removal_is_theirs(
    world: World,
) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    await world.pass_time(timedelta(hours=1))
    allow(world, "remove")
    await run(world.app, Job(name="advance", connection_id=connection.id))
    allow(world, "add")
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    world.admin("remove-application")
    await world.until(connection, Stage.CLOSED)
    assert RANGE in allowed(world)
    assert KEY in (await exit_record(world, connection))["cannot_tell_whose"]


@pytest.mark.hazard(34)
@pytest.mark.parametrize("when", ["before us", "while running"])
async def test_a_pair_in_other_capitals_is_the_same(world: World, when: str) -> None:
    pair = {"SpoofedUser": "*", "SendingInfrastructure": "Outbound.Example.NET", "SpoofType": "External"}
    if when == "before us":
        world.cmdlet("New-TenantAllowBlockListSpoofItems", Identity="Default", Action="Allow", **pair)
    connection = await world.connect(repair_drift=True)
    kept = world.sims.microsoft.tenants[world.tenant_id()].spoof_items
    (key,) = [key for key, one in kept.items() if one["SendingInfrastructure"].lower() == "outbound.example.net"]
    kept[key] = {**kept[key], **pair}
    await run(world.app, Job(name="advance", connection_id=connection.id))
    assert (await world.connection(connection.id)).status == "ok"
    held = (await holdings_of(world.app.database, connection.id))["spoof"]
    assert held.identity == key
    assert held.state is (HoldingState.BORROWED if when == "before us" else HoldingState.OURS)
