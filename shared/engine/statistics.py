"""What the ledger says of a span of time, counted by the database."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shared.engine.chain import Act
from shared.storage import tables as db
from shared.storage.database import AsyncConnection
from shared.storage.ids import ConnectionId

# What puts a drift right, in one way or another.
MENDING = (str(Act.UPDATE), str(Act.FORGET), str(Act.ADOPT))
OVER = ("done", "noted")


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What others changed in our objects: found in a span, of that repaired by now, and standing now, by key."""

    found: int
    repaired: int
    standing: list[str]


def _within(connection_id: ConnectionId, begin: datetime, end: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    ledger = db.ledger.c
    return ledger.connection == connection_id, ledger.at >= begin, ledger.at < end


async def changes(read: AsyncConnection, connection_id: ConnectionId, begin: datetime, end: datetime) -> dict[str, int]:
    """How often each act was done in a span of time."""
    ledger = db.ledger.c
    mine = (*_within(connection_id, begin, end), ledger.state.in_(OVER))
    query = sa.select(ledger.act, sa.func.count()).where(*mine).group_by(ledger.act)
    return {row[0]: row[1] for row in await read.execute(query)}


async def drift(
    read: AsyncConnection, connection_id: ConnectionId, begin: datetime, end: datetime, *, most: int
) -> Drift:
    """The drift of a span of time, with at most so many keys of what is standing."""
    ledger, later, holdings = db.ledger, db.ledger.alias(), db.holdings
    found = (*_within(connection_id, begin, end), ledger.c.act == str(Act.DRIFT))
    mended = sa.exists().where(
        later.c.connection == connection_id,
        later.c.key == ledger.c.key,
        later.c.number > ledger.c.number,
        later.c.act.in_(MENDING),
        later.c.state.in_(OVER),
    )
    number = sa.select(sa.func.count()).select_from(ledger).where(*found)
    drifted = (holdings.c.connection == connection_id, holdings.c.drift.is_not(sa.null()))
    standing = sa.select(holdings.c.key).where(*drifted).order_by(holdings.c.key).limit(most)
    return Drift(
        found=(await read.execute(number)).scalar_one(),
        repaired=(await read.execute(number.where(mended))).scalar_one(),
        standing=list((await read.execute(standing)).scalars()),
    )
