"""A pause: mail is not routed to the scanner until a time, everything else stays, and it ends by itself."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from infra.local.simulators import Simulators
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.engine import chain
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.clock import TestClock
from tests.harness.quarantine import ask
from tests.harness.world import World

HOUR = timedelta(hours=1)


@pytest.fixture
def clock(sims: Simulators, _platforms: tuple[Simulators, Any, Path]) -> TestClock:
    """The time of the simulators and of the app, not that of scripted hosts."""
    return TestClock(_platforms[2])


async def pause(world: World, connection: Connection, span: timedelta) -> tuple[int, str | None]:
    """An operator pauses; returns how that was answered, with the code of a refusal."""
    until = (world.clock.now() + span).isoformat()
    answer = await ask(world, connection, "PUT", "/pause", {"until": until, "reason": "Their mail moves tonight."})
    await world.work()
    return answer.status, json.loads(answer.body).get("code")


async def ticks(world: World, connection: Connection, span: timedelta) -> Connection:
    """Time passes in which the timers fire."""
    for _ in range(span // timedelta(minutes=10)):
        world.clock.move(timedelta(minutes=10))
        await world.tick()
    return await world.connection(connection.id)


def off(world: World) -> set[str]:
    """Our rules that are switched off, without what all their names begin with."""
    rules = world.sims.microsoft.tenants[world.tenant_id()].rules
    ours = [one for one in rules if one["Name"].startswith("TMCAS") and one["State"] == "Disabled"]
    return {one["Name"].removeprefix("TMCAS Inline ").removesuffix(" Transport Rule") for one in ours}


async def told(world: World) -> list[str]:
    """The events about pauses."""
    kind = db.events.c.kind
    async with world.app.database.read() as read:
        return list(await read.scalars(sa.select(kind).where(kind.like("%used") | kind.like("%umed")).order_by("at")))


async def test_a_pause_switches_routing_off_and_ends_by_itself(world: World) -> None:
    connection = await world.connect()
    await world.work()
    before = world.snapshot()
    assert await pause(world, connection, 2 * HOUR) == (202, None)
    now = await world.connection(connection.id)
    assert (now.status, now.reason) == (Status.WAITING, "paused")
    assert off(world) == {"Incoming Domain", "Outgoing Domain"}
    # Checks go on, and what we have switched off ourselves is no drift.
    assert (await ticks(world, connection, HOUR)).reason == "paused"
    assert len(off(world)) == 2
    now = await ticks(world, connection, HOUR + timedelta(minutes=10))
    assert (now.status, now.paused_until) == (Status.OK, None)
    assert world.snapshot() == before
    notes = [one.note async for one in chain.entries(world.app.database, connection.id) if one.key == "pause"]
    assert [str(note).partition(" until")[0] for note in notes] == ["routing of mail paused", "pause ended at its time"]
    assert await told(world) == ["connection.paused", "connection.resumed"]


async def test_a_pause_is_ended_before_its_time(world: World) -> None:
    connection = await world.connect()
    await pause(world, connection, 24 * HOUR)
    assert (await ask(world, connection, "DELETE", "/pause")).status == 202
    await world.work()
    assert (await world.connection(connection.id)).status is Status.OK
    assert not off(world)
    refused = await ask(world, connection, "DELETE", "/pause")
    assert (refused.status, json.loads(refused.body)["code"]) == (409, "not_paused")


async def test_routing_ends_though_something_else_fails(world: World) -> None:
    connection = await world.connect(repair_drift=True)
    await world.work()
    name = "TMCAS Inline Inbound Connector for Incoming Message"
    world.cmdlet("Set-InboundConnector", Identity=name, RequireTls=False)
    world.fault({"cmdlet": "Set-InboundConnector"}, {"kind": "status", "status": 503}, times=50)
    await pause(world, connection, 2 * HOUR)
    assert off(world) == {"Incoming Domain", "Outgoing Domain"}
    assert (await world.connection(connection.id)).status is not Status.OK


async def test_drift_is_found_in_a_pause_and_routing_that_others_switch_on_is_noted(world: World) -> None:
    connection = await world.connect()
    await world.work()
    await pause(world, connection, 24 * HOUR)
    world.cmdlet("Enable-TransportRule", Identity="TMCAS Inline Incoming Domain Transport Rule", Confirm=False)
    assert (await ticks(world, connection, HOUR)).reason == "paused"
    assert (await world.marks(connection))["rule-incoming-domain"] == "drifted"
    world.cmdlet(
        "Disable-TransportRule", Identity="TMCAS Inline Incoming Skip Spam Filter Transport Rule", Confirm=False
    )
    assert (await ticks(world, connection, HOUR)).reason == "drift"


async def test_a_paused_connection_is_revoked_and_leaves_nothing(world: World) -> None:
    before = world.snapshot()
    connection = await world.connect()
    await pause(world, connection, 24 * HOUR)
    now = await world.leave(connection)
    assert (now.stage, now.paused_until) == (Stage.CLOSED, None)
    assert world.snapshot() == before


async def test_what_cannot_be_paused_is_refused_and_unchanged(world: World) -> None:
    connection = await world.create()
    assert await pause(world, connection, HOUR) == (409, "not_running")
    connection = await world.connect()
    assert await pause(world, connection, -HOUR) == (400, "until_is_past")
    assert await pause(world, connection, timedelta(days=31)) == (400, "pause_too_long")
    assert not off(world)


async def test_on_google_workspace_a_pause_is_refused(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    assert await pause(world, connection, HOUR) == (409, "pause_not_possible")
