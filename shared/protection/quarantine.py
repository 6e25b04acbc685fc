"""Messages that policies took out of mailboxes and that can be put back: a row for each.

The message itself stays in its mailbox's own bin, as long as that keeps it. Of what it says only sender and subject are
kept, sealed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from shared.connections.due import in_stages
from shared.connections.record import Connection, hold
from shared.connections.stages import Stage
from shared.deployment.sealing import Box, Sealed
from shared.engine import chain
from shared.foundation.schedule import Site
from shared.protection import decisions
from shared.protection.decisions import Decision
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, insert_new
from shared.storage.ids import ConnectionId

# As long as a mailbox's bin keeps what lies in it.
QUARANTINE_MAX_AGE = timedelta(days=30)
# What has come to an end is shown a while longer, if its time is up already.
SHOWN_FOR = timedelta(days=7)
# What a message's name here is one of.
NAMED = "quarantine"
MAX_HEADER_CHARS = 500  # characters of a sender or a subject
MAX_ROWS_A_STATEMENT = 200


class QuarantineState(StrEnum):
    """Where a message is."""

    WAITING = "waiting"
    RELEASING = "releasing"
    RELEASED = "released"
    RESTORED = "restored"
    """Its owner took it out of the bin."""
    GONE = "gone"
    """It is not in the mailbox any more."""


# In the bin, as far as is known.
INSIDE = (str(QuarantineState.WAITING), str(QuarantineState.RELEASING))


@dataclass(frozen=True, kw_only=True)
class QuarantinedMessage:
    """One message. `id` is its name here, `message` the platform's, `labels` what it bore before."""

    id: str
    number: int
    user: str
    address: str
    message: str
    policy: str
    sender: str
    subject: str
    labels: tuple[str, ...]
    at: datetime
    until: datetime
    state: QuarantineState
    told: str | None


def _about(user: str, message: str) -> str:
    return f"quarantine {user} {message}"


SEALED = Sealed(table=db.quarantine, about=lambda row: _about(row.user, row.message))


def _plain(text: str) -> str:
    """As much of a text as is kept, without halves of characters."""
    return text[:MAX_HEADER_CHARS].encode("utf-8", "replace").decode()


async def add(
    write: AsyncConnection,
    box: Box,
    connection_id: ConnectionId,
    decision: Decision,
    *,
    address: str,
    sender: str,
    subject: str,
    labels: Sequence[str],
    now: datetime,
) -> None:
    """Add a message that is about to be taken out, with the decision inside the caller's transaction."""
    words = json.dumps([_plain(sender), _plain(subject)])
    await write.execute(
        insert_new(write, db.quarantine).values(
            connection=connection_id,
            user=decision.user,
            address=address,
            message=decision.message,
            policy=decision.policy,
            sealed=box.seal(words, about=_about(decision.user, decision.message)),
            labels=list(labels),
            at=now,
            until=now + QUARANTINE_MAX_AGE,
            state=str(QuarantineState.WAITING),
            look_at=now + QUARANTINE_MAX_AGE,
        )
    )


def opened(box: Box, row: Any) -> QuarantinedMessage:
    """A row with its sealed words."""
    sender, subject = json.loads(box.unseal(row.sealed, about=_about(row.user, row.message)))
    return QuarantinedMessage(
        id=box.name(row.number, about=NAMED),
        number=row.number,
        user=row.user,
        address=row.address,
        message=row.message,
        policy=row.policy,
        sender=sender,
        subject=subject,
        labels=tuple(row.labels),
        at=row.at,
        until=row.until,
        state=QuarantineState(row.state),
        told=row.told,
    )


async def count(database: Database, connection_id: ConnectionId) -> int:
    """How many messages wait."""
    table = db.quarantine
    query = sa.select(sa.func.count()).where(table.c.connection == connection_id, table.c.state.in_(INSIDE))
    async with database.read() as read:
        return int((await read.execute(query)).scalar_one())


async def holding(database: Database, connections: sa.Select[ConnectionId]) -> set[ConnectionId]:
    """Those of some connections that have a message in quarantine."""
    table = db.quarantine.c
    query = sa.select(table.connection).where(table.connection.in_(connections), table.state.in_(INSIDE)).distinct()
    async with database.read() as read:
        return set((await read.execute(query)).scalars())


