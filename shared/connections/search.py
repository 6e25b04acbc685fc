"""Connections by what is looked for, a page at a time: behind a place for programs, by number for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import accumulate
from operator import sub
from typing import Any

import sqlalchemy as sa

from shared.connections.record import Connection, of_row
from shared.connections.stages import Stage
from shared.connections.status import URGENCY, Status, column
from shared.foundation.schedule import Site
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, per_step
from shared.storage.ids import ConnectionId

_TABLE = db.connections.c
# A database takes so many values in one query.
CONNECTIONS_PER_STATEMENT = 500


class Order(StrEnum):
    """What comes first: what is most urgent, or what was created last. Only the second never changes while reading."""

    NEEDS = "needs"
    NEWEST = "newest"


# The columns by which people sort, as the list shows them.
SORTS: Mapping[str, sa.ColumnElement[Any]] = {
    "status": sa.case(URGENCY, value=column(), else_=len(URGENCY)),
    "name": sa.func.lower(_TABLE.name),
    "customer": sa.func.lower(_TABLE.customer),
    "platform": _TABLE.platform,
    "site": _TABLE.site,
    "since": sa.func.coalesce(_TABLE.reason_since, _TABLE.stage_since),
    "synced": _TABLE.synced_at,
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is looked for; what is None does not matter. `text` is part of a name, a tenant or an id.

    `customer` bounds what may be seen at all, and `named` is one of those customers.
    """

    customer: str | None = None
    named: str | None = None
    stage: Stage | None = None
    platform: str | None = None
    site: Site | None = None
    status: Status | None = None
    reason: str | None = None
    text: str | None = None
    archived: bool | None = None
    """Only closed connections, or only those that are not."""

    def clauses(self) -> list[sa.ColumnElement[bool]]:
        """The same in the database's words."""
        named = {
            _TABLE.customer: self.customer,
            _TABLE.stage: None if self.stage is None else int(self.stage),
            _TABLE.platform: self.platform,
            _TABLE.site: self.site and str(self.site),
            _TABLE.reason: self.reason,
        }
        found = [one == value for one, value in named.items() if value is not None]
        if self.named is not None:
            found.append(_TABLE.customer == self.named)
        if self.status is not None:
            found.append(column() == str(self.status))
        if self.archived is not None:
            closed = _TABLE.stage == int(Stage.CLOSED)
            found.append(closed if self.archived else ~closed)
        if self.text:
            parts = (_TABLE.name, _TABLE.customer, _TABLE.tenant, _TABLE.expected_tenant, _TABLE.id)
            found.append(sa.or_(*(part.icontains(self.text, autoescape=True) for part in parts)))
        return found


@dataclass(frozen=True)
class Place:
    """Where a page ended: at the connection with this id, which was made then and stood this badly."""

    rank: int
    made_at: datetime
    id: str = field(repr=False)


async def page(
    database: Database, wanted: Wanted, order: Order, *, after: Place | None, most: int
) -> tuple[list[Connection], Place | None]:
    """Some connections, and where they end if there are more."""
    rank = SORTS["status"] if order is Order.NEEDS else sa.literal(0)
    query = sa.select(db.connections, rank).where(*wanted.clauses())
    if after is not None:
        older = sa.or_(
            _TABLE.created_at < after.made_at, sa.and_(_TABLE.created_at == after.made_at, _TABLE.id > after.id)
        )
        query = query.where(sa.or_(rank > after.rank, sa.and_(rank == after.rank, older)))
    # In the order itself a number would mean a column.
    first = [rank] if order is Order.NEEDS else []
    async with database.read() as read:
        rows = (await read.execute(query.order_by(*first, _TABLE.created_at.desc(), _TABLE.id).limit(most + 1))).all()
    found = [of_row(row) for row in rows[:most]]
    if len(rows) <= most:
        return found, None
    last = rows[most - 1]
    return found, Place(last[-1], last.created_at, last.id)


