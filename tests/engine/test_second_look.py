"""One look never makes "gone": what lags for a moment is missed, told at once, and looked for a second time."""

from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.engine.ledger import HoldingState, holdings_of
from shared.flows.jobs import run
from tests.harness.world import World

STALE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rules": ({"cmdlet": "Get-TransportRule"}, {"kind": "empty_listing"}),
    "half of the rules": ({"cmdlet": "Get-TransportRule"}, {"kind": "half_listing"}),
    "inbound connectors": ({"cmdlet": "Get-InboundConnector"}, {"kind": "empty_listing"}),
    "outbound connectors": ({"cmdlet": "Get-OutboundConnector"}, {"kind": "empty_listing"}),
    "spoof pairs": ({"cmdlet": "Get-TenantAllowBlockListSpoofItems"}, {"kind": "empty_listing"}),
    "groups": (
        {"host": "graph", "method": "GET", "path": r"^/v1\.0/groups/[0-9a-f-]{36}$"},
        {"kind": "status", "status": 404, "body": {"error": {"code": "Request_ResourceNotFound", "message": "none"}}},
    ),
}


async def acts(world: World, connection: Connection, act: str) -> list[str]:
    """The keys of the ledger's entries of one kind."""
    return [entry.key async for entry in entries(world.app.database, connection.id) if entry.act == act]


@pytest.mark.hazard(32)
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("kind", STALE)
async def test_a_stale_answer_while_leaving_leaves_nothing_behind(world: World, kind: str, times: int) -> None:
    before = world.snapshot()
    connection = await world.connect()
    await world.pass_time(timedelta(minutes=20))
    match, fault = STALE[kind]
    world.fault(match, fault, times=times)
    closed = await world.leave(connection)
    assert closed.stage is Stage.CLOSED
    assert world.snapshot() == before


@pytest.mark.hazard(32)
async def test_a_stale_answer_while_running_makes_no_second_group(world: World) -> None:
    connection = await world.connect(repair_drift=True)
    await world.pass_time(timedelta(minutes=20))
    before = world.snapshot()
    match, fault = STALE["groups"]
    world.fault(match, fault, times=1)
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    await world.pass_time(timedelta(minutes=30))
    assert world.snapshot() == before
    assert await acts(world, connection, "unseen")
    held = (await holdings_of(world.app.database, connection.id)).values()
    assert not [one.key for one in held if one.missed_at or one.drift], "found again, nothing is held against it"


@pytest.mark.hazard(32)
async def test_what_is_missed_is_told_at_once_and_believed_at_the_second_look(world: World) -> None:
    connection = await world.connect(repair_drift=True)
    await world.pass_time(timedelta(minutes=20))
    first = (await holdings_of(world.app.database, connection.id))["outbound-outgoing"].identity
    for rule in world.sims.microsoft.tenants[world.tenant_id()].rules:
        if rule.get("RouteMessageOutboundConnector", "") and "Outgoing" in rule["Name"]:
            world.cmdlet("Remove-TransportRule", Identity=rule["Guid"], Confirm=False)
            break
    else:
        pytest.fail("no rule routes outgoing mail")
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    told = await world.connection(connection.id)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    held = (await holdings_of(world.app.database, connection.id))["rule-outgoing-domain"]
    assert (held.state, held.missed_at is not None) == (HoldingState.OURS, True)
    await world.pass_time(timedelta(minutes=5))
    again = await holdings_of(world.app.database, connection.id)
    assert again["rule-outgoing-domain"].incarnation == 2
    assert again["outbound-outgoing"].identity == first
    assert (await world.connection(connection.id)).status is Status.OK


@pytest.mark.hazard(32)
async def test_a_removal_that_is_answered_with_not_found_is_looked_for_twice(world: World) -> None:
    before = world.snapshot()
    connection = await world.connect()
    await world.pass_time(timedelta(minutes=20))
    match, fault = STALE["groups"]
    world.fault({**match, "method": "DELETE"}, fault, times=1)
    world.fault(match, fault, times=1, skip=1)
    await world.leave(connection)
    assert world.snapshot() == before
