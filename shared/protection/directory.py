"""Our copy of a tenant's users, groups, members and domains, written page by page.

A listing marks what it has shown. Only at its end, when it is known to be complete, is anything deleted, in the same
transaction that keeps the new checkpoint; and a loss that is not plausible is refused.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.connections.record import hold
from shared.foundation.errors import Permanent
from shared.protection import listings
from shared.protection.listings import Listing
from shared.storage import bulk
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, insert_new, upsert
from shared.storage.ids import ConnectionId

# A handful of rows may go at once without anybody being alarmed.
SMALL = 10
GONE = "gone "
# A group's member that stands for every user of the tenant.
EVERY_USER = "*"
# Ids in one statement; databases take some thousands.
MAX_IDS_A_STATEMENT = 500
COPIES: dict[str, sa.Table] = {"users": db.users, "groups": db.groups, "members": db.members}
IDENTITY = {"users": ("id",), "groups": ("id",), "members": ("group_id", "member_id")}

Rows = Mapping[str, Sequence[dict[str, Any]]]
"""Rows of a page, by `users`, `groups` and `members`."""


async def put(
    database: Database,
    connection_id: ConnectionId,
    listing: Listing,
    rows: Rows,
    gone: Rows | None = None,
    *,
    link: str | None,
    **changes: Any,
) -> Listing:
    """Write one page with the place of the next: what there is, and the ids of what is said to be gone.

    Raises Superseded, and nothing is written, if the listing was begun anew meanwhile.
    """
    async with database.write() as write:
        news = False
        for kind, some in rows.items():
            news = news or await _any_new(write, connection_id, listing, kind, some)
            if some:
                marked = [{"connection": connection_id, "mark": listing.mark, **row} for row in some]
                columns = {name for row in some for name in row.keys() - IDENTITY[kind]} | {"mark"}
                await bulk.merge(write, COPIES[kind], columns, marked)
        for kind, some in (gone or {}).items():
            table, identity = COPIES[kind], IDENTITY[kind]
            news = news or bool(some)
            if some:
                where = [
                    table.c.connection == connection_id,
                    *(table.c[n] == sa.bindparam("of_" + n) for n in identity),
                ]
                leave = sa.update(table).where(*where).values(mark=GONE + listing.mark)
                await write.execute(leave, [{"of_" + name: row[name] for name in identity} for row in some])
        read = listing.read + len(next(iter(rows.values())))
        idle = 0 if news else listing.idle + 1
        return await listings.keep(
            write, connection_id, listing, link=link, pages=listing.pages + 1, read=read, idle=idle, **changes
        )


async def _any_new(
    write: AsyncConnection, connection_id: ConnectionId, listing: Listing, kind: str, rows: Sequence[dict[str, Any]]
) -> bool:
    """Whether any of the rows was not shown by this listing before."""
    table, identity = COPIES[kind], IDENTITY[kind]
    keys = [tuple(row[name] for name in identity) for row in rows]
    for start in range(0, len(keys), MAX_IDS_A_STATEMENT // 2):
        some = keys[start : start + MAX_IDS_A_STATEMENT // 2]
        named = sa.tuple_(*(table.c[name] for name in identity)).in_(some)
        known = sa.select(sa.func.count()).select_from(table)
        shown = known.where(table.c.connection == connection_id, table.c.mark == listing.mark, named)
        if (await write.execute(shown)).scalar_one() < len(set(some)):
            return True
    return False


async def settle(
    database: Database,
    connection_id: ConnectionId,
    listing: Listing,
    kinds: Sequence[str],
    *,
    complete: bool,
    now: datetime,
    plausible: float,
) -> None:
    """Delete what is gone and keep the checkpoint, all or nothing, at the end of a listing.

    With `complete`, what the listing has not shown is gone; without, only what it was told of. Raises Permanent
    "implausible_loss" if more than the share `plausible` of a kind would go; the copy then stays as it was.
    """
    async with database.write() as write:
        await listings.keep(write, connection_id, listing, settled_at=now)
        for kind in kinds:
            await _drop(write, connection_id, listing, kind, complete=complete, plausible=plausible)
        if listing.final is not None:
            await keep_checkpoints(write, connection_id, {listing.kind: listing.final}, now)


async def _drop(
    write: AsyncConnection,
    connection_id: ConnectionId,
    listing: Listing,
    kind: str,
    *,
    complete: bool,
    plausible: float,
) -> None:
    table = COPIES[kind]
    mine = table.c.connection == connection_id
    going = table.c.mark != listing.mark if complete else table.c.mark == GONE + listing.mark
    count = sa.select(sa.func.count()).select_from(table)
    lost = int((await write.execute(count.where(mine, going))).scalar_one())
    if not lost:
        return
    total = (await write.execute(count.where(mine))).scalar_one()
    refuse_loss(kind, lost, total, plausible)
    await write.execute(sa.delete(table).where(mine, going))
    await note_gone(write, connection_id, kind, lost)


def refuse_loss(kind: str, lost: int, total: int, plausible: float) -> None:
    """Raises Permanent "implausible_loss" if more would go than a customer loses at once."""
    # Nobody removes every user and stays a customer; an empty answer is a broken one.
    if lost > max(SMALL, plausible * total) or (kind == "users" and 1 < total == lost):
        raise Permanent(
            "implausible_loss",
            f"The directory answered with {total - lost} of {total} {kind}. Nothing was deleted. If that is true, "
            "sync again and accept the loss; if not, find what the directory lost.",
        )


async def note_gone(write: AsyncConnection, connection_id: ConnectionId, kind: str, number: int) -> None:
    """Add to how much has ever gone, in the transaction in which it goes. With groups go their members."""
    if kind == "groups":
        alive = sa.select(db.groups.c.id).where(db.groups.c.connection == connection_id)
        mine = db.members.c.connection == connection_id
        orphans = await write.execute(sa.delete(db.members).where(mine, db.members.c.group_id.not_in(alive)))
        await note_gone(write, connection_id, "members", orphans.rowcount)
    if number:
        table = db.directory_removals
        await write.execute(insert_new(write, table).values(connection=connection_id, kind=kind, number=0))
        mine = sa.and_(table.c.connection == connection_id, table.c.kind == kind)
        await write.execute(sa.update(table).where(mine).values(number=table.c.number + number))


async def checkpoints(database: Database, connection_id: ConnectionId) -> dict[str, str]:
    """Where the last sync of each kind ended, of those that there was one of."""
    table = db.checkpoints
    mine = sa.select(table.c.kind, table.c.link).where(table.c.connection == connection_id)
    async with database.read() as read:
        return {row.kind: row.link for row in await read.execute(mine)}


async def keep_checkpoints(
    write: AsyncConnection, connection_id: ConnectionId, links: Mapping[str, str], now: datetime
) -> None:
    """Note where the syncs of some kinds ended, inside the caller's transaction."""
    rows = [{"connection": connection_id, "kind": kind, "link": link, "at": now} for kind, link in links.items()]
    if rows:
        await write.execute(upsert(write, db.checkpoints).values(rows))


