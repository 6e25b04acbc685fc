"""The kill switch: once it is pressed nothing more is sent to a platform, and what was granted is given back."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from infra.local.simulators.wire import Call
from infra.local.timers import fire_timers
from shared.connections import grants, halts
from shared.connections.halts import Halt
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import chain
from shared.flows import halting, plans, requests
from shared.flows.jobs import run
from shared.foundation import permits
from shared.foundation.errors import Permanent, Refused
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.invited import arrives, consented
from tests.harness.pages import see
from tests.harness.world import CONTOSO, FABRIKAM, ORCHARD, World

# `python -m tests.attacks` asks for two hundred.
IN_FLIGHT = int(os.environ.get("IN_FLIGHT", "40"))


async def notes(world: World, connection: Connection) -> list[tuple[str | None, str | None]]:
    """What stands in a connection's ledger: who, and what."""
    return [(one.actor, one.note) async for one in chain.entries(world.app.database, connection.id)]


async def many(world: World, number: int) -> list[Connection]:
    """So many connections that run at one tenant."""
    first = await world.connect()
    world.behave(CONTOSO, token_loop_limit=10_000)
    made = [await world.create(None) for _ in range(number)]
    async with world.app.database.write() as write:
        ids = [one.id for one in made]
        running = {"stage": int(Stage.RUN), "tenant": first.tenant}
        await write.execute(sa.update(db.connections).where(db.connections.c.id.in_(ids)).values(running))
    await world.work()
    return made


