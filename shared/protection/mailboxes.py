"""The mailboxes of a connection: how far each has been read, what news of it has come, until when it is watched.

A position only ever moves forward, and never past what has not been dealt with.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shared.connections.due import in_stages
from shared.connections.stages import Stage
from shared.foundation.schedule import Site
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert
from shared.storage.ids import ConnectionId

# As long as a function may run.
MAILBOX_LEASE = timedelta(minutes=10)
# A mailbox whose reading was begun this often, and never ended, may be what kills the process that reads it.
MAX_BEGUN_RUNS = 5
PUT_ASIDE = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """One user's mailbox. `position` and `noticed` are the platform's own counters; `label` an id it gave out."""

    user: str
    address: str
    position: int | None
    noticed: int | None
    watched_until: datetime | None
    renewed_at: datetime | None
    read_at: datetime | None
    catching_up: dict[str, Any] | None
    label: str | None
    reason: str | None
    not_before: datetime | None
    lease: str | None
    lease_until: datetime | None
    begun: int


def _mailbox(row: Any) -> Mailbox:
    values = dict(row._mapping)
    del values["connection"]
    return Mailbox(**values)


async def listed(database: Database, connection_id: ConnectionId) -> list[Mailbox]:
    """Every mailbox that is known."""
    table = db.mailboxes
    async with database.read() as read:
        rows = await read.execute(sa.select(table).where(table.c.connection == connection_id).order_by(table.c.user))
        return [_mailbox(row) for row in rows]


async def keep(database: Database, connection_id: ConnectionId, user: str, address: str, **values: Any) -> None:
    """Set what is known of a mailbox, new or old. The address is kept in lower case, as it is looked for."""
    table = db.mailboxes
    known = {"address": address.lower(), **values}
    async with database.write() as write:
        await write.execute(upsert(write, table, known).values(connection=connection_id, user=user, **known))


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Forget every mailbox of a connection, inside the caller's transaction."""
    await write.execute(sa.delete(db.mailboxes).where(db.mailboxes.c.connection == connection_id))


async def forget(database: Database, connection_id: ConnectionId, users: Sequence[str]) -> None:
    """Forget mailboxes."""
    table = db.mailboxes
    async with database.write() as write:
        await write.execute(sa.delete(table).where(table.c.connection == connection_id, table.c.user.in_(users)))


async def notice(database: Database, platform: str, news: Mapping[str, int]) -> list[ConnectionId]:
    """Note news of mailboxes, {address in lower case: position}; the running connections that have some to read.

    News that is older than what has been read or noted leads to nothing; the same news once more is told once more.
    """
    table = db.mailboxes
    position = sa.case(dict(news), value=table.c.address)
    newer = (
        table.c.address.in_(news),
        table.c.connection.in_(in_stages(Stage.RUN, platform=platform)),
        sa.func.coalesce(table.c.position, 0) < position,
        sa.func.coalesce(table.c.noticed, 0) <= position,
    )
    noting = sa.update(table).where(*newer).values(noticed=position).returning(table.c.connection)
    async with database.write() as write:
        return list(dict.fromkeys((await write.execute(noting)).scalars()))


def _news() -> sa.ColumnElement[bool]:
    """There is something to read; a lease that nobody has given back means that a reading did not come to its end."""
    table = db.mailboxes
    unfinished = sa.or_(table.c.catching_up.is_not(None), table.c.lease.is_not(None))
    return sa.or_(table.c.noticed > table.c.position, unfinished)


def _unread(now: datetime) -> sa.ColumnElement[bool]:
    table = db.mailboxes
    return sa.and_(
        table.c.position.is_not(None),
        _news(),
        sa.or_(table.c.not_before.is_(None), table.c.not_before <= now),
        sa.or_(table.c.lease.is_(None), table.c.lease_until <= now),
    )


async def take(database: Database, connection_id: ConnectionId, now: datetime, most: int) -> list[Mailbox]:
    """Take some mailboxes with news to read, for oneself alone until they are given back.

    Those whose reading keeps dying are put aside for an hour.
    """
    table, token = db.mailboxes, secrets.token_hex(8)
    ready = sa.and_(table.c.connection == connection_id, _unread(now))
    some = sa.select(table.c.user).where(ready).order_by(table.c.noticed).limit(most)
    async with database.write() as write:
        users = list((await write.execute(some.with_for_update(skip_locked=True))).scalars())
        taken = sa.update(table).where(table.c.connection == connection_id, table.c.user.in_(users))
        await write.execute(taken.values(lease=token, lease_until=now + MAILBOX_LEASE, begun=table.c.begun + 1))
        aside = sa.update(table).where(
            table.c.connection == connection_id, table.c.lease == token, table.c.begun > MAX_BEGUN_RUNS
        )
        why = "Reading the mailbox was started several times and never finished."
        await write.execute(aside.values(lease=None, lease_until=None, begun=0, reason=why, not_before=now + PUT_ASIDE))
        rows = await write.execute(sa.select(table).where(table.c.connection == connection_id, table.c.lease == token))
        return [_mailbox(row) for row in rows]


