"""What was decided about messages: written down before anything is done to one, and ticked off when it is done.

A message is decided about once. What was decided and not done is done by whoever reads the mailbox next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, insert_new

# No policy's action: the message could not be looked into as far as a policy asks, and nothing else meant it.
UNINSPECTED = "uninspected"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is to be done to one message, by which policy, for what kinds of reasons."""

    user: str
    message: str
    policy: str
    actions: tuple[str, ...]
    findings: tuple[str, ...] = ()


async def decide(write: AsyncConnection, connection: str, decision: Decision, now: datetime, *, done: bool) -> bool:
    """Write a decision down inside the caller's transaction; with `done` there is nothing left to do.

    False if somebody else has decided about the message meanwhile.
    """
    about = {"connection": connection, "user": decision.user, "message": decision.message, "policy": decision.policy}
    rows = [
        {**about, "action": action, "at": now, "findings": list(decision.findings), "done": done}
        for action in decision.actions
    ]
    return bool((await write.execute(insert_new(write, db.acted).values(rows))).rowcount)


async def done(database: Database, connection: str, user: str, message: str, action: str) -> None:
    """Tick off what was done."""
    table = db.acted
    mine = (table.c.connection == connection, table.c.user == user, table.c.message == message)
    async with database.write() as write:
        await write.execute(sa.update(table).where(*mine, table.c.action == action).values(done=True))


async def undone(database: Database, connection: str, user: str) -> list[tuple[str, str]]:
    """(message, action) of what was decided in a mailbox and not done, oldest first."""
    table = db.acted
    mine = (table.c.connection == connection, table.c.user == user, table.c.done.is_(False))
    query = sa.select(table.c.message, table.c.action).where(*mine)
    query = query.order_by(table.c.at, table.c.message, table.c.action)
    async with database.read() as read:
        return [(row.message, row.action) for row in await read.execute(query)]


async def decided(database: Database, connection: str, user: str, messages: Sequence[str]) -> set[str]:
    """Which of some messages have been decided about."""
    table = db.acted
    mine = (table.c.connection == connection, table.c.user == user, table.c.message.in_(messages))
    async with database.read() as read:
        return set((await read.execute(sa.select(table.c.message).where(*mine))).scalars())


async def purge(database: Database, connection: str, before: datetime) -> None:
    """Delete what is too old for its message to be read again."""
    table = db.acted
    old = (table.c.connection == connection, table.c.at < before, table.c.done.is_(True))
    async with database.write() as write:
        await write.execute(sa.delete(table).where(*old))


async def listed(database: Database, connection: str) -> list[dict[str, Any]]:
    """Everything that was decided in a connection, oldest first."""
    table = db.acted
    query = sa.select(table).where(table.c.connection == connection).order_by(table.c.at, table.c.message)
    async with database.read() as read:
        return [dict(row) for row in (await read.execute(query)).mappings()]


async def count(database: Database, connection: str) -> dict[str, int]:
    """How many messages there are of each action."""
    table = db.acted
    query = sa.select(table.c.action, sa.func.count()).where(table.c.connection == connection).group_by(table.c.action)
    async with database.read() as read:
        return {row[0]: row[1] for row in await read.execute(query)}
