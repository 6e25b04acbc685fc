"""What others have changed in all tenants, for those who count."""

from collections.abc import Sequence

import sqlalchemy as sa

from shared.engine.concerns import UNTOLD
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId


async def drifted(database: Database) -> list[tuple[ConnectionId, str, Sequence[str]]]:
    """Every object that others have changed: its connection, its key, and its effects on mail, none if it is harmless.

    Where no model can tell, the effect is unknown.
    """
    table = db.holdings.c
    query = sa.select(table.connection, table.key, table.drift).where(table.drift.is_not(None))
    async with database.read() as read:
        rows = await read.execute(query)
        return [(ConnectionId(row.connection), row.key, row.drift.get("effect", [UNTOLD])) for row in rows]
