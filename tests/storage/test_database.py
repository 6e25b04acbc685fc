"""What several processes do to one database at the same moment."""

import asyncio
from collections import Counter
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared.connections import call_log as operations
from shared.connections import record as connections
from shared.connections.lease import LEASE, Lease, Superseded, acquire, fenced, release, renew
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.deployment.queues.database import EmbeddedQueue
from shared.engine import chain
from shared.engine.chain import Act, Entry
from shared.flows import grant, revoke
from shared.flows.advance import settle
from shared.flows.app import App
from shared.flows.jobs import run
from shared.foundation.errors import Refused
from shared.protection import decisions, directory, mailboxes, memberships, policies
from shared.protection.decisions import Decision
from shared.protection.policies import EVERYONE
from shared.storage import tables as db
from shared.storage.database import Database, insert_new, upsert
from tests.harness.processes import NOW, PROCESSES, add
from tests.harness.world import World

ROUNDS = 20


async def several(world: World, number: int) -> list[App]:
    """Several processes of one deployment."""
    return [(await world.again()).app for _ in range(number)]


async def extend(database: Database, lease: Lease, now: datetime = NOW) -> None:
    await renew(database, lease, now)


@pytest.mark.hazard(16)
async def test_a_connection_has_one_holder_at_a_time(processes: list[Database]) -> None:
    names = [await add(processes[0], name) for name in ("one", "two")]
    holders: Counter[str] = Counter()
    turns: Counter[str] = Counter()

    async def work(database: Database) -> None:
        for number in range(ROUNDS):
            name = names[number % len(names)]
            claimed = await acquire(database, name, NOW)
            if claimed is None:
                continue
            holders[name] += 1
            assert holders[name] == 1
            await extend(database, claimed[1])
            assert holders[name] == 1
            holders[name] -= 1
            turns[name] += 1
            await release(database, claimed[1], NOW)

    await asyncio.gather(*(work(one) for one in processes))
    assert all(turns[name] for name in names)


async def test_a_run_that_lost_its_lease_is_told_and_gives_nothing_back(processes: list[Database]) -> None:
    first, second, *_ = processes
    await add(first, "one")
    old = await acquire(first, "one", NOW)
    assert old is not None
    later = NOW + LEASE
    taken = [one for one in await asyncio.gather(*(acquire(p, "one", later) for p in processes)) if one]
    assert len(taken) == 1
    with pytest.raises(Superseded):
        await extend(first, old[1], later)
    await release(first, old[1], NOW)
    await extend(second, taken[0][1], later)
    assert await acquire(first, "one", later) is None


async def test_the_chain_is_never_forked(processes: list[Database]) -> None:
    await add(processes[0], "one")

    async def write_some(database: Database) -> None:
        for _ in range(ROUNDS):
            async with database.write() as write:
                await chain.append(write, "one", 1, NOW, Entry(key="connection", act=Act.REMARK, note="said"))

    await asyncio.gather(*(write_some(one) for one in processes))
    assert await chain.verify(processes[0], "one") is None
    numbers = [entry.number async for entry in chain.entries(processes[0], "one")]
    assert numbers == list(range(1, PROCESSES * ROUNDS + 1))


async def test_a_mailbox_is_taken_by_one(processes: list[Database]) -> None:
    await add(processes[0], "one")
    users = [f"user {number:02}" for number in range(40)]
    for user in users:
        await mailboxes.keep(processes[0], "one", user, user, position=1, noticed=2)
    taken: list[str] = []

    async def take(database: Database) -> None:
        while some := await mailboxes.take(database, "one", NOW, 3):
            taken.extend(box.user for box in some)

    await asyncio.gather(*(take(one) for one in processes))
    assert sorted(taken) == users


async def test_a_job_is_delivered_to_one(processes: list[Database]) -> None:
    await asyncio.gather(
        *(EmbeddedQueue(processes[n % PROCESSES]).send(Job(name="sync", connection_id=str(n)), NOW) for n in range(30))
    )
    received: list[str] = []

    async def receive(database: Database) -> None:
        queue = EmbeddedQueue(database)
        while (delivery := await queue.receive(NOW)) is not None:
            received.append(delivery.job.connection_id)
            await queue.finish(delivery)

    await asyncio.gather(*(receive(one) for one in processes))
    assert sorted(received, key=int) == [str(number) for number in range(30)]
    assert await EmbeddedQueue(processes[0]).next_at() is None


async def test_a_link_is_used_once(world: World) -> None:
    token = await world.app.links.create("trial", None, timedelta(hours=1))
    apps = await several(world, PROCESSES)
    ends = await asyncio.gather(*(app.links.use("trial", token) for app in apps), return_exceptions=True)
    assert [type(end) for end in ends if end != ""] == [Refused] * (PROCESSES - 1)


