"""Jobs that were sent and have not begun: one of each kind for a connection, so that nobody sends it once more.

A message is lost when it has not begun an hour after its time; the next sweep sends another one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.connections import due
from shared.foundation.schedule import Site
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert
from shared.storage.ids import ConnectionId

# Longer than a queue is behind on the busiest night.
LOST_AFTER = timedelta(hours=1)
Sent = tuple[ConnectionId, str, datetime]
"""(connection, job, when it is to begin)."""


async def claim(database: Database, jobs: Sequence[Sent], now: datetime) -> list[Sent]:
    """Those of some jobs that are not on their way, of which this caller alone is told to send them."""
    table = db.expected_jobs
    rows = [{"connection": connection, "job": job, "at": at} for connection, job, at in jobs]
    if not rows:
        return []
    async with database.write() as write:
        statement = upsert(write, table, where=table.c.at <= now - LOST_AFTER)
        found = await write.execute(statement.returning(table.c.connection, table.c.job, table.c.at), rows)
        return [(row.connection, row.job, row.at) for row in found]


async def expect(write: AsyncConnection, connection_id: ConnectionId, job: str, now: datetime) -> None:
    """Note a job that is to be sent, in the transaction that makes it due: if the sending is lost, it is sent later."""
    row = {"connection": connection_id, "job": job, "at": now}
    await write.execute(upsert(write, db.expected_jobs).values(row))


async def begun(database: Database, connection_id: ConnectionId, job: str) -> None:
    """A job has come. Writes nothing if it was not expected."""
    table = db.expected_jobs
    mine = (table.c.connection == connection_id, table.c.job == job)
    async with database.read() as read:
        if (await read.execute(sa.select(table.c.at).where(*mine))).first() is None:
            return
    async with database.write() as write:
        await write.execute(sa.delete(table).where(*mine))


async def take(
    database: Database, job: str, sites: Sequence[Site], most: int, *, first: ConnectionId | None = None
) -> list[ConnectionId]:
    """Some connections of some sites for which a job is expected, the earliest first: the caller runs it at once.

    `first` comes before them all, if it is expected, wherever it is.

    It is expected no more. A caller who dies on the way leaves it to the next time it is due.
    """
    table = db.expected_jobs
    here = table.c.connection.in_(due.at_sites(sites))
    chosen = table.c.connection == first if first else sa.false()
    some = sa.select(table.c.connection).where(table.c.job == job, sa.or_(chosen, here))
    some = some.order_by(sa.case((chosen, 0), else_=1), table.c.at).limit(most)
    async with database.write() as write:
        found = list((await write.execute(some.with_for_update(skip_locked=True, of=table))).scalars())
        if found:
            await write.execute(sa.delete(table).where(table.c.job == job, table.c.connection.in_(found)))
    return found


async def oldest(database: Database, sites: Sequence[Site]) -> datetime | None:
    """When the job was due that was expected first, of the connections of some sites; None if none is expected."""
    table = db.expected_jobs
    query = sa.select(sa.func.min(table.c.at)).where(table.c.connection.in_(due.at_sites(sites)))
    async with database.read() as read:
        found: datetime | None = (await read.execute(query)).scalar()
        return found


async def lost(database: Database, sites: Sequence[Site], now: datetime) -> list[tuple[ConnectionId, str]]:
    """The jobs of the connections of some sites that were expected to begin long ago."""
    table = db.expected_jobs
    query = sa.select(table.c.connection, table.c.job).where(
        table.c.at <= now - LOST_AFTER, table.c.connection.in_(due.at_sites(sites))
    )
    async with database.read() as read:
        return [(row.connection, row.job) for row in await read.execute(query)]
