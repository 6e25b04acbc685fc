"""Our copy of a tenant's users, groups, members and domains, written page by page.

A sync marks what it has seen. Only at its end, when the listing is known to be complete, is anything deleted, in
the same transaction that keeps the new checkpoint; and a loss that is not plausible is refused.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.connections.record import hold
from shared.foundation.errors import Permanent
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, insert_new, upsert
from shared.storage.ids import ConnectionId, new_id

# A handful of rows may go at once without anybody being alarmed.
SMALL = 10
GONE = "gone "
# A group's member that stands for every user of the tenant.
EVERY_USER = "*"
# Ids in one statement; databases take some thousands.
MAX_IDS_A_STATEMENT = 500
COPIES: dict[str, sa.Table] = {"users": db.users, "groups": db.groups, "members": db.members}
IDENTITY = {"users": ("id",), "groups": ("id",), "members": ("group_id", "member_id")}


class Copy:
    """One sync's hold on a connection's copy."""

    def __init__(self, database: Database, connection_id: ConnectionId) -> None:
        self._database, self._connection = database, connection_id
        self._mark = new_id()

    async def put(self, kind: str, rows: Sequence[dict[str, Any]], gone: Sequence[dict[str, Any]] = ()) -> None:
        """Write one page of `users`, `groups` or `members`: what is there, and the ids of what is said to be gone."""
        table, identity = COPIES[kind], IDENTITY[kind]
        async with self._database.write() as write:
            if rows:
                marked = [{"connection": self._connection, "mark": self._mark, **row} for row in rows]
                await write.execute(upsert(write, table), marked)
            if gone:
                where = [
                    table.c.connection == self._connection,
                    *(table.c[n] == sa.bindparam("of_" + n) for n in identity),
                ]
                leave = sa.update(table).where(*where).values(mark=GONE + self._mark)
                await write.execute(leave, [{"of_" + name: row[name] for name in identity} for row in gone])

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
            await _keep(write, self._connection, links, now)
        return lost

    async def _drop(self, write: AsyncConnection, kind: str, *, complete: bool, plausible: float) -> int:
        table = COPIES[kind]
        mine = table.c.connection == self._connection
        going = table.c.mark != self._mark if complete else table.c.mark == GONE + self._mark
        count = sa.select(sa.func.count()).select_from(table)
        total = (await write.execute(count.where(mine))).scalar_one()
        lost = int((await write.execute(count.where(mine, going))).scalar_one())
        refuse_loss(kind, lost, total, plausible)
        await write.execute(sa.delete(table).where(mine, going))
        await _note_gone(write, self._connection, kind, lost)
        return lost


class Comparison:
    """A complete listing held against our copy: only what differs is written, so an unchanged tenant writes nothing.

    It keeps one short digest for each row of a kind in memory, no row itself.
    """

    def __init__(self, database: Database, connection_id: ConnectionId, kind: str) -> None:
        self._database, self._connection, self._kind = database, connection_id, kind
        self._unseen: dict[str, str | None] = {}
        self._stored = 0

    async def load(self) -> None:
        """Read what is stored now."""
        table = COPIES[self._kind]
        query = sa.select(table.c.id, table.c.digest).where(table.c.connection == self._connection)
        async with self._database.read() as read:
            self._unseen = {row.id: row.digest for row in await read.execute(query)}
        self._stored = len(self._unseen)

    async def put(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        """Take one page of the listing; each row has its `digest`. Returns the ids of those that differed."""
        known = {row["id"]: self._unseen.pop(row["id"], None) for row in rows}
        changed = [row for row in rows if known[row["id"]] != row["digest"]]
        if changed:
            await Copy(self._database, self._connection).put(self._kind, changed)
        return [row["id"] for row in changed]

    @property
    def unseen(self) -> list[str]:
        """The ids that are stored and were not listed."""
        return list(self._unseen)

    def refuse_loss(self, plausible: float) -> None:
        """Raises Permanent "implausible_loss" if the listing lacked more than a customer loses at once."""
        refuse_loss(self._kind, len(self._unseen), self._stored, plausible)

    async def drop(self, gone: Sequence[str], *, plausible: float) -> int:
        """Delete what is known to be gone; if it is too much, raise Permanent "implausible_loss" and delete nothing."""
        if not gone:
            return 0
        refuse_loss(self._kind, len(gone), self._stored, plausible)
        table = COPIES[self._kind]
        async with self._database.write() as write:
            for start in range(0, len(gone), MAX_IDS_A_STATEMENT):
                some = table.c.id.in_(gone[start : start + MAX_IDS_A_STATEMENT])
                await write.execute(sa.delete(table).where(table.c.connection == self._connection, some))
            await _note_gone(write, self._connection, self._kind, len(gone))
        return len(gone)


async def put_members(database: Database, connection_id: ConnectionId, group: str, members: Sequence[str]) -> bool:
    """Replace a group's members by a complete listing, by the difference; True if anything changed."""
    table = db.members
    mine = sa.and_(table.c.connection == connection_id, table.c.group_id == group)
    async with database.read() as read:
        known = set((await read.execute(sa.select(table.c.member_id).where(mine))).scalars())
    new, gone = sorted(set(members) - known), sorted(known - set(members))
    if new or gone:
        row = {"connection": connection_id, "group_id": group, "mark": ""}
        async with database.write() as write:
            for start in range(0, len(gone), MAX_IDS_A_STATEMENT):
                await write.execute(
                    sa.delete(table).where(mine, table.c.member_id.in_(gone[start : start + MAX_IDS_A_STATEMENT]))
                )
            if new:
                await write.execute(insert_new(write, table), [row | {"member_id": member} for member in new])
            await _note_gone(write, connection_id, "members", len(gone))
    return bool(new or gone)