async def state_of(database: Database, connection_id: ConnectionId, number: int) -> QuarantineState | None:
    """Where a message is, or None if there is no such."""
    async with database.read() as read:
        found = (await read.execute(sa.select(db.quarantine.c.state).where(*_row(connection_id, number)))).scalar()
        return QuarantineState(found) if found else None


async def release(
    database: Database, connection: Connection, item: str, number: int, *, actor: str, now: datetime
) -> bool:
    """Note that a message is to be put back; False if it does not wait. Whatever was to be done to it is not done."""
    table = db.quarantine
    async with database.write() as write:
        await hold(write, connection.id)  # first, as each write of a run does
        changed = await write.execute(
            sa.update(table)
            .where(*_row(connection.id, number), table.c.state == str(QuarantineState.WAITING))
            .values(state=str(QuarantineState.RELEASING), told=None, look_at=now)
        )
        it = sa.select(table.c.user, table.c.message).where(*_row(connection.id, number))
        row = (await write.execute(it)).first()
        if changed.rowcount and row:
            await decisions.drop(write, connection.id, row.user, row.message)
            note = f"release of message {item} requested"
            await chain.order(write, connection, now, actor, note, key="quarantine")
    return bool(changed.rowcount)


async def due(
    database: Database, box: Box, connection_id: ConnectionId, now: datetime, most: int
) -> list[QuarantinedMessage]:
    """Messages that are to be put back, or looked at because their time is up."""
    table = db.quarantine
    return await some(database, box, (table.c.connection == connection_id, table.c.look_at <= now), most)


async def some(
    database: Database, box: Box, which: Sequence[sa.ColumnElement[bool]], most: int
) -> list[QuarantinedMessage]:
    """Some messages, oldest first."""
    query = sa.select(db.quarantine).where(*which).order_by(db.quarantine.c.number).limit(most)
    async with database.read() as read:
        return [opened(box, row) for row in (await read.execute(query)).all()]


async def connections_due(database: Database, sites: Sequence[Site], now: datetime) -> list[ConnectionId]:
    """The running connections of some sites that have such messages."""
    table = db.quarantine
    mine = (table.c.connection.in_(in_stages(Stage.RUN, sites=sites)), table.c.look_at <= now)
    async with database.read() as read:
        return list((await read.execute(sa.select(table.c.connection).where(*mine).distinct())).scalars())


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Forget every message of a connection, inside the caller's transaction."""
    await write.execute(sa.delete(db.quarantine).where(db.quarantine.c.connection == connection_id))


async def next_due(database: Database, connection_id: ConnectionId) -> datetime | None:
    """When the next message is to be looked at, or None."""
    table = db.quarantine
    async with database.read() as read:
        query = sa.select(sa.func.min(table.c.look_at)).where(table.c.connection == connection_id)
        found: datetime | None = (await read.execute(query)).scalar()
        return found


async def settle(
    database: Database,
    connection_id: ConnectionId,
    item: QuarantinedMessage,
    *,
    state: QuarantineState,
    look_at: datetime,
    told: str | None = None,
) -> None:
    """Note what was seen of a message, or done, and when to look again; nothing if it is not as it was any more."""
    async with database.write() as write:
        await write.execute(
            sa.update(db.quarantine)
            .where(*_row(connection_id, item.number), db.quarantine.c.state == str(item.state))
            .values(state=str(state), told=told, look_at=look_at)
        )


async def waits(database: Database, connection_id: ConnectionId, user: str, message: str) -> bool:
    """Whether a message was taken out and nobody has asked for it back."""
    table = db.quarantine
    mine = (table.c.connection == connection_id, table.c.user == user, table.c.message == message)
    query = sa.select(table.c.number).where(*mine, table.c.state == str(QuarantineState.WAITING))
    async with database.read() as read:
        return (await read.execute(query)).first() is not None


async def lost(database: Database, connection_id: ConnectionId, user: str, message: str) -> None:
    """A message was gone before it could be taken out."""
    table = db.quarantine
    mine = (table.c.connection == connection_id, table.c.user == user, table.c.message == message)
    async with database.write() as write:
        await write.execute(sa.delete(table).where(*mine))


async def drop(database: Database, connection_id: ConnectionId, item: QuarantinedMessage) -> None:
    """Forget a message."""
    async with database.write() as write:
        await write.execute(sa.delete(db.quarantine).where(*_row(connection_id, item.number)))


def _row(connection_id: ConnectionId, number: int) -> tuple[sa.ColumnElement[bool], ...]:
    return db.quarantine.c.connection == connection_id, db.quarantine.c.number == number
