"""What was decided about messages: written down before anything is done to one, and ticked off when it is done.

A message is decided about once. What was decided and not done is done by the next run that reads the mailbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, insert_new, step
from shared.storage.ids import ConnectionId

# No policy's action: the message could not be looked into as far as a policy asks, and nothing else meant it.
UNINSPECTED = "uninspected"
NOTHING_TO_DO = frozenset({UNINSPECTED, "pass"})
# What a policy that only reports would have done, and whose it is: several may mean one message.
WOULD = "would "


def would(action: str, policy: str) -> str:
    """What is written down of an action that is not done."""
    return f"{WOULD}{action} ({policy})"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is to be done to one message, by which policy, for what kinds of reasons."""

    user: str
    message: str
    policy: str
    actions: tuple[str, ...]
    findings: tuple[str, ...] = ()


async def decide(
    write: AsyncConnection, connection_id: ConnectionId, decided: Sequence[Decision], now: datetime
) -> bool:
    """Write down what was decided about one message inside the caller's transaction; what needs no doing is done.

    False if somebody else has decided about the message meanwhile.
    """
    rows = [
        {
            "connection": connection_id,
            "user": one.user,
            "message": one.message,
            "policy": one.policy,
            "action": action,
            "at": now,
            "findings": list(one.findings),
            "done": action in NOTHING_TO_DO or action.startswith(WOULD),
        }
        for one in decided
        for action in one.actions
    ]
    return bool((await write.execute(insert_new(write, db.decisions).values(rows))).rowcount)


def _open(connection_id: ConnectionId, user: str, message: str, action: str) -> tuple[sa.ColumnElement[bool], ...]:
    table = db.decisions.c
    mine = (table.connection == connection_id, table.user == user, table.message == message)
    return *mine, table.action == action, table.done.is_(False)


async def is_open(database: Database, connection_id: ConnectionId, user: str, message: str, action: str) -> bool:
    """Whether something is still to be done: it was not done meanwhile, nor left undone by a release."""
    query = sa.select(db.decisions.c.message).where(*_open(connection_id, user, message, action))
    async with database.read() as read:
        return (await read.execute(query)).first() is not None


async def done(database: Database, connection_id: ConnectionId, user: str, message: str, action: str) -> bool:
    """Tick off what was done; False if it was not to be done any more."""
    ticked = sa.update(db.decisions).where(*_open(connection_id, user, message, action)).values(done=True)
    async with database.write() as write:
        return bool((await write.execute(ticked)).rowcount)


async def drop(write: AsyncConnection, connection_id: ConnectionId, user: str, message: str) -> None:
    """Leave undone what was decided about a message and not done, inside the caller's transaction."""
    table = db.decisions
    mine = (table.c.connection == connection_id, table.c.user == user, table.c.message == message)
    await write.execute(sa.update(table).where(*mine).values(done=True))


async def undone(database: Database, connection_id: ConnectionId, user: str) -> list[tuple[str, str]]:
    """(message, action) of what was decided in a mailbox and not done, oldest first."""
    table = db.decisions
    mine = (table.c.connection == connection_id, table.c.user == user, table.c.done.is_(False))
    query = sa.select(table.c.message, table.c.action).where(*mine)
    query = query.order_by(table.c.at, table.c.message, table.c.action)
    async with database.read() as read:
        return [(row.message, row.action) for row in await read.execute(query)]


async def decided(database: Database, connection_id: ConnectionId, user: str, messages: Sequence[str]) -> set[str]:
    """Which of some messages have been decided about."""
    table = db.decisions
    mine = (table.c.connection == connection_id, table.c.user == user, table.c.message.in_(messages))
    async with database.read() as read:
        return set((await read.execute(sa.select(table.c.message).where(*mine))).scalars())


async def purge(write: AsyncConnection, before: datetime) -> None:
    """Delete what is too old for its message to be read again, of any connection, inside the caller's transaction."""
    table = db.decisions
    await write.execute(sa.delete(table).where(table.c.at < before, table.c.done.is_(True)))


@dataclass(frozen=True, kw_only=True)
class Done:
    """What was done to messages in a span of time.

    `by_step` is (step, action, number), `by_policy` (policy, action, number), the most first, with what policies that
    only report would have done ("would quarantine").
    """

    messages: int
    uninspected: int
    by_step: list[tuple[int, str, int]]
    by_policy: list[tuple[str, str, int]]


async def would_have(database: Database, connection_id: ConnectionId, policy: str) -> int:
    """On how many messages a policy that only reports would have acted, of those that are on record."""
    table = db.decisions.c
    messages = sa.func.count(sa.distinct(table.user + " " + table.message))
    its = (table.connection == connection_id, table.policy == policy, table.action.like(f"{WOULD}%"))
    async with database.read() as read:
        return int((await read.execute(sa.select(messages).where(*its))).scalar_one())


async def counted(
    read: AsyncConnection, connection_id: ConnectionId, begin: datetime, ends: Sequence[datetime]
) -> Done:
    """What was done between `begin` and the last of `ends`, each of which ends a step of that time."""
    table, number = db.decisions.c, sa.func.count()
    within = (table.connection == connection_id, table.at >= begin, table.at < ends[-1])
    done = (*within, table.done.is_(True), table.action != UNINSPECTED)
    mine = (*done, table.action.not_like(f"{WOULD}%"))
    # A message's id means something in its own mailbox only.
    messages = sa.select(sa.func.count(sa.distinct(table.user + " " + table.message))).where(*mine)
    unseen = sa.select(number).where(*within, table.action == UNINSPECTED)
    by_step = sa.select(step(table.at, ends), table.action, number).where(*mine).group_by("step", table.action)
    by_policy = (
        sa.select(table.policy, table.action, number.label("number"))
        .where(*done)
        .group_by(table.policy, table.action)
        .order_by(sa.desc("number"), table.policy, table.action)
    )
    return Done(
        messages=(await read.execute(messages)).scalar_one(),
        uninspected=(await read.execute(unseen)).scalar_one(),
        by_step=[(row[0], row[1], row[2]) for row in await read.execute(by_step)],
        by_policy=[(row[0], row[1].removesuffix(f" ({row[0]})"), row[2]) for row in await read.execute(by_policy)],
    )


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Forget every decision of a connection, inside the caller's transaction."""
    await write.execute(sa.delete(db.decisions).where(db.decisions.c.connection == connection_id))


async def listed(database: Database, connection_id: ConnectionId) -> list[dict[str, Any]]:
    """Everything that was decided in a connection, oldest first."""
    table = db.decisions
    query = sa.select(table).where(table.c.connection == connection_id).order_by(table.c.at, table.c.message)
    async with database.read() as read:
        return [dict(row) for row in (await read.execute(query)).mappings()]


async def count(database: Database, connection_id: ConnectionId) -> dict[str, int]:
    """How many messages there are of each action."""
    table = db.decisions
    query = (
        sa.select(table.c.action, sa.func.count()).where(table.c.connection == connection_id).group_by(table.c.action)
    )
    async with database.read() as read:
        return {row[0]: row[1] for row in await read.execute(query)}