async def put_off(database: Database, connection_id: ConnectionId, mailbox: Mailbox, **values: Any) -> bool:
    """Give a mailbox back that was not read to its end. The position may be past the news that led to it by now."""
    table = db.mailboxes
    rest = sa.case((table.c.noticed > table.c.position, table.c.noticed), else_=table.c.position + 1)
    return await _give_back(database, connection_id, mailbox, noticed=rest, **values)


async def _give_back(database: Database, connection_id: ConnectionId, mailbox: Mailbox, **values: Any) -> bool:
    """Let others have a taken mailbox; False if it is not ours any more."""
    table = db.mailboxes
    mine = (table.c.connection == connection_id, table.c.user == mailbox.user, table.c.lease == mailbox.lease)
    async with database.write() as write:
        changed = await write.execute(
            sa.update(table).where(*mine).values(lease=None, lease_until=None, begun=0, **values)
        )
    return bool(changed.rowcount)


async def finish(database: Database, connection_id: ConnectionId, mailbox: Mailbox, **values: Any) -> bool:
    """Give a mailbox back that has been read to its end: the news that led to it is dealt with, later news is not."""
    noticed = db.mailboxes.c.noticed
    rest = sa.case((noticed == mailbox.noticed, sa.null()), else_=noticed)
    read = {"noticed": rest, "catching_up": None, "not_before": None, "reason": None, **values}
    return await _give_back(database, connection_id, mailbox, **read)


async def move(database: Database, connection_id: ConnectionId, mailbox: Mailbox, **values: Any) -> None:
    """Write how far a taken mailbox has been read by now, and keep it."""
    table = db.mailboxes
    mine = (table.c.connection == connection_id, table.c.user == mailbox.user, table.c.lease == mailbox.lease)
    async with database.write() as write:
        await write.execute(sa.update(table).where(*mine).values(**values))


async def next_unread(database: Database, connection_id: ConnectionId, now: datetime) -> datetime | None:
    """When there will be something to read: now, later because a mailbox must wait, or None if nothing is known."""
    table = db.mailboxes
    when = sa.select(table.c.not_before, table.c.lease_until).where(
        table.c.connection == connection_id, table.c.position.is_not(None), _news()
    )
    async with database.read() as read:
        moments = [max(row.not_before or now, row.lease_until or now) for row in await read.execute(when)]
    return min(moments, default=None)


async def unread(database: Database, sites: Sequence[Site], now: datetime) -> list[ConnectionId]:
    """The running connections of some sites that have a mailbox with something to read now."""
    table = db.mailboxes
    running = table.c.connection.in_(in_stages(Stage.RUN, sites=sites))
    query = sa.select(table.c.connection).where(running, _unread(now)).distinct()
    async with database.read() as read:
        return list((await read.execute(query)).scalars())


@dataclass(frozen=True)
class Watched:
    """How many mailboxes are read, how many of them are watched, and how many were put aside after a failure."""

    mailboxes: int
    watched: int
    put_aside: int


async def watched(read: AsyncConnection, connection_id: ConnectionId, now: datetime) -> Watched:
    """How the mailboxes that are read are doing."""
    table = db.mailboxes.c
    live = sa.func.sum(sa.case((table.watched_until > now, 1), else_=0))
    aside = sa.func.sum(sa.case((table.reason.is_not(None), 1), else_=0))
    mine = (table.connection == connection_id, table.position.is_not(None))
    known, seen, put_aside = (await read.execute(sa.select(sa.func.count(), live, aside).where(*mine))).one()
    return Watched(known, seen or 0, put_aside or 0)


async def watches(database: Database, now: datetime) -> tuple[int, datetime | None]:
    """Of the mailboxes of running connections that are not set aside: how many are not watched any more, and when the
    first of the others will not be, unless it is renewed.
    """
    table = db.mailboxes.c
    until = table.watched_until
    counts = sa.func.count().filter(until <= now), sa.func.min(until).filter(until > now)
    ours = (table.connection.in_(in_stages(Stage.RUN)), table.position.is_not(None), table.reason.is_(None))
    async with database.read() as read:
        gone, first = (await read.execute(sa.select(*counts).where(*ours))).one()
        return int(gone), first


async def rescan_all(database: Database, connection_id: ConnectionId) -> None:
    """Have every mailbox read once more from where it was left, for notifications may be lost."""
    table = db.mailboxes
    mine = (table.c.connection == connection_id, table.c.position.is_not(None))
    async with database.write() as write:
        one_more = sa.case((table.c.noticed > table.c.position, table.c.noticed), else_=table.c.position + 1)
        await write.execute(sa.update(table).where(*mine).values(noticed=one_more))


async def label_of(database: Database, connection_id: ConnectionId, user: str) -> str | None:
    """The id of the label that we put on messages of a mailbox, if it is known."""
    table = db.mailboxes
    mine = (table.c.connection == connection_id, table.c.user == user)
    async with database.read() as read:
        found: str | None = (await read.execute(sa.select(table.c.label).where(*mine))).scalar()
        return found
