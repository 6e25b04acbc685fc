"""How the last days went, in numbers that are kept already: counted by the database, a day at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time

import sqlalchemy as sa

from shared.connections.search import of_customer
from shared.engine.chain import Act
from shared.foundation.schedule import DAY
from shared.protection.decisions import UNINSPECTED, WOULD
from shared.storage import tables as db
from shared.storage.database import Database, step

DAYS = 30
Clauses = tuple[sa.ColumnElement[bool], ...]
# Each trend with the table whose rows are counted, and which of them.
_COUNTED: Mapping[str, tuple[sa.Table, Clauses]] = {
    "Syncs": (db.sync_runs, ()),
    "Messages acted on": (
        db.decisions,
        (
            db.decisions.c.done.is_(True),
            db.decisions.c.action != UNINSPECTED,
            db.decisions.c.action.not_like(f"{WOULD}%"),
        ),
    ),
    "Drift found": (db.ledger, (db.ledger.c.act == str(Act.DRIFT),)),
    "Failed changes": (db.ledger, (db.ledger.c.state == "failed",)),
}


@dataclass(frozen=True, kw_only=True)
class Trend:
    """A number for each of the last days, the oldest first; the last one is today, as far as it has come."""

    title: str
    days: Sequence[datetime]
    numbers: Sequence[int]


async def trends(database: Database, customer: str | None, now: datetime) -> list[Trend]:
    """The trends of the connections that are this customer's; None: of all. Days are those of UTC."""
    today = datetime.combine(now.date(), time(), now.tzinfo)
    days = [today - DAY * back for back in reversed(range(DAYS))]
    ends = [day + DAY for day in days]
    found = []
    async with database.read() as read:
        for title, (table, which) in _COUNTED.items():
            clauses = [table.c.at >= days[0], table.c.at < ends[-1], *which]
            if customer is not None:
                clauses.append(table.c.connection.in_(of_customer(customer)))
            counted = sa.select(step(table.c.at, ends), sa.func.count()).where(*clauses).group_by("step")
            by_day = {row[0]: row[1] for row in await read.execute(counted)}
            numbers = [by_day.get(place, 0) for place in range(DAYS)]
            found.append(Trend(title=title, days=days, numbers=numbers))
    return found