async def put_domains(
    database: Database,
    connection_id: ConnectionId,
    rows: Sequence[dict[str, Any]],
    before: Sequence[Mapping[str, Any]],
) -> None:
    """Replace the tenant's domains by a complete listing, unless that says what was before: then nothing is written."""
    if sorted(map(_said, before)) == sorted(map(_said, rows)):
        return
    async with database.write() as write:
        await hold(write, connection_id)  # two complete listings must not be mixed
        await write.execute(sa.delete(db.domains).where(db.domains.c.connection == connection_id))
        if rows:
            await write.execute(sa.insert(db.domains), [{"connection": connection_id, **row} for row in rows])


def _said(row: Mapping[str, Any]) -> tuple[str, str]:
    """What a domain's row says, but for when; to compare and to sort."""
    said = {name: row.get(name) for name in ("verified", "accepted", "wanted_mx", "mx")}
    return row["name"], repr(said)


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
        # Without its digest it differs from whatever the directory says of it.
        await write.execute(sa.update(db.users).where(mine).values(skipped=why, digest=None))


async def unskip(database: Database, connection_id: ConnectionId, users: Collection[str]) -> set[str]:
    """Have users tried again who were left out; returns those of them who were."""
    table = db.users
    mine = (table.c.connection == connection_id, table.c.id.in_(users), table.c.skipped.is_not(None))
    async with database.write() as write:
        out = set((await write.execute(sa.select(table.c.id).where(*mine))).scalars())
        await write.execute(sa.update(table).where(*mine).values(skipped=None, digest=None))
    return out


async def count(database: Database, connection_id: ConnectionId) -> dict[str, int]:
    """How many rows of each kind we hold."""
    async with database.read() as read:
        return dict((await read.execute(sa.select(*counts(connection_id)))).one()._mapping)


def counts(connection_id: ConnectionId) -> list[sa.Label[int]]:
    """The numbers of rows of each kind, to be selected."""
    return [
        sa.select(sa.func.count())
        .select_from(table)
        .where(table.c.connection == connection_id)
        .scalar_subquery()
        .label(table.name)
        for table in (*COPIES.values(), db.domains)
    ]


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Delete a connection's copy with its checkpoints and its past, inside the caller's transaction."""
    for table in (
        *COPIES.values(),
        db.placed,
        db.domains,
        db.checkpoints,
        db.listings,
        db.directory_removals,
        db.sync_runs,
    ):
        await write.execute(sa.delete(table).where(table.c.connection == connection_id))
