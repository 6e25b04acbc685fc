"""The ledger of the whole deployment in order of time: for programs that gather what happened, and for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shared.connections.search import Wanted, ids, of_customer, of_customers
from shared.engine.chain import UNREADABLE, Act, LedgerEntry, Unreadable, entry_of
from shared.storage import database
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database

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
    return await _entries(database, query)


@dataclass(frozen=True, kw_only=True)
class Sought:
    """Which entries people look for; what is None does not matter. `connections` bounds what may be seen."""

    connections: Wanted
    act: str | None = None
    actor: str | None = None
    """Part of the name of who acted."""
    since: datetime | None = None
    until: datetime | None = None


async def newest(database: Database, sought: Sought, before: FeedPlace | None, *, most: int) -> list[LedgerEntry]:
    """Some entries before a place, the newest first. Raises Unreadable at an entry that cannot be read."""
    table = db.ledger.c
    place = sa.tuple_(table.at, table.connection, table.number)
    query = sa.select(db.ledger).order_by(*(one.desc() for one in place.clauses)).limit(most)
    if sought.connections.clauses():
        query = query.where(table.connection.in_(ids(sought.connections)))
    if sought.act is not None:
        query = query.where(table.act == sought.act)
    if sought.actor is not None:
        # What the service did itself bears no name, and is most of a ledger: the index leaves it out.
        query = query.where(table.actor.is_not(None), table.actor.icontains(sought.actor, autoescape=True))
    if sought.since is not None:
        query = query.where(table.at >= sought.since)
    if sought.until is not None:
        query = query.where(table.at < sought.until)
    if before is not None:
        query = query.where(place < sa.tuple_(sa.literal(before.at, table.at.type), before.connection, before.number))
    return await _entries(database, query)


async def per_step(
    read: AsyncConnection,
    customer: str | None,
    begin: datetime,
    ends: Sequence[datetime],
    *,
    act: Act | None = None,
    state: str | None = None,
) -> list[int]:
    """How many entries of an act or a state there are in each step of time, of one customer's ledgers or of all."""
    table = db.ledger.c
    # Written out, for an index of some rows only serves a statement that names which.
    said = [
        column == sa.literal(str(value), literal_execute=True)
        for column, value in ((table.act, act), (table.state, state))
        if value is not None
    ]
    return await database.per_step(read, table.at, begin, ends, *said, *of_customers(table.connection, customer))


async def _entries(database: Database, query: sa.Select[Any]) -> list[LedgerEntry]:
    found = []
    async with database.read() as read:
        for row in (await read.execute(query)).mappings():
            try:
                found.append(entry_of(row))
            except UNREADABLE:
                raise Unreadable(row["number"]) from None
    return found
