"""What is taken out of quarantine to be kept: parts that can each be fetched at once, sealed, for thirty days.

They outlive everything else that is stored of a connection, and then they are deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.connections.lease import Lease
from shared.deployment.sealing import Box, Sealed
from shared.engine import chain
from shared.engine.chain import Act, Entry
from shared.protection import quarantine
from shared.protection.quarantine import INSIDE, QuarantinedMessage
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database
from shared.storage.ids import ConnectionId

EXPORT_MAX_AGE = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part: how many messages are in it, and until when it is kept (None: others are still to come)."""

    part: int
    messages: int
    until: datetime | None


async def begin(database: Database, connection_id: ConnectionId) -> None:
    """Make room for a new export: the last one goes, and every message that waits is to be taken out again."""
    async with database.write() as write:
        await write.execute(sa.delete(db.exports).where(db.exports.c.connection == connection_id))
        await write.execute(
            sa.update(db.quarantine).where(db.quarantine.c.connection == connection_id).values(part=None)
        )


def _left(connection_id: ConnectionId) -> tuple[sa.ColumnElement[bool], ...]:
    table = db.quarantine
    return table.c.connection == connection_id, table.c.state.in_(INSIDE), table.c.part.is_(None)


async def left(database: Database, box: Box, connection_id: ConnectionId, most: int) -> list[QuarantinedMessage]:
    """Some messages that wait and are in no part yet, oldest first."""
    return await quarantine.some(database, box, _left(connection_id), most)


async def is_complete(database: Database, connection_id: ConnectionId) -> bool:
    """Whether every message that waits is in a part, and no part is open."""
    table = db.exports
    unfinished = sa.select(sa.literal(1)).where(table.c.connection == connection_id, table.c.until.is_(None))
    waiting = sa.select(sa.literal(1)).select_from(db.quarantine).where(*_left(connection_id))
    async with database.read() as read:
        return (await read.execute(sa.union_all(unfinished, waiting).limit(1))).first() is None


async def keep(
    database: Database, box: Box, lease: Lease, content: bytes, items: Sequence[QuarantinedMessage], now: datetime
) -> None:
    """Keep one part with some messages. Raises Superseded if the run lost its lease."""
    table, mine = db.exports, db.quarantine.c.connection == lease.connection_id
    async with database.write() as write:
        last = sa.select(sa.func.coalesce(sa.func.max(table.c.part), 0)).where(
            table.c.connection == lease.connection_id
        )
        number = (await write.execute(last)).scalar_one() + 1
        sealed = box.seal_bytes(content, about=_about(number))
        row = {
            "connection": lease.connection_id,
            "part": number,
            "sealed": sealed,
            "messages": len(items),
            "made_at": now,
        }
        await write.execute(sa.insert(table).values(row))
        theirs = db.quarantine.c.number.in_([item.number for item in items])
        await write.execute(sa.update(db.quarantine).where(mine, theirs).values(part=number))


async def finish(database: Database, lease: Lease, now: datetime) -> None:
    """Close an export: it can be fetched from now on, and the ledger says how many messages are in it."""
    table = db.exports
    mine = table.c.connection == lease.connection_id
    async with database.write() as write:
        total = (await write.execute(sa.select(sa.func.sum(table.c.messages)).where(mine))).scalar_one()
        await write.execute(sa.update(table).where(mine).values(until=now + EXPORT_MAX_AGE))
        note = f"exported from quarantine: {total}, kept until {now + EXPORT_MAX_AGE:%Y-%m-%d}"
        entry = Entry(key="quarantine", act=Act.REMARK, note=note)
        await chain.append(write, lease.connection_id, lease.generation, now, entry)


async def parts(database: Database, connection_id: ConnectionId) -> list[Part]:
    """What there is of an export, in order."""
    table = db.exports
    query = sa.select(table.c.part, table.c.messages, table.c.until).where(table.c.connection == connection_id)
    async with database.read() as read:
        return [Part(**row) for row in (await read.execute(query.order_by(table.c.part))).mappings()]


async def content(database: Database, box: Box, connection_id: ConnectionId, part: int) -> bytes:
    """What is in a part."""
    table = db.exports
    query = sa.select(table.c.sealed).where(table.c.connection == connection_id, table.c.part == part)
    async with database.read() as read:
        return box.unseal_bytes((await read.execute(query)).scalar_one(), about=_about(part))


async def forget_old(write: AsyncConnection, now: datetime) -> None:
    """Delete what was kept long enough, inside the caller's transaction; what was never finished as well."""
    table = db.exports
    old = sa.or_(table.c.until <= now, sa.and_(table.c.until.is_(None), table.c.made_at <= now - EXPORT_MAX_AGE))
    await write.execute(sa.delete(table).where(old))


def _about(part: int) -> str:
    return f"export {part}"


SEALED = Sealed(table=db.exports, about=lambda row: _about(row.part))
