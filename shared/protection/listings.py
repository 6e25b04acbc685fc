"""How far the listings of a directory have come: kept with every page, so that the next run goes on where one ended.

All listings of one reading of a directory stay until the last of them is settled; each is read at most once in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.connections.lease import Superseded
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert
from shared.storage.ids import ConnectionId, new_id

BEGINNING = ""
# What the listing of one group's members is called, before the group's id.
MEMBERS_OF = "members "


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One listing of a directory and how far it has been read.

    `kind` is users, groups, or MEMBERS_OF and a group's id; plain members counts the groups whose members are read.
    """

    kind: str
    mark: str
    """What the rows bear that it has shown."""
    complete: bool
    """It shows everything, so what it does not show is gone; else only what has changed."""
    renewed: bool
    """Its page token expired once, and it began anew."""
    link: str | None
    """Where the next page is: BEGINNING, a link or token of the platform, or None after the last page."""
    final: str | None
    """Where the next listing of changes begins."""
    pages: int
    read: int
    """How many rows, some perhaps twice."""
    idle: int
    """How many of the last pages showed nothing new."""
    since: datetime
    settled_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far the reading of a directory has come when a run begins with it."""

    checkpoints: Mapping[str, str]
    """Where the last synchronisation of each kind ended."""
    listed: Mapping[str, Listing]
    """The listings of this reading, under way or settled, by kind; none when it begins."""
    noted: bool
    """Whether single entries are set aside."""


async def standing(database: Database, connection_id: ConnectionId) -> Standing:
    """How far a connection's reading has come, in one statement."""
    aside, links, table = db.set_aside.c, db.checkpoints, db.listings
    entries = sa.exists().where(aside.connection == connection_id, aside.kind == "entry")
    noted = sa.select(entries.label("noted")).subquery()
    # Three of the one by a handful of the other: fewer rows than a second question costs.
    both = noted.outerjoin(links, links.c.connection == connection_id).outerjoin(
        table, table.c.connection == connection_id
    )
    query = sa.select(noted.c.noted, links.c.kind.label("ended"), links.c.link.label("at"), table).select_from(both)
    async with database.read() as read:
        rows = list(await read.execute(query))
    listed = (
        _listing({column.name: row._mapping[column] for column in table.c}) for row in rows if row.kind is not None
    )
    return Standing(
        checkpoints={row.ended: row.at for row in rows if row.ended is not None},
        listed={one.kind: one for one in listed},
        noted=bool(rows[0].noted),
    )


async def find(database: Database, connection_id: ConnectionId, kind: str) -> Listing | None:
    """A connection's listing of a kind, under way or settled."""
    return next((one for one in await listed(database, connection_id) if one.kind == kind), None)


async def listed(database: Database, connection_id: ConnectionId) -> list[Listing]:
    """All listings of the present reading of a directory, in the order in which they began."""
    table = db.listings
    query = sa.select(table).where(table.c.connection == connection_id).order_by(table.c.since, table.c.kind)
    async with database.read() as read:
        return [_listing(row._mapping) for row in await read.execute(query)]


async def under_way(database: Database, connection_id: ConnectionId) -> Listing | None:
    """The listing that is being read, if any is; not those of single groups."""
    whole = [one for one in await listed(database, connection_id) if one.kind in ("users", "groups", "members")]
    return next((one for one in reversed(whole) if one.settled_at is None), None)


async def begin(
    database: Database,
    connection_id: ConnectionId,
    kind: str,
    now: datetime,
    *,
    complete: bool,
    link: str = BEGINNING,
    renewed: bool = False,
) -> Listing:
    """Begin a listing, in place of one of the same kind."""
    async with database.write() as write:
        return await _begin(write, connection_id, kind, now, complete=complete, link=link, renewed=renewed)


async def begin_all(write: AsyncConnection, connection_id: ConnectionId, now: datetime) -> None:
    """Have the next synchronisation list and write everything, inside the caller's transaction."""
    await forget_all(write, connection_id)
    for table in (db.users, db.groups):
        await write.execute(sa.update(table).where(table.c.connection == connection_id).values(digest=None))
    for kind in ("users", "groups"):
        await _begin(write, connection_id, kind, now, complete=True, link=BEGINNING, renewed=False)


async def _begin(
    write: AsyncConnection,
    connection_id: ConnectionId,
    kind: str,
    now: datetime,
    *,
    complete: bool,
    link: str,
    renewed: bool,
) -> Listing:
    new = Listing(
        kind=kind,
        mark=new_id(),
        complete=complete,
        renewed=renewed,
        link=link,
        final=None,
        pages=0,
        read=0,
        idle=0,
        since=now,
        settled_at=None,
    )
    await write.execute(upsert(write, db.listings).values(connection=connection_id, **vars(new)))
    return new


async def keep(write: AsyncConnection, connection_id: ConnectionId, listing: Listing, **changes: Any) -> Listing:
    """Note how far a listing has come, in the transaction that writes what it showed.

    Raises Superseded if it was begun anew or forgotten meanwhile.
    """
    table = db.listings
    mine = (table.c.connection == connection_id, table.c.kind == listing.kind, table.c.mark == listing.mark)
    kept = await write.execute(sa.update(table).where(*mine).values(changes))
    if kept.rowcount == 0:
        raise Superseded
    return replace(listing, **changes)


async def forget(database: Database, connection_id: ConnectionId, kind: str) -> None:
    """Forget how far a listing has come: the next run begins it anew."""
    table = db.listings
    async with database.write() as write:
        await write.execute(sa.delete(table).where(table.c.connection == connection_id, table.c.kind == kind))


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Forget all listings of a connection, inside the caller's transaction."""
    await write.execute(sa.delete(db.listings).where(db.listings.c.connection == connection_id))


def _listing(row: Mapping[Any, Any]) -> Listing:
    values = dict(row)
    del values["connection"]
    return Listing(**values)
