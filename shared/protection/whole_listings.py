"""Complete listings of a platform that tells no changes: only what differs from our copy is written.

A row bears the number of the page that showed it last. A page that shows the rows of that page of the last listing,
as they were, writes none of them; rows that it does not show any more lose their number until another page shows them.
So at the end of a listing the rows without a number, or with one behind the last page's, are those it has not shown.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from shared.protection import listings
from shared.protection.directory import MAX_IDS_A_STATEMENT, note_gone, refuse_loss
from shared.protection.listings import MEMBERS_OF, Listing
from shared.storage import bulk
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database
from shared.storage.ids import ConnectionId

DIGEST_BYTES = 8
COPIES = {"users": db.users, "groups": db.groups}


class _Part:
    """The part of our copy that a listing shows: all users, all groups, or the members of one group."""

    def __init__(self, connection_id: ConnectionId, kind: str) -> None:
        self.row: dict[str, Any] = {"connection": connection_id, "mark": ""}
        if kind.startswith(MEMBERS_OF):
            group = kind.removeprefix(MEMBERS_OF)
            self.name, self.table, self.id, self.digest = "members", db.members, db.members.c.member_id, None
            self.mine = sa.and_(self.table.c.connection == connection_id, self.table.c.group_id == group)
            self.row["group_id"] = group
        else:
            self.name, self.table = kind, COPIES[kind]
            self.id, self.digest = self.table.c.id, self.table.c.digest
            self.mine = self.table.c.connection == connection_id

    def unseen(self, listing: Listing) -> sa.ColumnElement[bool]:
        """What a listing that is read to its end has not shown."""
        page = self.table.c.page
        return sa.and_(self.mine, sa.or_(page.is_(None), page > listing.pages))


async def put(
    database: Database,
    connection_id: ConnectionId,
    listing: Listing,
    rows: Sequence[dict[str, Any]],
    *,
    link: str | None,
    odd: bool = False,
) -> Listing:
    """Write what the next page of a listing shows otherwise than our copy has it, with the place of the page after it.

    `odd`: the page shows something of which nobody can tell what it is; the listing then is not known to be complete.

    Raises Superseded, and nothing is written, if the listing was begun anew meanwhile.
    """
    part, number = _Part(connection_id, listing.kind), listing.pages + 1
    shown = {row[part.id.name]: row for row in rows}
    async with database.write() as write:
        known = await _of_page(write, part, number)
        new = {one: row for one, row in shown.items() if one not in known or known[one] != _digest(part, row)}
        for some in _parts(known.keys() - shown.keys()):
            await write.execute(sa.update(part.table).where(part.mine, part.id.in_(some)).values(page=None))
        news = not shown.keys().isdisjoint(known) or await _any_unseen(write, part, number, list(new))
        if new:
            written = [part.row | row | {"page": number, **_digested(part, row)} for row in new.values()]
            columns = written[0].keys() - part.row.keys() - {part.id.name}
            await bulk.merge(write, part.table, columns, written)
        read, idle = listing.read + len(rows), 0 if news else listing.idle + 1
        complete = listing.complete and not odd
        return await listings.keep(
            write, connection_id, listing, link=link, pages=number, read=read, idle=idle, complete=complete
        )


async def _of_page(write: AsyncConnection, part: _Part, number: int) -> dict[str, str | None]:
    """The ids that a page showed in the last listing, each with the digest of what it showed."""
    digest: Any = sa.null() if part.digest is None else part.digest
    query = sa.select(part.id, digest).where(part.mine, part.table.c.page == number)
    return {row[0]: row[1] for row in await write.execute(query)}


async def _any_unseen(write: AsyncConnection, part: _Part, number: int, ids: Sequence[str]) -> bool:
    """Whether any of some rows was not shown by an earlier page of this listing."""
    for some in _parts(ids):
        earlier = sa.select(sa.func.count()).where(part.mine, part.id.in_(some), part.table.c.page < number)
        if (await write.execute(earlier)).scalar_one() < len(some):
            return True
    return False


async def unseen(database: Database, connection_id: ConnectionId, listing: Listing, plausible: float) -> list[str]:
    """The ids of the users or groups that a listing that is read to its end has not shown.

    Raises Permanent "implausible_loss" if there are more of them than a customer loses at once.
    """
    part = _Part(connection_id, listing.kind)
    count = sa.select(sa.func.count()).select_from(part.table)
    async with database.read() as read:
        lost = (await read.execute(count.where(part.unseen(listing)))).scalar_one()
        if not lost:
            return []
        refuse_loss(listing.kind, lost, (await read.execute(count.where(part.mine))).scalar_one(), plausible)
        return list((await read.execute(sa.select(part.id).where(part.unseen(listing)))).scalars())


async def settle(
    database: Database, connection_id: ConnectionId, listing: Listing, gone: Sequence[str], now: datetime
) -> None:
    """Delete the users or groups that are gone, at the end of a listing that has not shown them; all or nothing."""
    part = _Part(connection_id, listing.kind)
    async with database.write() as write:
        await listings.keep(write, connection_id, listing, settled_at=now)
        number = 0
        for some in _parts(gone):
            left = await write.execute(sa.delete(part.table).where(part.unseen(listing), part.id.in_(some)))
            number += left.rowcount
        if number:
            await note_gone(write, connection_id, part.name, number)


async def settle_members(database: Database, connection_id: ConnectionId, listing: Listing) -> None:
    """Delete whom a listing of one group's members has not shown, if it is complete, and forget the listing."""
    part = _Part(connection_id, listing.kind)
    async with database.write() as write:
        await listings.keep(write, connection_id, listing, link=None)
        if listing.complete:
            gone = await write.execute(sa.delete(part.table).where(part.unseen(listing)))
            await note_gone(write, connection_id, part.name, gone.rowcount)
        mine = (db.listings.c.connection == connection_id, db.listings.c.mark == listing.mark)
        await write.execute(sa.delete(db.listings).where(*mine))


def _digest(part: _Part, row: dict[str, Any]) -> str | None:
    """What a row says in a few bytes; of a member nothing but the id is known."""
    if part.digest is None:
        return None
    return blake2b(repr(sorted(row.items())).encode(), digest_size=DIGEST_BYTES).hexdigest()


def _digested(part: _Part, row: dict[str, Any]) -> dict[str, str | None]:
    return {} if part.digest is None else {part.digest.name: _digest(part, row)}


def _parts(ids: Collection[str]) -> list[list[str]]:
    some = sorted(ids)
    return [some[start : start + MAX_IDS_A_STATEMENT] for start in range(0, len(some), MAX_IDS_A_STATEMENT)]
