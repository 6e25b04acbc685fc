"""Users, groups and domains of our copies of directories, for people who look for one."""

from collections.abc import Sequence
from typing import Any, Literal

import sqlalchemy as sa

from shared.connections.search import of_customers
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database
from shared.storage.ids import ConnectionId
from shared.storage.people import Person

Kind = Literal["users", "groups"]
# A database takes so many values in one query.
NAMES_PER_STATEMENT = 500
SHOWN = {
    "users": ("id", "name", "mail", "enabled", "kind", "receives", "skipped"),
    "groups": ("id", "name", "mail"),
}


async def page(
    database: Database, connection_id: ConnectionId, kind: Kind, text: str, *, after: tuple[str, str] | None, most: int
) -> tuple[list[Any], tuple[str, str] | None]:
    """Some of them by address and id, each with what is SHOWN of its kind (a group with its number of `members`).

    And where they end, if there are more, to go on `after` it.
    `text` is part of a name, an address or an id, in any letter case.
    """
    table = {"users": db.users, "groups": db.groups}[kind]
    address = sa.func.coalesce(table.c.mail, "")
    columns: list[sa.ColumnElement[Any]] = [table.c[name] for name in SHOWN[kind]]
    if kind == "groups":
        mine = sa.and_(db.members.c.connection == connection_id, db.members.c.group_id == table.c.id)
        columns.append(sa.select(sa.func.count()).where(mine).scalar_subquery().label("members"))
    query = sa.select(*columns).where(table.c.connection == connection_id)
    if text:
        parts = (table.c.name, table.c.mail, table.c.id)
        query = query.where(sa.or_(*(part.icontains(text, autoescape=True) for part in parts)))
    if after is not None:
        query = query.where(sa.or_(address > after[0], sa.and_(address == after[0], table.c.id > after[1])))
    async with database.read() as read:
        rows = (await read.execute(query.order_by(address, table.c.id).limit(most + 1))).mappings().all()
    found = [dict(row) for row in rows[:most]]
    last = (found[-1]["mail"] or "", found[-1]["id"]) if len(rows) > most else None
    return found, last


async def names(database: Database, connection_id: ConnectionId, kind: Kind, ids: Sequence[str]) -> dict[str, str]:
    """What some are called, by id: the name, else the address. One that is not in our copy is left out."""
    table = {"users": db.users, "groups": db.groups}[kind].c
    found: dict[str, str] = {}
    async with database.read() as read:
        for begin in range(0, len(ids), NAMES_PER_STATEMENT):
            some = (table.connection == connection_id, table.id.in_(ids[begin : begin + NAMES_PER_STATEMENT]))
            rows = await read.execute(sa.select(table.id, table.name, table.mail).where(*some))
            found |= {row.id: row.name or row.mail or row.id for row in rows}
    return found


async def domains(database: Database, text: str, customer: str | None, *, most: int) -> list[tuple[str, ConnectionId]]:
    """Domains with this in their name, each with its connection, by name; of one customer's connections, or of all."""
    table = db.domains.c
    mine = of_customers(table.connection, customer)
    query = sa.select(table.name, table.connection).where(table.name.icontains(text, autoescape=True), *mine)
    async with database.read() as read:
        rows = await read.execute(query.order_by(table.name, table.connection).limit(most))
        return [(row.name, row.connection) for row in rows]


async def with_user(read: AsyncConnection, person: Person) -> set[ConnectionId]:
    """The connections in whose copy a person is a user, by an address of theirs."""
    table = db.users.c
    maybe = sa.or_(person.perhaps_in(table.mail), person.perhaps_in(table.aliases))
    rows = await read.execute(sa.select(table.connection, table.mail, table.aliases).where(maybe))
    return {row.connection for row in rows if person.named_in([row.mail, row.aliases])}
