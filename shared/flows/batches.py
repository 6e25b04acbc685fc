"""One operation on many connections: planned for all first, carried out at a bounded pace, with a result for each."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shared.connections import search
from shared.connections.lease import unfenced
from shared.connections.record import Connection
from shared.connections.search import Wanted
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.forecast import Timing
from shared.engine.steps import Verb
from shared.flows import batch_records as records
from shared.flows import edit, invitation, revoke
from shared.flows import requests as orders
from shared.flows.app import App
from shared.flows.batch_records import Batch, ItemState, Operation
from shared.flows.plans import foreseen
from shared.foundation.errors import FootprintError, Refused, Temporary
from shared.protection import quarantine
from shared.storage import tables as db
from shared.storage.ids import ConnectionId, new_id

log = logging.getLogger(__name__)

JOB = "batch"
# Connections begun each second, messages sent side by side, and the most in one batch.
BEGUN_A_SECOND, MAX_SENDS_AT_ONCE, MAX_CONNECTIONS = 5, 20, 2000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a batch would do: to how many, how many refuse and why, and how many objects are deleted when."""

    operation: Operation
    matches: int
    ready: int
    refused: Mapping[str, int]
    deletions: Mapping[str, int]


async def plan(app: App, wanted: Wanted, operation: Operation, *, acknowledged: bool) -> Plan:
    """What a batch would do, by the ledgers. Changes nothing."""
    found = await _matching(app, wanted)
    refused, deletions = Counter[str](), Counter[str]()
    revokes = operation is Operation.REVOKE and not acknowledged
    holding = await quarantine.holding(app.database, search.ids(wanted)) if revokes else set()
    for connection in found:
        why = _refusal(connection, operation, holds_mail=connection.id in holding)
        if why:
            refused[why] += 1
        elif operation is Operation.REVOKE and connection.tenant is not None:
            lines = await foreseen(app, connection, "revoke")
            deletions.update(line.when for line in lines if line.verb is Verb.REMOVE or line.timing is Timing.LATER)
    ready = len(found) - sum(refused.values())
    return Plan(operation=operation, matches=len(found), ready=ready, refused=refused, deletions=deletions)


async def _matching(app: App, wanted: Wanted) -> list[Connection]:
    found = await search.every(app.database, wanted, most=MAX_CONNECTIONS + 1)
    if len(found) > MAX_CONNECTIONS:
        raise Refused(
            400, "too_many_connections", f"where: more than {MAX_CONNECTIONS} connections match. Narrow the filter."
        )
    return found


def _refusal(connection: Connection, operation: Operation, *, holds_mail: bool) -> str:
    """Why a connection would refuse, or empty."""
    match operation:
        case Operation.SYNC | Operation.REPAIR if connection.stage is not Stage.RUN:
            return "not running"
        case Operation.CHECK if connection.stage is Stage.NEW:
            return "no consent yet"
        case Operation.RENEW_INVITATION if connection.stage is not Stage.NEW:
            return "not awaiting consent"
        case Operation.REVOKE if connection.stage > Stage.RUN:
            return "revoked already"
        case Operation.REVOKE if holds_mail:
            return "quarantine not empty"
    return ""


async def create(
    app: App, wanted: Wanted, operation: Operation, *, confirmed: int, acknowledged: bool, actor: str
) -> Batch:
    """Begin a batch. Raises Refused 409 `count_changed` unless just as many connections match as were confirmed."""
    found, now = await _matching(app, wanted), app.clock.now()
    if len(found) != confirmed:
        raise Refused(
            409, "count_changed", f"confirm: {len(found)} connections match, not {confirmed}. Plan the batch again."
        )
    if not found:
        raise Refused(400, "no_connections", "where: no connection matches.")
    batch = {"id": new_id(), "operation": str(operation), "options": {"acknowledge_quarantine": acknowledged}}
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
    log.info("batch started", extra={"batch": batch["id"], "operation": str(operation), "number": len(found)})
    return await records.one(app.database, str(batch["id"]), wanted.customer)


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
            await DOES[Operation(row.operation)](app, connection, row.actor, row.options)
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


Does = Callable[[App, Connection, str, Mapping[str, Any]], Awaitable[object]]


def _order(job: str) -> Does:
    return lambda app, connection, actor, _: orders.start(app, connection, job, actor)


async def _renew(app: App, connection: Connection, actor: str, _: Mapping[str, Any]) -> None:
    if connection.stage is not Stage.NEW:
        raise Refused(409, "not_waiting_for_consent", "The connection is not awaiting consent.")
    await invitation.renew(app, connection, actor)


def _drift(*, repair: bool) -> Does:
    return lambda app, connection, actor, _: edit.edit(app, connection, edit.Edit(repair_drift=repair), actor)


async def _revoke(app: App, connection: Connection, actor: str, options: Mapping[str, Any]) -> None:
    await revoke.revoke(app, connection, actor, acknowledged=bool(options["acknowledge_quarantine"]))


DOES: Mapping[Operation, Does] = {
    Operation.SYNC: _order("sync-now"),
    Operation.CHECK: _order("advance"),
    Operation.REPAIR: _order("repair"),
    Operation.RENEW_INVITATION: _renew,
    Operation.REPORT_DRIFT: _drift(repair=False),
    Operation.REPAIR_DRIFT: _drift(repair=True),
    Operation.REVOKE: _revoke,
}
