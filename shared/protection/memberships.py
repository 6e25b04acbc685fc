"""The members of groups in our copy of a directory, where they are listed group by group."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from shared.protection.directory import MAX_IDS_A_STATEMENT, note_gone
from shared.protection.listings import Listing
from shared.storage import tables as db
from shared.storage.database import Database, insert_new
from shared.storage.ids import ConnectionId

# Of such a group, to a person who names it in a policy.
HIDDEN = "The platform hides the members of this group from applications. Name them in another group or one by one."


class Group(NamedTuple):
    """A group of the directory, with its address."""

    id: str
    mail: str


class Hidden(NamedTuple):
    """A group of the directory whose members nobody shows us, with what it is called."""

    id: str
    name: str


async def named_without_members(
    database: Database, connection_id: ConnectionId, groups: Listing, named: Collection[str], *, most: int
) -> list[Group]:
    """Some of the `named` groups, and of those directly inside them, whose members were not listed since `groups`."""
    members, ids = db.members.c, sorted(named)
    async with database.read() as read:
        for start in range(0, len(ids), MAX_IDS_A_STATEMENT):
            some = ids[start : start + MAX_IDS_A_STATEMENT]
            nested = sa.select(members.member_id).where(members.connection == connection_id, members.group_id.in_(some))
            query = _without_members(connection_id, groups, most)
            found = await read.execute(query.where(sa.or_(db.groups.c.id.in_(some), db.groups.c.id.in_(nested))))
            if rows := [Group(row.id, row.mail) for row in found]:
                return rows
    return []


async def without_members(
    database: Database, connection_id: ConnectionId, groups: Listing, *, behind: str, most: int
) -> list[Group]:
    """Some groups behind an id whose members were not listed out of turn since `groups`, in order of their ids."""
    query = _without_members(connection_id, groups, most).where(db.groups.c.id > behind)
    async with database.read() as read:
        return [Group(row.id, row.mail) for row in await read.execute(query)]


def _without_members(connection_id: ConnectionId, groups: Listing, most: int) -> sa.Select[tuple[str, str]]:
    table = db.groups
    mine = (table.c.connection == connection_id, table.c.members_of.is_distinct_from(groups.mark))
    return sa.select(table.c.id, table.c.mail).where(*mine).order_by(table.c.id).limit(most)


async def hidden_groups(database: Database, connection_id: ConnectionId) -> list[Hidden]:
    """The groups whose members the platform keeps from us."""
    table = db.groups.c
    named = sa.select(table.id, sa.func.coalesce(table.name, table.mail, table.id).label("name"))
    async with database.read() as read:
        found = await read.execute(named.where(table.connection == connection_id, table.hidden).order_by(table.id))
        return [Hidden(row.id, row.name) for row in found]


async def known_groups(database: Database, connection_id: ConnectionId, ids: Collection[str]) -> set[str]:
    """Those of some ids that are groups."""
    table, named, found = db.groups, sorted(ids), set[str]()
    async with database.read() as read:
        for start in range(0, len(named), MAX_IDS_A_STATEMENT):
            some = table.c.id.in_(named[start : start + MAX_IDS_A_STATEMENT])
            query = sa.select(table.c.id).where(table.c.connection == connection_id, some)
            found |= set((await read.execute(query)).scalars())
    return found


async def have_members(database: Database, connection_id: ConnectionId, ids: Sequence[str], groups: Listing) -> None:
    """Note that the members of some groups were listed since a listing of groups, or cannot be, out of turn."""
    table = db.groups
    async with database.write() as write:
        mine = (table.c.connection == connection_id, table.c.id.in_(ids))
        await write.execute(sa.update(table).where(*mine).values(members_of=groups.mark))


async def put_members(database: Database, connection_id: ConnectionId, listed: Mapping[str, Collection[str]]) -> bool:
    """Replace the members of some groups, by group, by complete listings; True if anything changed.

    Only the difference is written, of all groups in one transaction: a large customer has some ten thousand of them.
    """
    table, ids = db.members, sorted(listed)
    mine, known = table.c.connection == connection_id, {group: set[str]() for group in ids}
    async with database.read() as read:
        for start in range(0, len(ids), MAX_IDS_A_STATEMENT):
            some = table.c.group_id.in_(ids[start : start + MAX_IDS_A_STATEMENT])
            for row in await read.execute(sa.select(table.c.group_id, table.c.member_id).where(mine, some)):
                known[row.group_id].add(row.member_id)
    bare = {"connection": connection_id, "mark": ""}
    new = [
        bare | {"group_id": group, "member_id": one} for group in ids for one in sorted({*listed[group]} - known[group])
    ]
    gone = {group: sorted(known[group] - {*listed[group]}) for group in ids}
    number = sum(map(len, gone.values()))
    if new or number:
        async with database.write() as write:
            for group, members in gone.items():
                for start in range(0, len(members), MAX_IDS_A_STATEMENT):
                    some = table.c.member_id.in_(members[start : start + MAX_IDS_A_STATEMENT])
                    await write.execute(sa.delete(table).where(mine, table.c.group_id == group, some))
            if new:
                await write.execute(insert_new(write, table), new)
            await note_gone(write, connection_id, "members", number)
    return bool(new or number)


async def inside(
    database: Database, connection_id: ConnectionId, groups: Collection[str], mails: dict[str, str] | None = None
) -> Mapping[str, set[str]]:
    """The direct members of some groups, and of every group that is in them. `mails` is given the users' addresses."""
    table, users, found, roots = db.members, db.users, dict[str, set[str]](), sorted(groups)
    for start in range(0, len(roots), MAX_IDS_A_STATEMENT):
        some = roots[start : start + MAX_IDS_A_STATEMENT]
        edges = (
            sa.select(table.c.group_id, table.c.member_id)
            .where(table.c.connection == connection_id, table.c.group_id.in_(some))
            .cte("edges", recursive=True)
        )
        # UNION, not UNION ALL: groups may contain each other.
        edges = edges.union(
            sa.select(table.c.group_id, table.c.member_id).where(
                table.c.connection == connection_id, table.c.group_id == edges.c.member_id
            )
        )
        query = sa.select(edges.c.group_id, edges.c.member_id, sa.null())
        if mails is not None:
            mine = (users.c.connection == connection_id) & (users.c.id == edges.c.member_id)
            query = query.with_only_columns(*query.selected_columns[:2], users.c.mail).outerjoin(users, mine)
        async with database.read() as read:
            for group, member, mail in await read.execute(query):
                found.setdefault(group, set()).add(member)
                if mails is not None and mail:
                    mails[member] = mail
    return found


def reached_from(members: Mapping[str, set[str]], groups: Iterable[str]) -> set[str]:
    """The members of some groups, however deep."""
    reached: set[str] = set()
    todo = set(groups)
    while todo:
        inside = members.get(todo.pop(), set()) - reached
        reached |= inside
        todo |= inside & members.keys()
    return reached
