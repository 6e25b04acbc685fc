"""How a tenant's mail flow should be: as when it last did no harm. Sealed, for it holds secrets of the tenant."""

import zlib
from datetime import datetime

import sqlalchemy as sa

from shared.deployment.sealing import Seal, Sealed
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert
from shared.storage.ids import ConnectionId


def _about(connection_id: ConnectionId) -> str:
    return f"baseline {connection_id}"


SEALED = Sealed(table=db.baselines, about=lambda row: _about(row.connection))


async def find(database: Database, seal: Seal, connection_id: ConnectionId) -> str | None:
    """What was kept, as the platform wrote it; None if nothing was."""
    table = db.baselines
    async with database.read() as read:
        row = (await read.execute(sa.select(table.c.sealed).where(table.c.connection == connection_id))).first()
    if row is None:
        return None
    box = await seal.box(connection_id)
    return zlib.decompress(box.unseal_bytes(row.sealed, about=_about(connection_id))).decode()


async def keep(database: Database, seal: Seal, connection_id: ConnectionId, text: str, now: datetime) -> None:
    """Keep it in place of what was kept before."""
    box = await seal.box(connection_id)
    sealed = box.seal_bytes(zlib.compress(text.encode()), about=_about(connection_id))
    async with database.write() as write:
        await write.execute(upsert(write, db.baselines).values(connection=connection_id, sealed=sealed, at=now))


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Delete it, inside the caller's transaction."""
    await write.execute(sa.delete(db.baselines).where(db.baselines.c.connection == connection_id))
