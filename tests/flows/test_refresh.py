"""The hourly renewal of tokens: both at once, stored in one statement, in threads of their own."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from infra.local.bench.counted import counted
from infra.local.bench.counts import RENEWAL
from shared.connections import tokens
from shared.connections.record import Status
from shared.deployment.queues import Job
from shared.flows import expected_jobs, halting
from shared.flows.jobs import run
from shared.flows.renewals import TOGETHER
from shared.flows.timers import fire
from shared.foundation.schedule import Site
from shared.foundation.wire import Wire
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.nights import TIMER, Sent, running
from tests.harness.scripted_host import StillClock
from tests.harness.world import CONTOSO, FABRIKAM, World

SIDE_BY_SIDE = 40


async def test_both_tokens_are_stored_in_one_statement(world: World) -> None:
    connection = await world.connect()
    world.sims.cloud.calls.clear()
    with counted(world.app.database) as count:
        await run(world.app, Job(name="refresh", connection_id=connection.id))
    assert len([one for one in world.sims.cloud.calls if one.path.endswith("/token")]) == 2
    assert len([text for text in count.writes if text.startswith("INSERT INTO tokens")]) == 1


async def test_what_was_given_is_stored_though_the_other_was_refused(world: World) -> None:
    connection = await world.connect()
    async with world.app.database.write() as write:
        await write.execute(sa.delete(db.tokens))
    world.fault({"host": "login", "path": "/token"}, {"kind": "status", "status": 503, "body": {}}, times=1)
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    async with world.app.database.read() as read:
        kept = (await read.execute(sa.select(sa.func.count()).select_from(db.tokens))).scalar_one()
    assert kept == 1
    assert (await world.connection(connection.id)).status is Status.WAITING


async def test_one_message_renews_the_tokens_of_many(world: World) -> None:
    connections = [await world.connect(domain) for domain in (CONTOSO, FABRIKAM)]
    await world.work()
    queue = Sent()
    await fire(replace(world.app, queue=queue), TIMER["refresh"])
    assert len(queue.jobs) == 1
    world.clock.move(timedelta(minutes=1))
    begin = world.clock.now()
    ((name, head),) = queue.jobs
    await run(world.app, Job(name=name, connection_id=head))
    for connection in connections:
        async with world.app.database.read() as read:
            found = await tokens.kept(read, connection.id, world.clock.now())
        assert found.number == 2
        assert found.renewed_at is not None
        assert found.renewed_at >= begin
    # Nothing is expected any more.
    await fire(replace(world.app, queue=queue), TIMER["refresh"])
    assert len(queue.jobs) == 2


async def test_many_are_renewed_in_as_many_statements_as_one(world: World) -> None:
    counts = list[int]()
    for domain in (CONTOSO, FABRIKAM):
        connection = await world.connect(domain)
        await world.work()
        queue = Sent()
        await fire(replace(world.app, queue=queue), TIMER["refresh"])
        world.clock.move(timedelta(minutes=59))
        world.sims.cloud.calls.clear()
        with counted(world.app.database) as count:
            await run(world.app, Job(name="refresh", connection_id=connection.id))
        assert len([one for one in world.sims.cloud.calls if one.path.endswith("/token")]) == 2 * (len(counts) + 1)
        # Nor what is added to the totals, once a minute at most, whatever has been done by then.
        apart = ("SELECT halts", "INSERT INTO totals")
        counts.append(len([text for text, _ in count.statements if not text.startswith(apart)]))
    assert counts == [RENEWAL, RENEWAL]


async def test_one_tenants_refusal_is_one_tenants(world: World) -> None:
    good, bad = [await world.connect(domain) for domain in (CONTOSO, FABRIKAM)]
    halted = await google.connect(world, modes=["api"])
    await world.work()
    await fire(replace(world.app, queue=Sent()), TIMER["refresh"])
    await halting.halt(world.app, f"connection:{halted.id}", "olga", "an incident")
    world.admin("remove-application", FABRIKAM)
    world.clock.move(timedelta(minutes=1))
    world.sims.cloud.calls.clear()
    await run(world.app, Job(name="refresh", connection_id=bad.id))
    # Both that were asked for of each that is not halted; and what was refused is not asked for twice.
    assert len([one for one in world.sims.cloud.calls if one.path.endswith("/token")]) == 4
    now = {one.id: await world.connection(one.id) for one in (good, bad, halted)}
    assert [one.reason for one in now.values()] == [None, "consent_missing", "halted"]
    assert [one.lease_until for one in now.values()] == [None, None, None]
    async with world.app.database.read() as read:
        kept = [(await tokens.kept(read, one, world.clock.now())).number for one in now]
    assert kept[:2] == [2, 0]


async def test_an_hours_messages_keep_to_their_sites(world: World) -> None:
    queue = Sent()
    app = replace(world.app, queue=queue, settings=world.app.settings.model_copy(update={"sites": [Site.US]}))
    number = TOGETHER + 1
    american, european = await running(app, number, Site.US), await running(app, 3, Site.EU)
    await fire(app, TIMER["refresh"])
    assert len(queue.jobs) == 2
    taken = await expected_jobs.take(app.database, "refresh", [Site.US, Site.EU], 1000)
    assert sorted(taken) == sorted(american)
    assert not set(taken) & set(european)


async def test_what_waits_does_not_wait_for_the_loops_own_threads() -> None:
    wire = Wire(clock=StillClock(), ca_file=None, threads=SIDE_BY_SIDE)
    together = threading.Barrier(SIDE_BY_SIDE, timeout=30)
    places = await asyncio.gather(*(wire.aside(together.wait) for _ in range(SIDE_BY_SIDE)))
    assert sorted(places) == list(range(SIDE_BY_SIDE))
    with pytest.raises(ZeroDivisionError):
        await wire.aside(lambda: 1 // 0)


async def test_a_token_that_outlives_the_consent_is_not_taken_for_its_return(world: World) -> None:
    connection = await world.connect()
    world.behave(CONTOSO, tokens_outlive_application=True)
    world.admin("remove-application")
    for job in ("refresh", "check", "advance"):
        await run(world.app, Job(name=job, connection_id=connection.id))
        now = await world.connection(connection.id)
        assert (now.status, now.reason) == (Status.ATTENTION, "consent_missing"), job
    world.behave(CONTOSO, tokens_outlive_application=False)
    await world.consent(connection)
    world.admin("assign-role")
    await world.until_true(connection, lambda one: one.status is Status.OK)