async def test_what_two_write_at_once_is_there_once(processes: list[Database]) -> None:
    """Each of these looks whether something is there and then writes it."""
    await add(processes[0], "one")
    token = {"connection": "one", "resource": "graph", "sealed": b"", "obtained_at": NOW, "expires_at": NOW}

    async def write_all(database: Database) -> None:
        for number in range(ROUNDS):
            async with database.write() as write:
                await write.execute(upsert(write, db.tokens).values(token))
            async with database.write() as write:
                await policies.put(write, "one", EVERYONE)
            async with database.write() as write:
                await write.execute(insert_new(write, db.links).values(id="link", purpose="trial", expires_at=NOW))
            await mailboxes.keep(database, "one", "user", "user@contoso.com", position=number)
            async with database.write() as write:
                decision = Decision(user="user", message="message", policy="risky", actions=("label",))
                await decisions.decide(write, "one", [decision], NOW)
            await memberships.put_members(database, "one", {"group": [f"member {number % 3}"]})
            rows = [{"name": f"contoso{n}.com", "verified": True, "accepted": True} for n in range(2)]
            await directory.put_domains(database, "one", rows, [])
            async with database.write() as write:
                await directory.keep_checkpoints(write, "one", {"users": str(number)}, NOW)

    await asyncio.gather(*(write_all(one) for one in processes))
    counted = {}
    async with processes[0].read() as read:
        for table in (db.tokens, db.policies, db.links, db.mailboxes, db.decisions, db.domains, db.checkpoints):
            counted[table.name] = (await read.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()
    assert counted.pop("domains") == 2
    assert set(counted.values()) == {1}, counted


async def until_waiting(database: Database, work: "asyncio.Future[Any]") -> None:
    """Until the work waits for a transaction that is open, or has not waited for it."""
    if database.engine.dialect.name == "sqlite":
        return  # nobody begins to write before it ends
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with database.read() as read:
        while not work.done() and not (await read.execute(waiting)).scalar_one():
            pass


async def test_a_reader_of_the_log_from_the_last_number_on_misses_nothing(processes: list[Database]) -> None:
    first, second, reader, *_ = processes
    await add(first, "one")
    call = operations.Operation(
        at=NOW,
        run="run",
        client="client",
        subject=None,
        method="GET",
        target=None,
        status=200,
        reason=None,
        attempt=1,
        milliseconds=1,
        quota=1,
    )
    log = operations.Operations(second, "one")
    log.add(call)
    async with first.write() as write:
        await connections.hold(write, "one")
        await write.execute(sa.insert(db.operations).values(connection="one", **asdict(call)))
        later = asyncio.ensure_future(log.flush())
        await until_waiting(reader, later)
        seen = [row.number for row in await operations.listed(reader, "one")]
    await later
    seen += [row.number for row in await operations.listed(reader, "one", after=max(seen, default=0))]
    assert len(seen) == 2


async def test_a_tenant_is_bound_to_one_of_two_that_prove_it_at_once(world: World) -> None:
    pair = [await world.create(), await world.create()]
    for one in pair:
        await world.consent(one)
    first, second, reader = await several(world, 3)
    async with first.database.write() as write:
        await connections.hold_tenant(write, pair[0].platform, world.tenant_id())
        later = asyncio.ensure_future(run(second, Job(name="advance", connection_id=pair[1].id)))
        await until_waiting(reader.database, later)
        await connections.update(write, pair[0].id, tenant=world.tenant_id())
    await later
    now = [await world.connection(one.id) for one in pair]
    assert [one.tenant for one in now] == [world.tenant_id(), None]
    assert now[1].reason == "tenant_taken"


async def test_one_of_two_that_are_connected_again_at_once_has_the_tenant(world: World) -> None:
    for name in ("one", "two"):
        await add(world.app.database, name, tenant="contoso", stage=int(Stage.CLOSED), generation=2)
    pair = [await world.connection(name) for name in ("one", "two")]
    apps = await several(world, 2)
    turned = [grant.turn_to_grant(app, one, "anna") for app, one in zip(apps, pair, strict=True)]
    ends = await asyncio.gather(*turned, return_exceptions=True)
    (refused,) = [end for end in ends if end is not None]
    assert isinstance(refused, Refused)
    assert refused.code == "tenant_taken"


async def test_a_revoke_between_the_last_look_and_the_next_stage_is_not_lost(world: World) -> None:
    connection = await world.connect()
    async with world.app.database.write() as write:
        await connections.update(write, connection.id, stage=int(Stage.GRANT))
    claimed = await acquire(world.app.database, connection.id, world.clock.now())
    assert claimed is not None
    await revoke.revoke(world.app, claimed[0], "operator@msp.example")
    with pytest.raises(Superseded), fenced(claimed[1]):
        await settle(world.app, *claimed)
    assert (await world.connection(connection.id)).stage is Stage.REVOKE


async def test_what_is_said_of_a_direction_that_was_left_is_not_shown(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    turned = await world.connection(connection.id)
    now = world.clock.now()
    assert not await connections.report(
        world.app.database, connection, now, connections.Status.ATTENTION, reason="drift", sentence="Old news."
    )
    assert await world.connection(connection.id) == turned
