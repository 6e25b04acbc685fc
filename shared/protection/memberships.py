"""The members of groups in our copy of a directory, where they are listed group by group."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from shared.protection import listings
from shared.protection.directory import MAX_IDS_A_STATEMENT, note_gone
from shared.protection.listings import MEMBERS_OF, Listing
from shared.storage import tables as db
from shared.storage.database import Database, insert_new
from shared.storage.ids import ConnectionId


async def without_members(
    database: Database, connection_id: ConnectionId, groups: Listing, inside: Collection[str] | None, *, most: int
) -> list[tuple[str, str]]:
    """Some groups whose members were not listed since a listing of groups, each with its address.

    Of all, or of some groups and those directly `inside` them.
    """
    table, members = db.groups, db.members.c
    mine = (table.c.connection == connection_id, table.c.members_of.is_distinct_from(groups.mark))
    query = sa.select(table.c.id, table.c.mail).where(*mine).order_by(table.c.id).limit(most)
    async with database.read() as read:
        if inside is None:
            return [(row.id, row.mail) for row in await read.execute(query)]
        named = sorted(inside)
        for start in range(0, len(named), MAX_IDS_A_STATEMENT):
            some = named[start : start + MAX_IDS_A_STATEMENT]
            nested = sa.select(members.member_id).where(members.connection == connection_id, members.group_id.in_(some))
            found = await read.execute(query.where(sa.or_(table.c.id.in_(some), table.c.id.in_(nested))))
            if rows := [(row.id, row.mail) for row in found]:
                return rows
    return []


async def known_groups(database: Database, connection_id: ConnectionId, ids: Collection[str]) -> set[str]:
    """Those of some ids that are groups."""
    table, named, found = db.groups, sorted(ids), set[str]()
    async with database.read() as read:
        for start in range(0, len(named), MAX_IDS_A_STATEMENT):
            some = table.c.id.in_(named[start : start + MAX_IDS_A_STATEMENT])
            query = sa.select(table.c.id).where(table.c.connection == connection_id, some)
            found |= set((await read.execute(query)).scalars())
    return found


async def has_members(database: Database, connection_id: ConnectionId, group: str, groups: Listing) -> None:
    """Note that a group's members were listed since a listing of groups, or cannot be."""
    table = db.groups
    async with database.write() as write:
        mine = (table.c.connection == connection_id, table.c.id == group)
        await write.execute(sa.update(table).where(*mine).values(members_of=groups.mark))


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
            await note_gone(write, connection_id, "members", len(gone))
    return bool(new or gone)


async def settle_members(database: Database, connection_id: ConnectionId, listing: Listing) -> None:
    """Delete whom a complete listing of one group's members has not shown, and forget the listing."""
    table = db.members
    mine = (table.c.connection == connection_id, table.c.group_id == listing.kind.removeprefix(MEMBERS_OF))
    async with database.write() as write:
        await listings.keep(write, connection_id, listing, link=None)
        gone = await write.execute(sa.delete(table).where(*mine, table.c.mark != listing.mark))
        await note_gone(write, connection_id, "members", gone.rowcount)
        await write.execute(
            sa.delete(db.listings).where(db.listings.c.connection == connection_id, db.listings.c.mark == listing.mark)
        )
