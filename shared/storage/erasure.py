"""Erases every row of one connection, from whatever tables there are, so that a new table is never forgotten."""

import sqlalchemy as sa

from shared.storage.database import AsyncConnection
from shared.storage.ids import ConnectionId
from shared.storage.tables import metadata

# The columns that name a connection without referring to it.
BESIDE = {"links": "connection", "data_keys": "scope"}


async def erase(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Delete all rows of a connection and the connection itself, inside the caller's transaction."""
    for table in reversed(metadata.sorted_tables):
        name = next((c.name for key in table.foreign_keys for c in [key.parent]), BESIDE.get(table.name))
        if name is not None:
            mine = table.c[name] == connection_id
            if table.name in BESIDE:
                # A scope of a connection may be named by more than its id.
                mine = mine | table.c[name].startswith(f"{connection_id}/", autoescape=True)
            await write.execute(sa.delete(table).where(mine))
    connections = metadata.tables["connections"]
    await write.execute(sa.delete(connections).where(connections.c.id == connection_id))
