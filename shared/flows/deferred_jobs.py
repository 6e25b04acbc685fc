"""Jobs that found their connection busy: kept, one of each kind, until the run that holds the lease releases it.

However often a job is delivered meanwhile, it is done once afterwards; sent back to its queue instead, each delivery
would come again and again, and together they would stand in each other's way.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.connections import due, lease
from shared.deployment.queues import Job
from shared.flows.app import App
from shared.foundation.schedule import Site
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId


@dataclass(frozen=True, kw_only=True)
class DeferredJob:
    """One job that waits; `mark` changes whenever it is deferred again."""

    connection_id: ConnectionId
    job: str
    mark: str


async def defer(database: Database, connection_id: ConnectionId, job: str, now: datetime) -> bool:
    """Keep a job until the connection is given back; False if that has happened already, so nobody would take it up."""
    table = db.deferred_jobs
    async with database.write() as write:
        # This locks the connection, so that the lease is given back either before this or after it is written.
        if not await lease.is_held(write, connection_id, now):
            return False
        await write.execute(sa.delete(table).where(table.c.connection == connection_id, table.c.job == job))
        await write.execute(sa.insert(table).values(connection=connection_id, job=job, mark=secrets.token_hex(8)))
    return True


async def waiting(database: Database, *some: ConnectionId) -> list[DeferredJob]:
    """The deferred jobs of some connections."""
    async with database.read() as read:
        rows = await read.execute(sa.select(db.deferred_jobs).where(db.deferred_jobs.c.connection.in_(some)))
        return [_of_row(row) for row in rows]


async def go_on(app: App, waiting: Iterable[DeferredJob]) -> None:
    """Send what found the connection busy. Sent before it is forgotten: twice does no harm."""
    for one in waiting:
        await app.queue.send(Job(name=one.job, connection_id=one.connection_id), app.clock.now())
        await sent(app.database, one)


async def stranded(database: Database, sites: Sequence[Site], now: datetime) -> list[DeferredJob]:
    """The deferred jobs of connections of some sites whose lease nobody holds: a run died before it sent them."""
    table = db.deferred_jobs
    async with database.read() as read:
        free, here = lease.not_held(now), due.at_sites(sites)
        rows = await read.execute(sa.select(table).where(table.c.connection.in_(free), table.c.connection.in_(here)))
        return [_of_row(row) for row in rows]


def _of_row(row: sa.Row[Any]) -> DeferredJob:
    return DeferredJob(connection_id=row.connection, job=row.job, mark=row.mark)


async def sent(database: Database, one: DeferredJob) -> None:
    """It is in its queue again; unless it has been deferred again meanwhile, it need not be kept."""
    table = db.deferred_jobs
    async with database.write() as write:
        kept = table.c.connection == one.connection_id, table.c.job == one.job, table.c.mark == one.mark
        await write.execute(sa.delete(table).where(*kept))
