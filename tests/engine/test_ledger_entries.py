"""What the ledger says of each thing that happened, and what a run that lost its lease may still write in it."""

from datetime import timedelta
from typing import Any

import pytest

from shared.connections.lease import LEASE, Superseded, acquire
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.chain import LedgerEntry, entries
from shared.engine.ledger import LATE, holdings_of
from shared.flows.advance import advance
from shared.flows.jobs import run
from shared.protection.policies import EVERYONE, put
from tests.harness import workspace as google
from tests.harness.frozen import frozen
from tests.harness.world import ORCHARD, World

IN_DOMAIN, KEY = "TMCAS Inline Incoming Domain Transport Rule", "rule-incoming-domain"
LESS = EVERYONE.model_copy(update={"everyone": False, "domains": ["contoso.com"]})


async def ledger(world: World, connection: Connection, key: str = "") -> list[LedgerEntry]:
    """The entries about an object, or all."""
    return [one async for one in entries(world.app.database, connection.id) if key in ("", one.key)]


async def look(world: World, connection: Connection) -> Connection:
    """One look at the tenant."""
    await run(world.app, Job(name="advance", connection_id=connection.id))
    return await world.connection(connection.id)


async def test_a_run_without_the_lease_intends_nothing_and_calls_nobody(world: World) -> None:
    connection = await world.connect()
    await world.work()
    async with world.app.database.write() as write:  # so that there is something to do
        await put(write, connection.id, LESS)
    first = await acquire(world.app.database, connection.id, world.clock.now())
    assert first is not None
    world.clock.move(LEASE)
    assert await acquire(world.app.database, connection.id, world.clock.now()) is not None
    before, tenant = await ledger(world, connection), world.snapshot()
    with pytest.raises(Superseded):
        await advance(world.app, *first)
    assert await ledger(world, connection) == before
    assert world.snapshot() == tenant


async def test_an_answer_that_came_too_late_is_unfinished_and_never_failed(world: World) -> None:
    connection = await google.create(world, modes=["inline"])
    world.admin("install-app", ORCHARD)
    await google.consent(world, connection)

    async def next_one(other: World) -> None:
        other.clock.move(LEASE + timedelta(minutes=1))
        await other.until(connection, Stage.RUN)

    with frozen(world, lambda call: call.method == "POST" and call.path.endswith("/members"), next_one):
        await world.work()
    running = await world.until(connection, Stage.RUN)
    late = [one for one in await ledger(world, running) if str(one.note).startswith(LATE)]
    assert [(one.key, one.state) for one in late] == [("group-members", "unfinished")]
    assert "not known whether it was answered, not read back" in str(late[0].note)


async def test_a_change_of_ours_leaves_since_when_it_is_ours_and_is_no_drift(world: World) -> None:
    connection = await world.connect()
    await world.pass_time(timedelta(hours=3))
    before = (await holdings_of(world.app.database, connection.id))[KEY]
    async with world.app.database.write() as write:
        await put(write, connection.id, LESS)
    told = await look(world, connection)
    after = (await holdings_of(world.app.database, connection.id))[KEY]
    assert (told.status, told.reason) == ("ok", None)
    assert rule(world)["RecipientDomainIs"] == ("contoso.com",)
    assert after.seen != before.seen
    assert (after.since, after.drift) == (before.since, None)
    assert "drift" not in [one.act for one in await ledger(world, connection, KEY)]


async def test_what_is_repaired_is_recorded_as_drift_and_repair_and_nothing_more(world: World) -> None:
    connection = await world.connect(repair_drift=True)
    known = len(await ledger(world, connection, KEY))
    world.cmdlet("Set-TransportRule", Identity=IN_DOMAIN, Mode="Audit")
    await look(world, connection)
    told = [(one.act, one.state) for one in (await ledger(world, connection, KEY))[known:]]
    assert told == [("drift", "noted"), ("update", "intended"), ("update", "done")]
    assert (await holdings_of(world.app.database, connection.id))[KEY].drift is None


def rule(world: World) -> dict[str, Any]:
    """Our rule for incoming mail by its domain."""
    listed = world.sims.microsoft.tenants[world.tenant_id()].rules
    return next(dict(one) for one in listed if one["Name"] == IN_DOMAIN)
