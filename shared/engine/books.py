"""Our own books of what was done to some objects, as another log of the same is held against them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.engine.chain import Act
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId

# Before the id that an entry of a platform's own log has, in the key of what our books do not have.
UNKNOWN = "audit/"
# What an intent without an outcome may have done, it has done by then: a run takes no longer.
RUN_TAKES = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Intent:
    """From when until when we may have been changing an object."""

    act: Act
    begin: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Books:
    """What the ledgers of some connections say of objects of one kind: every identity, and when each was changed."""

    identities: frozenset[str]
    intents: Sequence[Intent]

    def open_at(self, moment: datetime, within: timedelta) -> list[Intent]:
        """What we may have been doing at a moment, by two clocks that differ by no more than `within`."""
        return [one for one in self.intents if one.begin - within <= moment <= one.end + within]


async def kept(database: Database, connections: Sequence[ConnectionId], prefix: str, since: datetime) -> Books:
    """The books of these connections about objects whose key begins so; intents that may have been open since then."""
    table = db.ledger.c
    mine = (table.connection.in_(connections), table.key.startswith(prefix))
    known = sa.select(table.identity).where(*mine, table.identity.is_not(None)).distinct()
    began = sa.select(table.connection, table.number, table.at, table.act).where(
        *mine, table.state == "intended", table.at >= since - RUN_TAKES
    )
    ended = sa.select(table.connection, table.intent, table.at).where(
        *mine, table.intent.is_not(None), table.at >= since - RUN_TAKES
    )
    async with database.read() as read:
        identities = frozenset((await read.execute(known)).scalars())
        intents = (await read.execute(began)).all()
        ends = {(row.connection, row.intent): row.at for row in await read.execute(ended)}
    return Books(
        identities=identities,
        intents=[
            Intent(
                act=Act(row.act),
                begin=row.at,
                end=ends.get((row.connection, row.number), row.at + RUN_TAKES),
            )
            for row in intents
        ],
    )


async def unknown(database: Database, connection_id: ConnectionId, generation: int) -> Mapping[str, str]:
    """What a platform's own log says that we did and our books do not have: a sentence for each, by its key."""
    table = db.ledger.c
    mine = (table.connection == connection_id, table.generation == generation, table.act == str(Act.MARKED))
    query = sa.select(table.key, table.note).where(*mine, table.key.startswith(UNKNOWN)).order_by(table.number)
    async with database.read() as read:
        return {row.key: str(row.note) for row in await read.execute(query)}
