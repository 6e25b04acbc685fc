"""How a tenant's mail flow was before a grant and after each change since: sealed, and a bounded number."""

import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shared.deployment.sealing import Seal
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database
from shared.storage.ids import ConnectionId

# The first is kept however many follow: it is the tenant without us.
MAX_SNAPSHOTS = 50


@dataclass(frozen=True, kw_only=True)
class Taken:
    """When and why a snapshot was taken."""

    number: int
    at: datetime
    why: str


def _about(connection_id: ConnectionId, number: int) -> str:
    return f"snapshot {connection_id} {number}"


async def note(
    database: Database, seal: Seal, connection_id: ConnectionId, text: str, *, of: str, why: str, now: datetime
) -> None:
    """Keep a snapshot, unless nothing has changed since the last; `of` is what a change is seen by."""
    table, digest = db.snapshots, hashlib.sha256(of.encode()).hexdigest()
    newest = sa.select(table.c.number, table.c.digest).where(table.c.connection == connection_id)
    newest = newest.order_by(table.c.number.desc()).limit(1)
    async with database.read() as read:
        last = (await read.execute(newest)).first()
    if last is not None and last.digest == digest:
        return
    number = last.number + 1 if last else 1
    sealed = (await seal.box(connection_id)).seal_bytes(
        zlib.compress(text.encode()), about=_about(connection_id, number)
    )
    row = {"number": number, "at": now, "why": why, "digest": digest, "sealed": sealed}
    old = sa.and_(table.c.number > 1, table.c.number <= number - MAX_SNAPSHOTS + 1)
    async with database.write() as write:
        await write.execute(sa.insert(table).values(connection=connection_id, **row))
        await write.execute(sa.delete(table).where(table.c.connection == connection_id, old))


async def listed(database: Database, connection_id: ConnectionId) -> list[Taken]:
    """Every snapshot that is kept, the oldest first."""
    table = db.snapshots.c
    query = sa.select(table.number, table.at, table.why).where(table.connection == connection_id)
    async with database.read() as read:
        rows = await read.execute(query.order_by(table.number))
        return [Taken(number=row.number, at=row.at, why=row.why) for row in rows]


async def content(database: Database, seal: Seal, connection_id: ConnectionId, number: int) -> str | None:
    """A snapshot as the platform wrote it; None if it is not kept."""
    table = db.snapshots
    query = sa.select(table.c.sealed).where(table.c.connection == connection_id, table.c.number == number)
    async with database.read() as read:
        sealed = (await read.execute(query)).scalar()
    if sealed is None:
        return None
    box = await seal.box(connection_id)
    return zlib.decompress(box.unseal_bytes(sealed, about=_about(connection_id, number))).decode()


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Delete all of them, inside the caller's transaction."""
    await write.execute(sa.delete(db.snapshots).where(db.snapshots.c.connection == connection_id))
