"""Messages in quarantine for people who look for one: page behind page for programs, by number for people."""

from collections.abc import Mapping

import sqlalchemy as sa

from shared.deployment.sealing import Box
from shared.protection.quarantine import MAX_ROWS_A_STATEMENT, QuarantinedMessage, opened
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId

# A sender is sealed, so to search for one opens messages; of more than these the newest are searched.
MAX_OPENED = 10_000


async def page(
    database: Database,
    box: Box,
    connection_id: ConnectionId,
    wanted: Mapping[str, str],
    *,
    before: int | None,
    most: int,
) -> tuple[list[QuarantinedMessage], int | None]:
    """Some messages, newest first, and the number `before` which there are more.

    `wanted` may hold `state`, `policy`, and parts of the `user`'s address and of the `sender`, in any letter case.
    """
    table = db.quarantine
    query = sa.select(table).where(*_matching(connection_id, wanted)).order_by(table.c.number.desc())
    sender, found = wanted.get("sender", "").casefold(), list[QuarantinedMessage]()
    while True:
        some = (
            query.limit(MAX_ROWS_A_STATEMENT)
            if before is None
            else query.where(table.c.number < before).limit(MAX_ROWS_A_STATEMENT)
        )
        async with database.read() as read:
            rows = (await read.execute(some)).all()
        for row in rows:
            item = opened(box, row)
            # What is sealed cannot be searched by the database.
            if sender in item.sender.casefold():
                if len(found) == most:
                    return found, found[-1].number
                found.append(item)
        if len(rows) < MAX_ROWS_A_STATEMENT:
            return found, None
        before = rows[-1].number


async def numbered(
    database: Database, box: Box, connection_id: ConnectionId, wanted: Mapping[str, str], *, page_number: int, size: int
) -> tuple[list[QuarantinedMessage], int]:
    """The messages of the page of this number, which begins with 1, newest first; and how many match in all."""
    if wanted.get("sender"):  # sealed: what matches is known when all are opened
        found, _ = await page(database, box, connection_id, wanted, before=None, most=MAX_OPENED)
        return found[(page_number - 1) * size : page_number * size], len(found)
    table, which = db.quarantine, _matching(connection_id, wanted)
    query = sa.select(table).where(*which).order_by(table.c.number.desc()).limit(size).offset((page_number - 1) * size)
    async with database.read() as read:
        many = (await read.execute(sa.select(sa.func.count()).select_from(table).where(*which))).scalar_one()
        return [opened(box, row) for row in await read.execute(query)], int(many)


def _matching(connection_id: ConnectionId, wanted: Mapping[str, str]) -> list[sa.ColumnElement[bool]]:
    """What the database can tell of what is wanted."""
    table = db.quarantine.c
    found = [table.connection == connection_id]
    found += [table[name] == wanted[name] for name in ("state", "policy") if name in wanted]
    if "user" in wanted:
        found.append(sa.func.lower(table.address).contains(wanted["user"].lower(), autoescape=True))
    return found
