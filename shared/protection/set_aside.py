"""Single items that are refused or cannot be read: each is noted by name and tried again, and the tenant goes on."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert
from shared.storage.ids import ConnectionId

Kind = Literal["mailbox", "label", "group", "message", "entry", "member"]
# The pause after the first failure; each further one doubles it.
FIRST_PAUSE = timedelta(minutes=5)
MAX_PAUSE = timedelta(hours=20)
MAX_REASON_CHARS = 300


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """One item, how often it has failed without a success in between, since when, and when it is tried again."""

    kind: str
    item: str
    name: str
    why: str
    times: int
    since: datetime
    not_before: datetime


async def note(
    database: Database, connection_id: ConnectionId, kind: Kind, item: str, name: str, why: str, now: datetime
) -> datetime:
    """Note that an item failed, and return when it is to be tried again. `name` is the display name."""
    table = db.set_aside
    async with database.write() as write:
        row = (await write.execute(sa.select(table).where(*_row(connection_id, kind, [item])))).first()
        times, since = (row.times + 1, row.since) if row else (1, now)
        again: datetime = now + min(FIRST_PAUSE * 2 ** min(times - 1, 10), MAX_PAUSE)
        values = {"name": name, "why": why[:MAX_REASON_CHARS], "times": times, "since": since, "not_before": again}
        await write.execute(upsert(write, table).values(connection=connection_id, kind=kind, item=item, **values))
    return again


async def clear(
    database: Database, connection_id: ConnectionId, kind: Kind, items: Collection[str] | None = None
) -> None:
    """Forget items of a kind that do well again, or all of them. Writes nothing where there is nothing to forget."""
    table = db.set_aside
    mine = _row(connection_id, kind, items) if items is not None else _row(connection_id, kind, ())[:2]
    async with database.read() as read:
        if (await read.execute(sa.select(table.c.item).where(*mine).limit(1))).first() is None:
            return
    async with database.write() as write:
        await write.execute(sa.delete(table).where(*mine))


async def listed(database: Database, connection_id: ConnectionId, kind: Kind | None = None) -> list[SetAside]:
    """What is set aside, the longest first; of one kind, or all."""
    table = db.set_aside
    query = sa.select(table).where(table.c.connection == connection_id).order_by(table.c.since, table.c.name)
    async with database.read() as read:
        rows = await read.execute(query.where(table.c.kind == kind) if kind else query)
        return [_set_aside(row) for row in rows]


async def due(database: Database, connection_id: ConnectionId, now: datetime) -> list[SetAside]:
    """What is to be tried again now."""
    return [one for one in await listed(database, connection_id) if one.not_before <= now]


def with_due(some: Collection[ConnectionId], now: datetime) -> sa.Select[ConnectionId]:
    """The ids of those of some connections that have anything to be tried again now, for use inside another query."""
    table = db.set_aside.c
    return sa.select(table.connection).where(table.connection.in_(some), table.not_before <= now)


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Forget every item of a connection, inside the caller's transaction."""
    await write.execute(sa.delete(db.set_aside).where(db.set_aside.c.connection == connection_id))


def _row(connection_id: ConnectionId, kind: Kind, items: Collection[str]) -> tuple[sa.ColumnElement[bool], ...]:
    table = db.set_aside.c
    return table.connection == connection_id, table.kind == kind, table.item.in_(items)


def _set_aside(row: Any) -> SetAside:
    values = dict(row._mapping)
    del values["connection"]
    return SetAside(**values)
