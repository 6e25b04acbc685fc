"""A stolen queue: who can write messages to it gets looks at a tenant, and nothing else."""

import json
from datetime import timedelta

import pytest

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job, encode
from shared.engine import chain
from shared.engine.chain import Act
from shared.flows import requests
from shared.flows.jobs import HANDLERS, UNLEASED, deliver, give_up, run
from shared.flows.orders import ORDERED, STRANDED_AFTER
from shared.flows.timers import sweep
from shared.storage import tables as db
from tests.harness.orders import order, signed
from tests.harness.world import World

RULE = "TMCAS Inline Incoming Domain Transport Rule"
CHANGES = {Act.CREATE, Act.UPDATE, Act.REMOVE}


async def acts(world: World, connection: Connection) -> list[Act]:
    """Every change of the tenant that the ledger holds."""
    return [one.act async for one in chain.entries(world.app.database, connection.id) if one.act in CHANGES]


async def drifted(world: World) -> Connection:
    """A running connection, one of whose rules the customer has changed on purpose; drift is only reported."""
    connection = await world.connect()
    await world.work()
    world.cmdlet("Disable-TransportRule", Identity=RULE, Confirm=False)
    return connection


@pytest.mark.hazard(45)
@pytest.mark.parametrize("key", [None, b"\0" * 32], ids=["unsigned", "signed by somebody else"])
async def test_a_message_that_we_did_not_sign_is_a_look_at_most(world: World, key: bytes | None) -> None:
    connection = await drifted(world)
    before, done = world.snapshot(), await acts(world, connection)
    for name in HANDLERS.keys() | UNLEASED.keys():
        await deliver(world.app, encode(Job(name=name, connection_id=connection.id), world.clock.now(), key))
    assert (world.snapshot(), await acts(world, connection)) == (before, done)
    now = await world.connection(connection.id)
    assert (now.stage, now.reason) == (Stage.RUN, "drift")
    # Nor does one tell anybody that a job was given up.
    await give_up(world.app, encode(Job(name="repair", connection_id=connection.id), world.clock.now(), key))
    assert (await world.connection(connection.id)).reason == "drift"


@pytest.mark.hazard(45)
async def test_not_even_a_message_of_ours_repairs_what_nobody_has_ordered(world: World) -> None:
    connection = await drifted(world)
    before = world.snapshot()
    for name in ORDERED:
        await deliver(world.app, await signed(world, Job(name=name, connection_id=connection.id), world.clock.now()))
    assert world.snapshot() == before
    await order(world, connection, "repair")
    assert world.snapshot() != before
    # The order has ended with its run: the same message says no more than look.
    world.cmdlet("Disable-TransportRule", Identity=RULE, Confirm=False)
    before = world.snapshot()
    await run(world.app, Job(name="repair", connection_id=connection.id))
    assert world.snapshot() == before


async def test_an_order_outlives_its_lost_message_and_not_its_direction(world: World) -> None:
    connection = await drifted(world)
    before = world.snapshot()
    await requests.start(world.app, await world.connection(connection.id), "repair", "olga")
    async with world.app.database.write() as write:
        await write.execute(db.jobs.delete())
    world.clock.move(STRANDED_AFTER + timedelta(seconds=1))
    await sweep(world.app)
    await world.work()
    assert world.snapshot() != before
    await requests.start(world.app, await world.connection(connection.id), "repair", "olga")
    async with world.app.database.write() as write:
        await write.execute(db.orders.update().values(generation=0))
    world.cmdlet("Disable-TransportRule", Identity=RULE, Confirm=False)
    before = world.snapshot()
    await world.work()
    assert world.snapshot() == before


async def test_an_order_stands_while_its_run_waits(world: World) -> None:
    connection = await drifted(world)
    before = world.snapshot()
    world.fault({"path": ".*"}, {"kind": "status", "status": 503}, times=50)
    await order(world, connection, "repair")
    assert world.snapshot() == before
    world.control("DELETE", "/faults")
    await world.until_true(connection, lambda now: now.reason is None)
    assert world.snapshot() != before


async def test_garbage_costs_no_look(world: World) -> None:
    connection = await world.connect()
    await world.work()
    world.sims.cloud.calls.clear()
    for garbage in (
        "x" * 5000,
        json.dumps({"job": "advance"}),
        json.dumps({"name": "advance", "connection": "x" * 65}),
    ):
        await deliver(world.app, garbage)
    assert not world.sims.cloud.calls
    assert (await world.connection(connection.id)).stage is Stage.RUN
