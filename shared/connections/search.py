"""Connections by what is looked for, a page at a time."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from shared.connections.record import Connection, Status, of_row
from shared.connections.stages import Stage
from shared.foundation.schedule import Site
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId

WORST_FIRST = {str(status): rank for rank, status in enumerate((Status.ATTENTION, Status.WAITING, Status.OK))}


class Order(StrEnum):
    """What comes first: what needs a person, or what was made last. Only the second stays as it is while one reads."""

    NEEDS = "needs"
    NEWEST = "newest"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is looked for; what is None does not matter. `text` is part of a name, a tenant or an id."""

    customer: str | None = None
    stage: Stage | None = None
    platform: str | None = None
    site: Site | None = None
    status: Status | None = None
    text: str | None = None

    def clauses(self) -> list[sa.ColumnElement[bool]]:
        """The same in the database's words."""
        table = db.connections.c
        named = {
            table.customer: self.customer,
            table.stage: None if self.stage is None else int(self.stage),
            table.platform: self.platform,
            table.site: self.site and str(self.site),
            table.status: self.status and str(self.status),
        }
        found = [column == value for column, value in named.items() if value is not None]
        if self.text:
            parts = (table.name, table.tenant, table.expected_tenant, table.id)
            found.append(sa.or_(*(column.icontains(self.text, autoescape=True) for column in parts)))
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
    table = db.connections.c
    rank = sa.case(WORST_FIRST, value=table.status, else_=0) if order is Order.NEEDS else sa.literal(0)
    query = sa.select(db.connections).where(*wanted.clauses())
    if after is not None:
        older = sa.or_(
            table.created_at < after.made_at, sa.and_(table.created_at == after.made_at, table.id > after.id)
        )
        query = query.where(sa.or_(rank > after.rank, sa.and_(rank == after.rank, older)))
    # In the order itself a number would mean a column.
    first = [rank] if order is Order.NEEDS else []
    async with database.read() as read:
        rows = await read.execute(query.order_by(*first, table.created_at.desc(), table.id).limit(most + 1))
        found = [of_row(row) for row in rows]
    if len(found) <= most:
        return found, None
    last = found[most - 1]
    return found[:most], Place(WORST_FIRST[last.status] if order is Order.NEEDS else 0, last.created_at, last.id)


def of_customer(customer: str) -> sa.Select[ConnectionId]:
    """The ids of a customer's connections, to be used inside another query."""
    return sa.select(db.connections.c.id).where(db.connections.c.customer == customer)


async def count(database: Database, wanted: Wanted) -> dict[str, Any]:
    """How many there are, by status and by stage."""
    table = db.connections.c
    query = sa.select(table.status, table.stage, sa.func.count()).where(*wanted.clauses())
    async with database.read() as read:
        rows = (await read.execute(query.group_by(table.status, table.stage))).all()
    by_status = {str(status): sum(n for s, _, n in rows if s == status) for status in Status}
    by_stage = {stage.name.lower(): sum(n for _, s, n in rows if s == stage) for stage in Stage}
    return {"all": sum(n for *_, n in rows), "status": by_status, "stage": by_stage}
