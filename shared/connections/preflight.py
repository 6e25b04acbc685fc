"""What a look before the first write found in a connection's tenant, one record of each connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert
from shared.storage.ids import ConnectionId


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """Of which generation and when it was looked, and what was found. `passed_at`: since when nothing is in the way."""

    generation: int
    at: datetime
    concerns: Sequence[Mapping[str, Any]]
    passed_at: datetime | None


async def find(database: Database, connection_id: ConnectionId) -> Preflight | None:
    """The last look; None before the first, and for a platform whose mail flow has no model."""
    table = db.preflights
    columns = (table.c.generation, table.c.at, table.c.concerns, table.c.passed_at)
    async with database.read() as read:
        row = (await read.execute(sa.select(*columns).where(table.c.connection == connection_id))).first()
    return Preflight(**row._mapping) if row else None


async def keep(write: AsyncConnection, connection_id: ConnectionId, look: Preflight) -> None:
    """Keep it in place of the one before."""
    await write.execute(upsert(write, db.preflights).values(connection=connection_id, **vars(look)))


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Delete it, inside the caller's transaction."""
    await write.execute(sa.delete(db.preflights).where(db.preflights.c.connection == connection_id))
