"""Since when each cause of a wait lasts: only its own end ends it, whatever other causes come in between."""

from datetime import datetime

import sqlalchemy as sa

from shared.connections.record import Connection, hold, update
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database
from shared.storage.ids import ConnectionId


async def since(database: Database, connection_id: ConnectionId, cause: str, now: datetime) -> datetime:
    """Since when a cause has lasted without an end: from now on, if it is new."""
    async with database.write() as write:
        known = await _held(write, connection_id)
        began = known.get(cause)
        if began is None:
            await update(write, connection_id, clocks=known | {cause: now.isoformat()})
    return datetime.fromisoformat(began) if began else now


async def ended(database: Database, connection: Connection, cause: str) -> None:
    """Note that a cause is over. Costs nothing where the run that asks began without it."""
    if cause not in connection.clocks:
        return
    async with database.write() as write:
        known = await _held(write, connection.id)
        await update(write, connection.id, clocks={name: at for name, at in known.items() if name != cause})


async def _held(write: AsyncConnection, connection_id: ConnectionId) -> dict[str, str]:
    await hold(write, connection_id)
    found = await write.execute(sa.select(db.connections.c.clocks).where(db.connections.c.id == connection_id))
    return dict(found.scalar_one())
