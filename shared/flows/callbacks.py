"""What browsers bring back from a platform to a process that cannot open a tenant: sealed for the workers.

A worker takes it, and leaves word for that browser of what came of it. What it has seen of a sign-in is sealed as
credentials are, so that nobody else can say that somebody has signed in.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shared.connections.record import Connection
from shared.deployment.queues import Job
from shared.deployment.workers_key import ForWorkers, for_workers, opened
from shared.flows.app import App
from shared.foundation.errors import FootprintError, Permanent, Refused, Temporary
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database
from shared.storage.ids import ConnectionId, new_id

log = logging.getLogger(__name__)

JOB = "consent"
# As long as a sign-in may take, and the consent after it.
CALLBACK_MAX_AGE = timedelta(minutes=30)
# Longer than a message is on its way.
STRANDED_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class Callback:
    """What a browser brought back; `signed_in` is the tenant to which its state says that somebody has signed in."""

    id: str
    browser: str
    state: str
    signed_in: str
    query: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Word:
    """What a worker says to a browser: wait, go on to the consent of a tenant, or why not."""

    id: str
    waits: bool = False
    signed_in: str = ""
    refused: Refused | None = None


async def keep(app: App, connection: Connection, callback: Callback) -> None:
    """Keep a callback for the workers alone, and have one take it."""
    content = json.dumps({"state": callback.state, "signed_in": callback.signed_in, "query": dict(callback.query)})
    sealed = await for_workers(app.database, app.seal, content, about=_about(connection.id, callback.id))
    row = {"id": callback.id, "connection": connection.id, "browser": callback.browser, "at": app.clock.now()}
    async with app.database.write() as write:
        await write.execute(sa.insert(db.callbacks).values(**row, key=sealed.key, sealed=sealed.sealed))
    await app.queue.send(Job(name=JOB, connection_id=connection.id), app.clock.now())


def received(browser: str, state: str, signed_in: str, query: Mapping[str, str]) -> Callback:
    """A callback that has just come."""
    return Callback(id=new_id(), browser=browser, state=state, signed_in=signed_in, query=query)


async def waiting(app: App, connection: Connection) -> list[Callback]:
    """In a worker: the callbacks of a connection that nobody has taken, the oldest first."""
    table = db.callbacks
    mine = (table.c.connection == connection.id, table.c.sealed.is_not(None), table.c.at > _oldest(app.clock.now()))
    async with app.database.read() as read:
        rows = (await read.execute(sa.select(table).where(*mine).order_by(table.c.at, table.c.id))).all()
    found = []
    for row in rows:
        one = ForWorkers(key=row.key, sealed=row.sealed)
        try:
            content = await opened(app.database, app.seal, one, about=_about(connection.id, row.id))
        except Permanent as error:  # somebody wrote it into the database
            log.warning("a callback does not open", extra={"connection": connection.id, "reason": error.code})
            continue
        found.append(Callback(id=row.id, browser=row.browser, **json.loads(content)))
    return found


async def take(database: Database, callback: Callback) -> bool:
    """Take a callback, which nobody can do twice: what it holds is good once, and is not kept."""
    table = db.callbacks
    mine = table.c.id == callback.id, table.c.sealed.is_not(None)
    async with database.write() as write:
        return bool((await write.execute(sa.update(table).where(*mine).values(sealed=None))).rowcount)


async def leave_word(app: App, connection: Connection, callback: Callback, came: str | FootprintError) -> None:
    """Tell the browser what came of it: the tenant to whose consent it goes on, nothing more to do, or why not."""
    proven, outcome = None, {}
    if isinstance(came, FootprintError):
        status = came.status if isinstance(came, Refused) else 503 if isinstance(came, Temporary) else 502
        outcome = {"status": status, "code": came.code, "sentence": came.sentence}
    elif came:
        box = await app.seal.credentials(connection.id)
        proven, outcome = box.seal(came, about=_about_proof(callback.id, callback.browser)), {"signed_in": came}
    async with app.database.write() as write:
        told = sa.update(db.callbacks).where(db.callbacks.c.id == callback.id)
        await write.execute(told.values(outcome=outcome, proven=proven))


async def has_signed_in(app: App, connection: Connection, callback: Callback) -> bool:
    """In a worker: whether a worker has seen somebody sign in, in this browser, to the tenant of a callback."""
    table = db.callbacks
    mine = table.c.connection == connection.id, table.c.browser == callback.browser, table.c.proven.is_not(None)
    async with app.database.read() as read:
        rows = (await read.execute(sa.select(table).where(*mine, table.c.at > _oldest(app.clock.now())))).all()
    box = await app.seal.credentials(connection.id)
    seen = {box.unseal(row.proven, about=_about_proof(row.id, row.browser)) for row in rows}
    return callback.signed_in in seen


async def word(app: App, connection: Connection, browser: str) -> Word | None:
    """What there is to tell a browser; None once it was told, or has brought nothing."""
    table = db.callbacks
    mine = table.c.connection == connection.id, table.c.browser == browser, table.c.at > _oldest(app.clock.now())
    async with app.database.read() as read:
        query = sa.select(table).where(*mine).order_by(table.c.at.desc(), table.c.id.desc())
        row = (await read.execute(query.limit(1))).first()
    if row is None or row.outcome == {}:
        return None
    if row.outcome is None:
        return Word(id=row.id, waits=True)
    return _told(row.id, row.outcome)


def _told(number: str, outcome: Mapping[str, Any]) -> Word:
    if "signed_in" in outcome:
        return Word(id=number, signed_in=outcome["signed_in"])
    return Word(id=number, refused=Refused(outcome["status"], outcome["code"], outcome["sentence"]))


async def told(database: Database, one: Word) -> None:
    """The browser has been told; it is not told again."""
    async with database.write() as write:
        await write.execute(sa.update(db.callbacks).where(db.callbacks.c.id == one.id).values(outcome={}))


async def stranded(database: Database, now: datetime) -> list[ConnectionId]:
    """The connections with a callback that no worker has taken in time."""
    table = db.callbacks
    old = table.c.sealed.is_not(None), table.c.at <= now - STRANDED_AFTER, table.c.at > _oldest(now)
    async with database.read() as read:
        return list((await read.execute(sa.select(table.c.connection).where(*old).distinct())).scalars())


async def forget_old(write: AsyncConnection, now: datetime) -> None:
    """Delete what is over, inside the caller's transaction."""
    await write.execute(sa.delete(db.callbacks).where(db.callbacks.c.at <= _oldest(now)))


def _oldest(now: datetime) -> datetime:
    return now - CALLBACK_MAX_AGE


def _about(connection_id: str, number: str) -> str:
    return f"callback {number} of {connection_id}"


def _about_proof(number: str, browser: str) -> str:
    return f"sign-in {number} of {browser}"
