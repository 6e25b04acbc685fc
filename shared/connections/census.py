"""Connections in numbers, for metrics: how many stand where, what they need, and how old their copies are."""

from datetime import datetime

import sqlalchemy as sa

from shared.connections.record import Connection, Status, of_row
from shared.connections.stages import Stage
from shared.storage import tables as db
from shared.storage.database import Database

# The reason of a connection whose jobs end in a mistake of ours.
INTERNAL_ERROR = "internal_error"


async def count(database: Database) -> dict[tuple[str, int, str], int]:
    """How many there are, by platform, stage and status."""
    table = db.connections.c
    by = (table.platform, table.stage, table.status)
    async with database.read() as read:
        rows = await read.execute(sa.select(*by, sa.func.count()).group_by(*by))
        return {(platform, stage, status): number for platform, stage, status, number in rows}


async def reasons(database: Database, status: Status) -> dict[str, int]:
    """How many have a status, by the reason for it."""
    table = db.connections.c
    query = sa.select(table.reason, sa.func.count()).where(table.status == str(status), table.reason.is_not(None))
    async with database.read() as read:
        return {str(reason): number for reason, number in await read.execute(query.group_by(table.reason))}


async def failing(database: Database) -> int:
    """How many have jobs that end in an internal error."""
    query = sa.select(sa.func.count()).where(db.connections.c.reason == INTERNAL_ERROR)
    async with database.read() as read:
        return int((await read.execute(query)).scalar_one())


async def oldest_sync(database: Database) -> dict[str, datetime]:
    """The oldest last synchronisation of a running connection, by site; never counts from its stage."""
    table = db.connections.c
    last = sa.func.min(sa.func.coalesce(table.synced_at, table.stage_since, type_=table.synced_at.type))
    query = sa.select(table.site, last).where(table.stage == int(Stage.RUN)).group_by(table.site)
    async with database.read() as read:
        return {str(site): at for site, at in await read.execute(query)}


async def closed(database: Database, before: datetime) -> list[Connection]:
    """The connections that were closed before a time."""
    table = db.connections
    query = sa.select(table).where(table.c.stage == int(Stage.CLOSED), table.c.stage_since < before)
    async with database.read() as read:
        return [of_row(row) for row in await read.execute(query)]
