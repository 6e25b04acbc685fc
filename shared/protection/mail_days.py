"""How many messages were inspected in mailboxes each day, and on how many something was done: a row a connection a day.

Each run adds its numbers at its end. One that dies loses them, and a message that is read again counts again: they are
for trends, and decide nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

import sqlalchemy as sa

from shared.connections.search import of_customers
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, insert_new
from shared.storage.ids import ConnectionId


@dataclass
class Tally:
    """What a run has counted so far."""

    scanned: int = 0
    acted: int = 0


async def add(database: Database, connection_id: ConnectionId, tally: Tally, now: datetime) -> None:
    """Add what a run has counted to its day, even if another run has the connection by now."""
    if not tally.scanned:
        return
    table = db.mail_days
    key = {"connection": connection_id, "day": datetime.combine(now.date(), time(), now.tzinfo)}
    mine = (table.c.connection == key["connection"], table.c.day == key["day"])
    more = {"scanned": table.c.scanned + tally.scanned, "acted": table.c.acted + tally.acted}
    async with database.record() as write:
        await write.execute(insert_new(write, table).values(**key, scanned=0, acted=0))
        await write.execute(sa.update(table).where(*mine).values(more))


async def per_day(read: AsyncConnection, customer: str | None, days: Sequence[datetime]) -> list[Tally]:
    """The sums of a customer's connections for each of some days of UTC; None: those of all customers."""
    table = db.mail_days.c
    which = (table.day >= days[0], table.day <= days[-1], *of_customers(table.connection, customer))
    sums = sa.select(table.day, sa.func.sum(table.scanned), sa.func.sum(table.acted)).where(*which).group_by(table.day)
    found = {day: Tally(int(scanned), int(acted)) for day, scanned, acted in await read.execute(sums)}
    return [found.get(day, Tally()) for day in days]


async def purge(write: AsyncConnection, before: datetime) -> None:
    """Delete the days before a time, of any connection, inside the caller's transaction."""
    await write.execute(sa.delete(db.mail_days).where(db.mail_days.c.day < before))
