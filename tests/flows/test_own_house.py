"""Nothing that we keep of a customer outlives the connection, however late it was stored."""

import hashlib
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from shared.connections import grants, tokens
from shared.connections.grants import Grant
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.flows import revoke
from shared.flows.timers import fire
from shared.foundation.schedule import TIMERS
from shared.protection import directory, policies
from shared.protection.policies import EVERYONE
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.world import ORCHARD, World

ROTATE = next(timer for timer in TIMERS if timer.name == "rotate")


async def store_again(world: World, connection: Connection) -> None:
    """What a late run or callback would store: a token, a policy."""
    now = world.clock.now()
    async with world.app.database.write() as write:
        row = {"connection": connection.id, "resource": "late", "sealed": b"x", "obtained_at": now, "expires_at": now}
        await write.execute(sa.insert(db.tokens).values(row))
        await policies.put(write, connection.id, EVERYONE)


async def kept(world: World, connection: Connection) -> list[object]:
    """What is kept."""
    database = world.app.database
    held = (await directory.count(database, connection.id)).values()
    return [
        *await tokens.stored(database, connection.id),
        *await policies.listed(database, connection.id),
        *(number for number in held if number),
    ]


async def test_what_is_stored_late_is_deleted_at_the_next_look_and_once_more_after_the_close(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    await store_again(world, connection)
    await world.pass_time(timedelta(hours=2))
    await world.tick()
    assert await kept(world, connection) == []
    world.admin("remove-application")
    await store_again(world, connection)
    closed = await world.until(connection, Stage.CLOSED)
    assert await kept(world, closed) == []
    await store_again(world, closed)
    await world.pass_time(timedelta(hours=2))
    assert await kept(world, closed) == []


@pytest.mark.hazard(27)
async def test_what_is_stored_late_is_deleted_though_each_message_is_lost(world: World) -> None:
    async def lose_messages() -> None:
        async with world.app.database.write() as write:
            await write.execute(sa.delete(db.jobs).where(db.jobs.c.connection == closed.id))

    closed = await google.leave(world, await google.connect(world))
    late = Grant(account="7", address="late@orchard.example", secret="late", granted_at=world.clock.now())  # noqa: S106
    box = await world.app.seal.credentials(closed.id)
    async with world.app.database.write() as write:
        await grants.keep(write, box, closed.id, late)
    await lose_messages()
    world.fault({"path": "^/revoke"}, {"kind": "status", "status": 403}, times=10**6)
    world.clock.move(timedelta(hours=2))
    await world.tick()
    waits = await world.connection(closed.id)
    assert waits.not_before is not None, waits.sentence
    await lose_messages()
    for _ in range(4):
        world.clock.move(timedelta(days=1))
        await world.tick()
    assert await grants.listed(world.app.database, world.app.seal, closed.id) == []
    assert (await world.connection(closed.id)).not_before is None


async def test_a_grant_that_comes_after_the_revoke_is_given_back_with_its_intent_first(world: World) -> None:
    closed = await google.leave(world, await google.connect(world))
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    late = Grant(account="7", address="late@orchard.example", secret="late", granted_at=world.clock.now())  # noqa: S106
    box = await world.app.seal.credentials(closed.id)
    async with world.app.database.write() as write:
        await grants.keep(write, box, closed.id, late)
    await world.pass_time(timedelta(hours=2))
    assert await grants.listed(world.app.database, world.app.seal, closed.id) == []
    async with world.app.database.read() as read:
        mine = sa.select(db.ledger.c.state).where(db.ledger.c.key == "grant/7").order_by(db.ledger.c.number)
        assert list((await read.execute(mine)).scalars()) == ["intended", "done"]


async def test_a_grant_that_does_not_open_keeps_no_connection_from_its_end(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    async with world.app.database.write() as write:
        spoilt = sa.update(db.grants).where(db.grants.c.connection == connection.id)
        await write.execute(spoilt.values(sealed=b"x" * 60))
    await revoke.revoke(world.app, connection, "operator@msp.example")
    # The administrator never answers, for the thirty days that they have; then the grant's own three.
    for _ in range(45):
        world.clock.move(timedelta(hours=22))
        await world.tick()
    assert (await world.connection(connection.id)).stage is Stage.CLOSED
    async with world.app.database.read() as read:
        kept = sa.select(sa.func.count()).select_from(db.grants).where(db.grants.c.connection == connection.id)
        assert (await read.execute(kept)).scalar() == 0


async def test_policies_are_refused_while_revoking(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    path, token = f"/api/connections/{connection.id}/policies/new", world.sims.operator_token()
    body = {"name": "new", "everyone": True}
    answer = await ask(world, "PUT", path, token=token, body=body)
    assert (answer.status, json.loads(answer.body)["code"]) == (409, "being_revoked")
    answer = await ask(world, "DELETE", path, token=token)
    assert (answer.status, json.loads(answer.body)["code"]) == (409, "being_revoked")


async def test_the_log_of_calls_of_a_closed_connection_is_purged_by_age(world: World) -> None:
    closed = await google.leave(world, await google.connect(world))
    count = sa.select(sa.func.count()).select_from(db.operations).where(db.operations.c.connection == closed.id)
    async with world.app.database.read() as read:
        assert (await read.execute(count)).scalar_one() > 50
    world.clock.move(world.app.settings.retention.operations + timedelta(days=1))
    await fire(world.app, ROTATE)
    async with world.app.database.read() as read:
        assert (await read.execute(count)).scalar_one() == 0


async def test_a_closed_connection_is_erased_after_its_export_and_leaves_a_tombstone(world: World) -> None:
    connection = await google.connect(world)
    operator = world.sims.operator_token(role="admin")
    path = f"/api/connections/{connection.id}"
    answer = await ask(world, "DELETE", f"{path}?head=0", token=operator)
    assert (answer.status, json.loads(answer.body)["code"]) == (409, "not_closed")
    closed = await google.leave(world, connection)
    await world.pass_time(timedelta(hours=2))
    operator = world.sims.operator_token(role="admin")
    answer = await ask(world, "DELETE", f"{path}?head=0", token=operator)
    assert (answer.status, json.loads(answer.body)["code"]) == (409, "not_exported")
    export = await ask(world, "GET", f"{path}/ledger?format=ndjson&limit=10000", token=operator)
    last = json.loads(export.body.decode().splitlines()[-1])
    signature = json.loads((await ask(world, "GET", f"{path}/certificate", token=operator)).body)["signature"]
    answer = await ask(world, "DELETE", f"{path}?head={last['hash']}", token=operator)
    assert answer.status == 204, answer.body
    assert (await ask(world, "GET", path, token=operator)).status == 404
    async with world.app.database.read() as read:
        (stone,) = (await read.execute(sa.select(db.tombstones))).all()
        assert (stone.id, stone.head, stone.entries) == (closed.id, last["hash"], last["number"])
        assert stone.certificate == hashlib.sha256(signature.encode()).hexdigest()
        for table in db.metadata.sorted_tables:
            if table.name != "tombstones":
                for row in await read.execute(sa.select(table)):
                    assert closed.id not in [value for value in row if isinstance(value, str)], table.name