async def numbered(
    database: Database, wanted: Wanted, *, sort: str, descending: bool, page: int, size: int
) -> list[Connection]:
    """The connections of the page of this number, which begins with 1, in the order of one of SORTS."""
    by = SORTS[sort]
    first = sa.nulls_last(by.desc() if descending else by.asc())
    query = sa.select(db.connections).where(*wanted.clauses())
    ordered = query.order_by(first, sa.func.lower(_TABLE.name), _TABLE.id).limit(size).offset((page - 1) * size)
    async with database.read() as read:
        return [of_row(row) for row in await read.execute(ordered)]


async def every(database: Database, wanted: Wanted, *, most: int) -> list[Connection]:
    """All that is found, the most urgent first, up to `most`."""
    query = sa.select(db.connections).where(*wanted.clauses())
    async with database.read() as read:
        rows = await read.execute(query.order_by(SORTS["status"], _TABLE.created_at, _TABLE.id).limit(most))
        return [of_row(row) for row in rows]


def of_customer(customer: str) -> sa.Select[ConnectionId]:
    """The ids of a customer's connections, to be used inside another query."""
    return sa.select(db.connections.c.id).where(db.connections.c.customer == customer)


def of_customers(connection: sa.Column[Any], customer: str | None) -> list[sa.ColumnElement[bool]]:
    """The clause that keeps a query about a column of ids to one customer's connections; none for all customers'."""
    return [] if customer is None else [connection.in_(of_customer(customer))]


def ids(wanted: Wanted) -> sa.Select[ConnectionId]:
    """The ids of the connections that are looked for, to be used inside another query."""
    return sa.select(db.connections.c.id).where(*wanted.clauses())


async def count(database: Database, wanted: Wanted) -> dict[str, Any]:
    """How many there are, by status, stage, platform, site and customer."""
    status = column().label("status")
    names = (status, _TABLE.stage, _TABLE.platform, _TABLE.site, _TABLE.customer)
    query = sa.select(*names, sa.func.count()).where(*wanted.clauses()).group_by(*names)
    async with database.read() as read:
        rows = (await read.execute(query)).all()
    return {
        "all": sum(row[-1] for row in rows),
        "status": {str(one): _sum(rows, 0, str(one)) for one in Status},
        "stage": {stage.name.lower(): _sum(rows, 1, int(stage)) for stage in Stage},
        **{name: _counted(rows, place) for place, name in ((2, "platform"), (3, "site"), (4, "customer"))},
    }


async def open_per_step(
    read: AsyncConnection, customer: str | None, begin: datetime, ends: Sequence[datetime]
) -> list[int]:
    """How many of a customer's connections were open at the end of each step of time; None: of all customers'."""
    mine = Wanted(customer=customer).clauses()
    over = (*mine, _TABLE.stage == int(Stage.CLOSED))
    made = await per_step(read, _TABLE.created_at, begin, ends, *mine)
    ended = await per_step(read, _TABLE.stage_since, begin, ends, *over)
    before = sa.select(
        sa.select(sa.func.count()).where(_TABLE.created_at < begin, *mine).scalar_subquery()
        - sa.select(sa.func.count()).where(_TABLE.stage_since < begin, *over).scalar_subquery()
    )
    already = int((await read.execute(before)).scalar_one())
    return [already + more for more in accumulate(map(sub, made, ended))]


def _sum(rows: Sequence[Any], place: int, value: Any) -> int:
    return sum(row[-1] for row in rows if row[place] == value)


def _counted(rows: Sequence[Any], place: int) -> dict[str, int]:
    found: Counter[str] = Counter()
    for row in rows:
        found[row[place]] += row[-1]
    return dict(sorted(found.items()))


async def names(database: Database, connections: Sequence[ConnectionId]) -> dict[ConnectionId, str]:
    """What some connections are called."""
    found: dict[ConnectionId, str] = {}
    async with database.read() as read:
        for begin in range(0, len(connections), CONNECTIONS_PER_STATEMENT):
            some = _TABLE.id.in_(connections[begin : begin + CONNECTIONS_PER_STATEMENT])
            found |= {row.id: row.name for row in await read.execute(sa.select(_TABLE.id, _TABLE.name).where(some))}
    return found
