"""Our copy of a tenant's users, groups, members and domains, written page by page.

A sync marks what it has seen. Only at its end, when the listing is known to be complete, is anything deleted, in
the same transaction that keeps the new checkpoint; and a loss that is not plausible is refused.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import database as db
from shared.connections import new_id
from shared.database import Database
from shared.errors import Permanent

# A handful of rows may go at once without anybody being alarmed.
SMALL = 10
GONE = "gone "
COPIES: dict[str, sa.Table] = {"users": db.users, "groups": db.groups, "members": db.members}
IDENTITY = {"users": ("id",), "groups": ("id",), "members": ("group_id", "member_id")}


class Copy:
    """One sync's hold on a connection's copy."""

    def __init__(self, database: Database, connection: str) -> None:
        self._database, self._connection = database, connection
        self._mark = new_id()

    async def put(self, kind: str, rows: Sequence[dict[str, Any]], gone: Sequence[dict[str, Any]] = ()) -> None:
        """Write one page of `users`, `groups` or `members`: what is there, and the ids of what is said to be gone."""
        table, identity = COPIES[kind], IDENTITY[kind]
        async with self._database.write() as write:
            if rows:
                marked = [{"connection": self._connection, "mark": self._mark, **row} for row in rows]
                await write.execute(self._upsert(table), marked)
            if gone:
                where = [
                    table.c.connection == self._connection,
                    *(table.c[n] == sa.bindparam("of_" + n) for n in identity),
                ]
                leave = sa.update(table).where(*where).values(mark=GONE + self._mark)
                await write.execute(leave, [{"of_" + name: row[name] for name in identity} for row in gone])

    def _upsert(self, table: sa.Table) -> Any:
        insert: Any = (sqlite if self._database.engine.dialect.name == "sqlite" else postgresql).insert
        keys = [column.name for column in table.primary_key]
        statement = insert(table)
        new = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
        return statement.on_conflict_do_update(index_elements=keys, set_=new)

    async def settle(
        self, kinds: Sequence[str], *, complete: bool, links: dict[str, str], now: datetime, plausible: float
    ) -> dict[str, int]:
        """Delete what is gone and keep the checkpoints, all or nothing. Returns how many of each kind went.

        With `complete`, what this sync has not seen is gone; without, only what it was told of. Raises Permanent
        "implausible_loss" if more than the share `plausible` of a kind would go; the copy then stays as it was.
        """
        lost: dict[str, int] = {}
        async with self._database.write() as write:
            for kind in kinds:
                lost[kind] = await self._drop(write, kind, complete=complete, plausible=plausible)
            for kind, link in links.items():
                mine = sa.and_(db.checkpoints.c.connection == self._connection, db.checkpoints.c.kind == kind)
                await write.execute(sa.delete(db.checkpoints).where(mine))
                await write.execute(
                    sa.insert(db.checkpoints).values(connection=self._connection, kind=kind, link=link, at=now)
                )
        return lost

    async def _drop(self, write: AsyncConnection, kind: str, *, complete: bool, plausible: float) -> int:
        table = COPIES[kind]
        mine = table.c.connection == self._connection
        going = table.c.mark != self._mark if complete else table.c.mark == GONE + self._mark
        count = sa.select(sa.func.count()).select_from(table)
        total = (await write.execute(count.where(mine))).scalar_one()
        lost = int((await write.execute(count.where(mine, going))).scalar_one())
        # Nobody removes every user and stays a customer; an empty answer is a broken one.
        if lost > max(SMALL, plausible * total) or (kind == "users" and 1 < total == lost):
            raise Permanent(
                "implausible_loss",
                f"The directory answered with {total - lost} of {total} {kind}. Nothing was deleted. If it is true, "
                "sync again and accept the loss; if not, look for what the directory lost.",
            )
        await write.execute(sa.delete(table).where(mine, going))
        if kind == "groups":
            alive = sa.select(db.groups.c.id).where(db.groups.c.connection == self._connection)
            orphans = sa.and_(db.members.c.connection == self._connection, db.members.c.group_id.not_in(alive))
            await write.execute(sa.delete(db.members).where(orphans))
        return lost


async def checkpoint(database: Database, connection: str, kind: str) -> str | None:
    """Where the last sync of a kind ended, or None if there was none."""
    table = db.checkpoints
    async with database.read() as read:
        mine = (table.c.connection == connection, table.c.kind == kind)
        found: str | None = (await read.execute(sa.select(table.c.link).where(*mine))).scalar()
        return found


async def put_domains(database: Database, connection: str, rows: Sequence[dict[str, Any]]) -> None:
    """Replace the tenant's domains by a complete listing."""
    async with database.write() as write:
        await write.execute(sa.delete(db.domains).where(db.domains.c.connection == connection))
        if rows:
            await write.execute(sa.insert(db.domains), [{"connection": connection, **row} for row in rows])


async def domains(database: Database, connection: str) -> list[dict[str, Any]]:
    """The tenant's domains, by name."""
    table = db.domains
    async with database.read() as read:
        query = sa.select(table).where(table.c.connection == connection).order_by(table.c.name)
        return [dict(row) for row in (await read.execute(query)).mappings()]


async def skip(database: Database, connection: str, user: str, why: str) -> None:
    """Leave one user out until the directory says something new of them; the tenant stays healthy."""
    mine = sa.and_(db.users.c.connection == connection, db.users.c.id == user)
    async with database.write() as write:
        await write.execute(sa.update(db.users).where(mine).values(skipped=why))


async def count(database: Database, connection: str) -> dict[str, int]:
    """How many rows of each kind we hold."""
    async with database.read() as read:
        held = {}
        for table in (*COPIES.values(), db.domains):
            query = sa.select(sa.func.count()).select_from(table).where(table.c.connection == connection)
            held[table.name] = int((await read.execute(query)).scalar_one())
        return held


async def forget(database: Database, connection: str) -> None:
    """Delete a connection's copy, checkpoints included."""
    async with database.write() as write:
        for table in (*COPIES.values(), db.domains, db.checkpoints):
            await write.execute(sa.delete(table).where(table.c.connection == connection))