async def test_nothing_is_sent_after_the_call_with_many_in_flight(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    connections = await many(world, IN_FLIGHT)
    accepted: list[float] = []
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_request(_: Call) -> None:
        accepted.append(time.perf_counter())
        if len(accepted) == IN_FLIGHT // 2:
            loop.call_soon_threadsafe(begun.set)

    world.sims.cloud.on_request = on_request
    running = [asyncio.ensure_future(run(world.app, Job(name="sync-now", connection_id=one.id))) for one in connections]
    await begun.wait()
    called = time.perf_counter()
    # Only what is needed to stop: the ledgers of all connections are written after that.
    async with world.app.database.write() as write:
        now = world.clock.now()
        await halts.begin(write, Halt(scope=halts.EVERYTHING, at=now, actor="olga", why="an incident", destroyed=False))
    world.clock.move(permits.READS_ASK_EVERY)
    halted = asyncio.ensure_future(halting.halt(world.app, halts.EVERYTHING, "olga", "an incident"))
    await asyncio.gather(*running)
    told = await halted
    last = max(accepted)
    late = sum(moment > called for moment in accepted)
    record_property(
        "measured",
        f"with {IN_FLIGHT} in flight the last request was accepted {max(0.0, last - called):.1f} s after the call, and "
        f"each of them had at most one on its way",
    )
    assert told.connections == IN_FLIGHT + 1
    # Each had at most one request on its way when the halt began to stand.
    assert late <= IN_FLIGHT
    assert len(accepted) < 2 * IN_FLIGHT
    before = len(accepted)
    await asyncio.gather(*(run(world.app, Job(name="sync-now", connection_id=one.id)) for one in connections[:20]))
    await fire_timers(world.app)
    await world.work()
    assert len(accepted) == before
    async with world.app.database.read() as read:
        shown = await read.execute(sa.select(db.connections.c.reason).distinct())
        assert shown.scalars().all() == ["halted"]


@pytest.mark.parametrize("scope", ["connection", "site", "everything"])
async def test_a_halt_holds_for_its_scope_in_every_process_until_it_is_lifted(world: World, scope: str) -> None:
    one, other = await world.connect(CONTOSO), await world.connect(FABRIKAM)
    named = {"connection": f"connection:{one.id}", "site": halts.of_site(one.site)}.get(scope, scope)
    process = await world.again()
    await halting.halt(world.app, named, "olga", "an incident")
    world.sims.cloud.calls.clear()
    for job in ("advance", "sync-now", "refresh"):
        await run(process.app, Job(name=job, connection_id=one.id))
    # Nor by a look from the console, nor by an order.
    with pytest.raises(halts.Halted), halts.heeded(process.app.database, process.app.clock, one):
        await plans.planned(process.app, await world.connection(one.id))
    with pytest.raises(Refused, match="halted"):
        await requests.start(process.app, await world.connection(one.id), "sync-now", "olga")
    assert not world.sims.cloud.calls
    now = await world.connection(one.id)
    assert (now.status, now.reason) == ("attention", "halted")
    assert "Halted by olga" in str(now.sentence)
    await run(process.app, Job(name="refresh", connection_id=other.id))
    assert bool(world.sims.cloud.calls) is (scope == "connection")
    assert ("olga", "halted: an incident") in await notes(world, one)
    await halting.lift(world.app, named, "anna")
    for _ in range(2):  # the sweep, and what that leads to
        await world.pass_time(timedelta(minutes=10))
        await world.tick()
    now = await world.connection(one.id)
    assert (now.status, now.reason) == ("ok", None)
    assert ("anna", "halt lifted") in await notes(world, one)
    with pytest.raises(Refused, match="no_such_halt"):
        await halting.lift(world.app, named, "anna")


async def test_a_run_under_way_ends_before_its_next_call_and_notes_what_it_did(world: World) -> None:
    connection = await world.connect()
    await world.work()
    at, loop = list[str](), asyncio.get_running_loop()

    def on_request(call: Call) -> None:
        at.append(call.path)
        if len(at) == 3:
            halted = halting.halt(world.app, f"connection:{connection.id}", "olga", "an incident")
            asyncio.run_coroutine_threadsafe(halted, loop).result()
            world.clock.move(permits.READS_ASK_EVERY)

    world.sims.cloud.on_request = on_request
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    # What is read side by side was on its way with the third.
    assert {path.rsplit("/", 1)[-1] for path in at} <= {"delta", "domains", "InvokeCommand"}
    assert len(at) <= 4
    assert (await world.connection(connection.id)).reason == "halted"
    assert (await world.connection(connection.id)).lease_until is None
    assert await chain.verify(world.app.database, connection.id) is None


async def test_grants_are_given_back_and_keys_destroyed(world: World) -> None:
    connection = await google.connect(world, domain=ORCHARD, modes=["api"])
    ((grant),) = await grants.listed(world.app.database, world.app.seal, connection.id)
    scope = f"connection:{connection.id}"
    told = await halting.halt(world.app, scope, "olga", "an incident", destroy=True)
    assert (told.given_back, told.not_given_back, told.keys_destroyed) == (1, 0, 1)
    sign_in = world.app.platforms["google"].credentials.sign_in  # type: ignore[attr-defined] # Google's own
    assert not await sign_in.holds(grant.secret)
    async with world.app.database.read() as read:
        assert (await read.execute(sa.select(db.tokens))).first() is None
        assert (await read.execute(sa.select(db.grants))).first() is None
    for process in (world, await world.again()):
        with pytest.raises(Permanent, match="data_key_missing"):
            await process.app.seal.box(connection.id)
    # Pressed again, it does no harm.
    again = await halting.halt(world.app, scope, "olga", "an incident", destroy=True)
    assert (again.given_back, again.keys_destroyed) == (0, 0)


async def test_a_grant_that_another_connection_lives_by_is_kept(world: World) -> None:
    one = await google.connect(world, domain=ORCHARD, modes=["api"])
    other = await google.create(world, modes=["inline"])
    await google.consent(world, other)
    before = await grants.listed(world.app.database, world.app.seal, one.id)
    told = await halting.halt(world.app, f"connection:{one.id}", "olga", "an incident")
    shared = await grants.holders(world.app.database, "google", before[0].account)
    assert (told.given_back, other.id in shared) == (0, True)


async def test_one_call_halts_one_lifts_and_the_console_shows_it(world: World) -> None:
    mine, other = await world.create(customer="contoso"), await world.create(customer="fabrikam")
    anna, carl = world.sims.operator_token("anna", "admin"), world.sims.operator_token("carl", "admin", "contoso")
    body = {"why": "a stolen laptop"}
    at = "/api/halts/connection:{}".format
    assert (await ask(world, "PUT", at(other.id), token=carl, body=body)).status == 404
    assert (await ask(world, "PUT", "/api/halts/everything", token=carl, body=body)).status == 403
    assert (await ask(world, "PUT", "/api/halts/site:moon", token=anna, body=body)).status == 404
    told = await ask(world, "PUT", at(mine.id), token=carl, body=body)
    assert json.loads(told.body)["connections"] == 1
    await ask(world, "PUT", at(other.id), token=anna, body=body)
    listed = [json.loads((await ask(world, "GET", "/api/halts", token=one)).body)["halts"] for one in (anna, carl)]
    assert [len(found) for found in listed] == [2, 1]
    shown = await see(world, f"/connections/{mine.id}")
    assert "Halted by carl" in shown.body
    assert "a stolen laptop" in shown.body
    assert (await ask(world, "DELETE", at(mine.id), token=carl)).status == 204
    assert (await ask(world, "DELETE", at(mine.id), token=carl)).status == 404


async def test_an_administrators_consent_waits_while_it_is_halted(world: World) -> None:
    connection = await world.create()
    arriving = await consented(world, connection)
    await halting.halt(world.app, f"connection:{connection.id}", "olga", "an incident")
    world.sims.cloud.calls.clear()
    found = await arrives(world, arriving)
    assert (found.status, b"Halted by olga" in found.body) == (503, True)
    assert not world.sims.cloud.calls
