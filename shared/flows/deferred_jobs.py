"""Jobs that found their connection busy: kept, one of each kind, until whoever has the connection gives it back.

However often a job is delivered meanwhile, it is done once afterwards; sent back to its queue instead, each delivery
would come again and again, and together they would stand in each other's way.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shared.storage import tables as db
from shared.storage.database import Database


@dataclass(frozen=True, kw_only=True)
class Postponed:
    """One job that waits; `mark` changes whenever it is postponed again."""

    connection: str
    job: str
    mark: str


async def postpone(database: Database, connection: str, job: str, now: datetime) -> bool:
    """Keep a job until the connection is given back; False if that has happened already, so nobody would take it up."""
    table, ours = db.postponed, db.connections
    busy = sa.select(ours.c.id).where(ours.c.id == connection, ours.c.lease.is_not(None), ours.c.lease_until > now)
    async with database.write() as write:
        # Locked, so that the lease is given back either before this or after it is written.
        if (await write.execute(busy.with_for_update())).first() is None:
            return False
        await write.execute(sa.delete(table).where(table.c.connection == connection, table.c.job == job))
        await write.execute(sa.insert(table).values(connection=connection, job=job, mark=secrets.token_hex(8)))
    return True


async def waiting(database: Database, connection: str) -> list[Postponed]:
    """What waits for one connection."""
    async with database.read() as read:
        rows = await read.execute(sa.select(db.postponed).where(db.postponed.c.connection == connection))
        return [Postponed(**row) for row in rows.mappings()]


async def stranded(database: Database, now: datetime) -> list[Postponed]:
    """What waits for connections that nobody has: its run died before it could say so."""
    table, ours = db.postponed, db.connections
    free = sa.or_(ours.c.lease.is_(None), ours.c.lease_until <= now)
    async with database.read() as read:
        rows = await read.execute(sa.select(table).join(ours, ours.c.id == table.c.connection).where(free))
        return [Postponed(**row) for row in rows.mappings()]


async def sent(database: Database, one: Postponed) -> None:
    """It is in its queue again; unless it has been postponed anew meanwhile, it need not be kept."""
    table = db.postponed
    async with database.write() as write:
        kept = table.c.connection == one.connection, table.c.job == one.job, table.c.mark == one.mark
        await write.execute(sa.delete(table).where(*kept))
