"""The ledger of the whole deployment in order of time, for programs that gather what happened everywhere."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.connections.search import of_customer
from shared.engine.chain import UNREADABLE, LedgerEntry, Unreadable, entry_of
from shared.storage import tables as db
from shared.storage.database import Database

# An entry bears the time before its transaction, and machines' clocks differ: what is younger may still come later
# than its neighbours, and a reader that had passed would never see it.
SETTLED = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class FeedPlace:
    """Behind which entry to go on."""

    at: datetime
    connection: str
    number: int


async def page(
    database: Database, after: FeedPlace | None, *, now: datetime, most: int, customer: str | None
) -> list[LedgerEntry]:
    """Some entries behind a place, the oldest first, of one customer's connections or of all.

    What is younger than SETTLED is left for later. Raises Unreadable at an entry that cannot be read.
    """
    table = db.ledger.c
    place = sa.tuple_(table.at, table.connection, table.number)
    query = sa.select(db.ledger).where(table.at <= now - SETTLED).order_by(*place.clauses).limit(most)
    if after is not None:
        query = query.where(place > sa.tuple_(sa.literal(after.at, table.at.type), after.connection, after.number))
    if customer is not None:
        query = query.where(table.connection.in_(of_customer(customer)))
    found = []
    async with database.read() as read:
        for row in (await read.execute(query)).mappings():
            try:
                found.append(entry_of(row))
            except UNREADABLE:
                raise Unreadable(row["number"]) from None
    return found