def refuse_loss(kind: str, lost: int, total: int, plausible: float) -> None:
    """Raises Permanent "implausible_loss" if more would go than a customer loses at once."""
    # Nobody removes every user and stays a customer; an empty answer is a broken one.
    if lost > max(SMALL, plausible * total) or (kind == "users" and 1 < total == lost):
        raise Permanent(
            "implausible_loss",
            f"The directory answered with {total - lost} of {total} {kind}. Nothing was deleted. If it is true, "
            "sync again and accept the loss; if not, look for what the directory lost.",
        )


async def _note_gone(write: AsyncConnection, connection_id: ConnectionId, kind: str, number: int) -> None:
    """Add to how much has ever gone, in the transaction in which it goes. With groups go their members."""
    if kind == "groups":
        alive = sa.select(db.groups.c.id).where(db.groups.c.connection == connection_id)
        mine = db.members.c.connection == connection_id
        orphans = await write.execute(sa.delete(db.members).where(mine, db.members.c.group_id.not_in(alive)))
        await _note_gone(write, connection_id, "members", orphans.rowcount)
    if number:
        table = db.directory_removals
        await write.execute(insert_new(write, table).values(connection=connection_id, kind=kind, number=0))
        mine = sa.and_(table.c.connection == connection_id, table.c.kind == kind)
        await write.execute(sa.update(table).where(mine).values(number=table.c.number + number))


async def checkpoint(database: Database, connection_id: ConnectionId, kind: str) -> str | None:
    """Where the last sync of a kind ended, or None if there was none."""
    table = db.checkpoints
    async with database.read() as read:
        mine = (table.c.connection == connection_id, table.c.kind == kind)
        found: str | None = (await read.execute(sa.select(table.c.link).where(*mine))).scalar()
        return found


async def keep_checkpoint(database: Database, connection_id: ConnectionId, kind: str, link: str, now: datetime) -> None:
    """Note where a sync of a kind ended."""
    async with database.write() as write:
        await _keep(write, connection_id, {kind: link}, now)


async def _keep(write: AsyncConnection, connection_id: ConnectionId, links: Mapping[str, str], now: datetime) -> None:
    table = db.checkpoints
    for kind, link in links.items():
        await write.execute(upsert(write, table).values(connection=connection_id, kind=kind, link=link, at=now))


async def put_domains(database: Database, connection_id: ConnectionId, rows: Sequence[dict[str, Any]]) -> None:
    """Replace the tenant's domains by a complete listing."""
    async with database.write() as write:
        await hold(write, connection_id)  # two complete listings must not be mixed
        await write.execute(sa.delete(db.domains).where(db.domains.c.connection == connection_id))
        if rows:
            await write.execute(sa.insert(db.domains), [{"connection": connection_id, **row} for row in rows])


def answered_mx(answer: list[str] | None, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What to store of a domain's MX: where nobody answered, what was known before stays, with its time."""
    if answer is None:
        return {"mx": before.get("mx"), "mx_checked_at": before.get("mx_checked_at")}
    return {"mx": answer, "mx_checked_at": now}


async def domains(database: Database, connection_id: ConnectionId) -> list[dict[str, Any]]:
    """The tenant's domains, by name."""
    table = db.domains
    async with database.read() as read:
        query = sa.select(table).where(table.c.connection == connection_id).order_by(table.c.name)
        return [dict(row) for row in (await read.execute(query)).mappings()]


async def addresses(database: Database, connection_id: ConnectionId, ids: Sequence[str]) -> dict[str, str]:
    """The mail addresses of some users, by id."""
    table = db.users
    found: dict[str, str] = {}
    async with database.read() as read:
        for start in range(0, len(ids), MAX_IDS_A_STATEMENT):
            some = sa.and_(
                table.c.connection == connection_id, table.c.id.in_(ids[start : start + MAX_IDS_A_STATEMENT])
            )
            rows = await read.execute(sa.select(table.c.id, table.c.mail).where(some))
            found |= {row.id: row.mail for row in rows if row.mail}
    return found


async def people(database: Database, connection_id: ConnectionId) -> list[tuple[str, list[str]]]:
    """The names of all users, each with all addresses."""
    table = db.users
    query = sa.select(table.c.name, table.c.mail, table.c.aliases).where(table.c.connection == connection_id)
    async with database.read() as read:
        rows = await read.execute(query)
        return [(row.name, [row.mail, *(row.aliases or ())]) for row in rows if row.name and row.mail]


async def skip(database: Database, connection_id: ConnectionId, user: str, why: str) -> None:
    """Leave one user out until the directory says something new of them; the tenant stays healthy."""
    mine = sa.and_(db.users.c.connection == connection_id, db.users.c.id == user)
    async with database.write() as write:
        await write.execute(sa.update(db.users).where(mine).values(skipped=why))


async def count(database: Database, connection_id: ConnectionId) -> dict[str, int]:
    """How many rows of each kind we hold."""
    async with database.read() as read:
        held = {}
        for table in (*COPIES.values(), db.domains):
            query = sa.select(sa.func.count()).select_from(table).where(table.c.connection == connection_id)
            held[table.name] = int((await read.execute(query)).scalar_one())
        return held


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Delete a connection's copy with its checkpoints and its past, inside the caller's transaction."""
    for table in (*COPIES.values(), db.placed, db.domains, db.checkpoints, db.directory_removals, db.sync_runs):
        await write.execute(sa.delete(table).where(table.c.connection == connection_id))
