"""One operation on many connections: carried out at a bounded pace, with a result for each."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.connections.lease import unfenced
from shared.connections.record import Connection
from shared.connections.search import Wanted
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows import batch_records, edit, invitation, policies, requests, revoke
from shared.flows.app import App
from shared.flows.batch_plans import matching
from shared.flows.batch_records import Batch, ItemState, Operation, Order
from shared.foundation.errors import FootprintError, Refused, Temporary
from shared.storage import tables as db
from shared.storage.ids import ConnectionId, new_id

log = logging.getLogger(__name__)

JOB = "batch"
# Connections begun each second, and messages sent side by side.
BEGUN_A_SECOND, MAX_SENDS_AT_ONCE = 5, 20


async def create(app: App, wanted: Wanted, order: Order, *, confirmed: int, actor: str) -> Batch:
    """Begin a batch. Raises Refused 409 `count_changed` unless just as many connections match as were confirmed."""
    found, now = await matching(app, wanted), app.clock.now()
    if len(found) != confirmed:
        raise Refused(
            409, "count_changed", f"confirm: {len(found)} connections match, not {confirmed}. Plan the batch again."
        )
    if not found:
        raise Refused(400, "no_connections", "where: no connection matches.")
    batch = {"id": new_id(), "operation": str(order.operation), "options": order.options()}
    items = [
        {"batch": batch["id"], "connection": one.id, "due_at": _start(now, number), "state": str(ItemState.PENDING)}
        for number, one in enumerate(found)
    ]
    async with app.database.write() as write:
        await write.execute(
            sa.insert(db.batches).values(**batch, actor=actor, customer=wanted.customer, created_at=now)
        )
        await write.execute(sa.insert(db.batch_items), items)
    for first in range(0, len(found), MAX_SENDS_AT_ONCE):
        some = enumerate(found[first : first + MAX_SENDS_AT_ONCE], first)
        await asyncio.gather(*(_send(app, one.id, _start(now, number)) for number, one in some))
    log.info("batch started", extra={"batch": batch["id"], "operation": str(order.operation), "number": len(found)})
    return await batch_records.one(app.database, str(batch["id"]), wanted.customer)


def _start(now: datetime, number: int) -> datetime:
    return now + timedelta(seconds=number // BEGUN_A_SECOND)


async def _send(app: App, connection: ConnectionId, start: datetime) -> None:
    await app.queue.send(Job(name=JOB, connection_id=connection), start)


async def carry_out(app: App, connection: Connection) -> None:
    """Do what batches want of a connection. Doing it twice comes to the same as once."""
    # An operator's order belongs to no run: each asks for itself whether the connection is as it was read.
    with unfenced():
        await _carry_out(app, connection)


async def _carry_out(app: App, connection: Connection) -> None:
    item, batch = db.batch_items.c, db.batches.c
    query = (
        sa.select(db.batches)
        .join(db.batch_items, item.batch == batch.id)
        .where(item.connection == connection.id, item.state == str(ItemState.PENDING), batch.stopped_at.is_(None))
        .order_by(batch.created_at, batch.id)
    )
    async with app.database.read() as read:
        rows = (await read.execute(query)).all()
    for row in rows:
        code = sentence = None
        try:
            order = batch_records.order(row.operation, row.options)
            await DOES[order.operation](app, connection, row.actor, order)
            state = ItemState.DONE
        except Temporary:
            log.warning("an operation of a batch waits for the next sweep", exc_info=True, extra={"batch": row.id})
            continue
        except FootprintError as error:
            state = ItemState.REFUSED if isinstance(error, Refused) else ItemState.FAILED
            code, sentence = error.code, error.sentence
        ended = {"state": str(state), "code": code, "sentence": sentence, "ended_at": app.clock.now()}
        async with app.database.write() as write:
            await write.execute(
                sa.update(db.batch_items)
                .where(item.batch == row.id, item.connection == connection.id, item.state == str(ItemState.PENDING))
                .values(ended)
            )


Does = Callable[[App, Connection, str, Order], Awaitable[object]]


def _job(job: str) -> Does:
    return lambda app, connection, actor, _: requests.start(app, connection, job, actor)


async def _renew(app: App, connection: Connection, actor: str, _: Order) -> None:
    if connection.stage is not Stage.NEW:
        raise Refused(409, "not_waiting_for_consent", "The connection is not awaiting consent.")
    await invitation.renew(app, connection, actor)


def _drift(*, repair: bool) -> Does:
    return lambda app, connection, actor, _: edit.edit(app, connection, edit.Edit(repair_drift=repair), actor)


async def _set_policy(app: App, connection: Connection, actor: str, order: Order) -> None:
    if order.policy is None:
        raise TypeError("a batch that sets a policy is kept with it")
    # The plan has told how many have one of this name, and the batch was begun knowing that.
    await policies.put(app, connection, order.policy, lambda _: None, actor)


async def _revoke(app: App, connection: Connection, actor: str, order: Order) -> None:
    await revoke.revoke(app, connection, actor, acknowledged=order.acknowledged)


DOES: Mapping[Operation, Does] = {
    Operation.SYNC: _job("sync-now"),
    Operation.CHECK: _job("advance"),
    Operation.REPAIR: _job("repair"),
    Operation.RENEW_INVITATION: _renew,
    Operation.REPORT_DRIFT: _drift(repair=False),
    Operation.REPAIR_DRIFT: _drift(repair=True),
    Operation.SET_POLICY: _set_policy,
    Operation.REVOKE: _revoke,
}
