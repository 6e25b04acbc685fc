"""What the drift of several connections does to their mail, as their ledgers hold it."""

from collections.abc import Sequence

import sqlalchemy as sa

from shared.engine.effects import WORST_FIRST, Effect
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId

# A database takes so many values in one query.
CONNECTIONS_PER_STATEMENT = 500


async def worst(database: Database, connections: Sequence[ConnectionId]) -> dict[ConnectionId, Effect]:
    """The worst effect on mail of each of these connections' drift; one whose drift has no effect is left out."""
    held, found = db.holdings.c, dict[ConnectionId, Effect]()
    async with database.read() as read:
        for begin in range(0, len(connections), CONNECTIONS_PER_STATEMENT):
            some = held.connection.in_(connections[begin : begin + CONNECTIONS_PER_STATEMENT])
            for row in await read.execute(sa.select(held.connection, held.drift).where(some, held.drift.is_not(None))):
                effects = [Effect(one) for one in row.drift.get("effect", ())]
                known = [found[row.connection]] if row.connection in found else []
                if effects or known:
                    found[row.connection] = min([*effects, *known], key=WORST_FIRST.index)
    return found
