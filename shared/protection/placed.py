"""Whom we have put into our own groups in the tenant: what tells a leaver from somebody whom others took out."""

from collections.abc import Collection

import sqlalchemy as sa

from shared.protection.directory import MAX_IDS_A_STATEMENT
from shared.storage import tables as db
from shared.storage.database import Database, insert_new
from shared.storage.ids import ConnectionId


async def listed(database: Database, connection_id: ConnectionId) -> dict[str, set[str]]:
    """The ids of those whom we have put into each group, by the key of its members' row."""
    table, found = db.placed, dict[str, set[str]]()
    async with database.read() as read:
        for row in await read.execute(
            sa.select(table.c.key, table.c.member_id).where(table.c.connection == connection_id)
        ):
            found.setdefault(row.key, set()).add(row.member_id)
    return found


async def note(
    database: Database, connection_id: ConnectionId, key: str, *, put: Collection[str] = (), gone: Collection[str] = ()
) -> None:
    """Note whom we have put in, and who is there by our doing no more."""
    table, left, new = db.placed, sorted(gone), sorted(put)
    mine = sa.and_(table.c.connection == connection_id, table.c.key == key)
    row = {"connection": connection_id, "key": key}
    async with database.write() as write:
        for start in range(0, len(left), MAX_IDS_A_STATEMENT):
            await write.execute(
                sa.delete(table).where(mine, table.c.member_id.in_(left[start : start + MAX_IDS_A_STATEMENT]))
            )
        for start in range(0, len(new), MAX_IDS_A_STATEMENT):
            some = [row | {"member_id": member} for member in new[start : start + MAX_IDS_A_STATEMENT]]
            await write.execute(insert_new(write, table), some)
