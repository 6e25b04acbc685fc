"""Batches as they are kept: what each wants, how far it has come, and what came of each connection."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from shared.connections import search
from shared.connections.due import at_sites
from shared.foundation.errors import Refused
from shared.foundation.schedule import Site
from shared.protection import policies
from shared.protection.policies import Policy
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId

# What has not ended so long after its time has lost its message.
LOST_AFTER = timedelta(minutes=5)


class Operation(StrEnum):
    """What can be done to many connections at once."""

    SYNC = "sync"
    CHECK = "check"
    REPAIR = "repair"
    RENEW_INVITATION = "renew-invitation"
    REPORT_DRIFT = "report-drift"
    REPAIR_DRIFT = "repair-drift"
    SET_POLICY = "set-policy"
    REVOKE = "revoke"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be done to each connection; `acknowledged` is a revoke's, `policy` is the one that is set."""

    operation: Operation
    acknowledged: bool = False
    policy: Policy | None = None

    def options(self) -> dict[str, Any]:
        """The same as it is kept beside the operation."""
        policy = {} if self.policy is None else {"policy": policies.stored(self.policy)}
        return {"acknowledge_quarantine": self.acknowledged, **policy}


def order(operation: str, options: Mapping[str, Any]) -> Order:
    """What was kept as an operation and its options."""
    policy = options.get("policy")
    return Order(
        operation=Operation(operation),
        acknowledged=bool(options["acknowledge_quarantine"]),
        policy=None if policy is None else Policy.model_validate(policy),
    )


class ItemState(StrEnum):
    """What came of one connection of a batch."""

    PENDING = "pending"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A batch with how far it has come."""

    id: str
    order: Order
    actor: str
    customer: str | None
    created_at: datetime
    stopped_at: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Item:
    """What came of one connection."""

    connection: ConnectionId
    name: str
    state: ItemState
    code: str | None
    sentence: str | None
    ended_at: datetime | None


async def stranded(database: Database, sites: Sequence[Site], now: datetime) -> list[ConnectionId]:
    """Connections of some sites whose turn has come a while ago, and nothing has ended: their message was lost."""
    item, batch = db.batch_items.c, db.batches.c
    late = (item.state == str(ItemState.PENDING), item.due_at <= now - LOST_AFTER, batch.stopped_at.is_(None))
    here = item.connection.in_(at_sites(sites))
    query = sa.select(item.connection).join(db.batches, item.batch == batch.id).where(*late, here).distinct()
    async with database.read() as read:
        return list((await read.execute(query)).scalars())


async def stop(database: Database, batch: Batch, now: datetime) -> None:
    """Begin nothing more of a batch. What was begun continues."""
    async with database.write() as write:
        await write.execute(
            sa.update(db.batches)
            .where(db.batches.c.id == batch.id, db.batches.c.stopped_at.is_(None))
            .values(stopped_at=now)
        )


async def one(database: Database, identifier: str, customer: str | None) -> Batch:
    """A batch that this customer's accounts may see. Raises Refused 404."""
    found = await _batches(database, customer, db.batches.c.id == identifier)
    if not found:
        raise Refused(404, "no_such_batch", "There is no such batch.")
    return found[0]


async def newest(database: Database, customer: str | None, *, most: int) -> list[Batch]:
    """The newest batches."""
    return await _batches(database, customer, most=most)


async def _batches(
    database: Database, customer: str | None, *clauses: sa.ColumnElement[bool], most: int = 1
) -> list[Batch]:
    seen = [] if customer is None else [db.batches.c.customer == customer]
    item = db.batch_items.c
    async with database.read() as read:
        query = sa.select(db.batches).where(*clauses, *seen).order_by(db.batches.c.created_at.desc(), db.batches.c.id)
        rows = (await read.execute(query.limit(most))).all()
        of_these = item.batch.in_([row.id for row in rows])
        counting = sa.select(item.batch, item.state, sa.func.count()).where(of_these).group_by(item.batch, item.state)
        counted = (await read.execute(counting)).all()
    return [
        Batch(
            id=row.id,
            order=order(row.operation, row.options),
            actor=row.actor,
            customer=row.customer,
            created_at=row.created_at,
            stopped_at=row.stopped_at,
            counts={str(state): sum(n for b, s, n in counted if (b, s) == (row.id, state)) for state in ItemState},
        )
        for row in rows
    ]


async def detail(database: Database, identifier: str, customer: str | None) -> tuple[Batch, Sequence[Item]]:
    """A batch, and what came of each connection, those that refused or failed first. Raises Refused 404.

    It is counted as it is listed, for connections end meanwhile.
    """
    batch = await one(database, identifier, customer)
    item = db.batch_items.c
    order = sa.case(
        {str(ItemState.FAILED): 0, str(ItemState.REFUSED): 1, str(ItemState.PENDING): 2}, value=item.state, else_=3
    )
    query = sa.select(db.batch_items).where(item.batch == batch.id).order_by(order, item.due_at, item.connection)
    async with database.read() as read:
        rows = (await read.execute(query)).all()
    names = await search.names(database, [row.connection for row in rows])
    listed = [
        Item(
            connection=row.connection,
            name=names.get(row.connection, ""),
            state=ItemState(row.state),
            code=row.code,
            sentence=row.sentence,
            ended_at=row.ended_at,
        )
        for row in rows
    ]
    counted = Counter(one.state for one in listed)
    return replace(batch, counts={str(state): counted[state] for state in ItemState}), listed
