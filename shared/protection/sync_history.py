"""How much our copy of a directory held after each synchronisation, and how much has ever gone from it.

Between two synchronisations as much has come as there is more, and as has gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shared.connections.search import of_customers
from shared.protection import directory
from shared.storage import database
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, insert_new
from shared.storage.ids import ConnectionId


@dataclass(frozen=True)
class SyncRun:
    """How many rows there were of each kind after a synchronisation, and how many had ever gone by then."""

    held: Mapping[str, int]
    gone: Mapping[str, int]


async def note(write: AsyncConnection, connection_id: ConnectionId, now: datetime) -> None:
    """In the caller's transaction: note how much there is after a synchronisation."""
    table = db.directory_removals.c
    removed = [
        sa.select(table.number).where(table.connection == connection_id, table.kind == kind).scalar_subquery()
        for kind in directory.COPIES
    ]
    held = directory.counts(connection_id)
    *numbers, users, groups, members = (await write.execute(sa.select(*held, *removed))).one()
    gone = {"users": users, "groups": groups, "members": members}
    row = {
        "connection": connection_id,
        "at": now,
        "held": dict(zip((one.name for one in held), numbers, strict=True)),
        "gone": {kind: number for kind, number in gone.items() if number is not None},
    }
    await write.execute(insert_new(write, db.sync_runs).values(row))


async def purge(write: AsyncConnection, before: datetime) -> None:
    """Delete what was noted before a time, of any connection, inside the caller's transaction."""
    await write.execute(sa.delete(db.sync_runs).where(db.sync_runs.c.at < before))


async def per_step(read: AsyncConnection, customer: str | None, begin: datetime, ends: Sequence[datetime]) -> list[int]:
    """How many of a customer's connections were synchronised in each step of time; None: of those of all customers."""
    runs = db.sync_runs.c
    mine, number = of_customers(runs.connection, customer), sa.func.count(sa.distinct(runs.connection))
    return await database.per_step(read, runs.at, begin, ends, *mine, number=number)


async def count(read: AsyncConnection, connection_id: ConnectionId, begin: datetime, end: datetime) -> int:
    """How many synchronisations there were in a span of time."""
    runs = db.sync_runs.c
    mine = (runs.connection == connection_id, runs.at >= begin, runs.at < end)
    return int((await read.execute(sa.select(sa.func.count()).select_from(db.sync_runs).where(*mine))).scalar_one())


async def first(read: AsyncConnection, connection_id: ConnectionId) -> SyncRun | None:
    """The oldest one that is kept."""
    return await _one(read, connection_id, db.sync_runs.c.at)


async def last_before(read: AsyncConnection, connection_id: ConnectionId, moment: datetime) -> SyncRun | None:
    """The newest one before a moment."""
    return await _one(read, connection_id, db.sync_runs.c.at.desc(), db.sync_runs.c.at < moment)


async def _one(
    read: AsyncConnection,
    connection_id: ConnectionId,
    order: sa.ColumnElement[datetime],
    *which: sa.ColumnElement[bool],
) -> SyncRun | None:
    runs = db.sync_runs.c
    query = sa.select(runs.held, runs.gone).where(runs.connection == connection_id, *which).order_by(order).limit(1)
    row = (await read.execute(query)).first()
    return SyncRun(held=row.held, gone=row.gone) if row else None
