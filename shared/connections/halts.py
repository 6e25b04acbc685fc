"""The kill switch: while a halt stands, nothing is sent to the platforms of the connections that it is for.

A halt is for one connection, for a site or for everything. It is read before each attempt to change something at a
platform, and before those that only read once a second, so that it takes effect in every process.
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from shared.connections.lease import Superseded
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.foundation.clock import Clock
from shared.foundation.errors import Temporary
from shared.foundation.permits import READS_ASK_EVERY, permitted
from shared.foundation.schedule import Site
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert
from shared.storage.ids import ConnectionId

EVERYTHING = "everything"
SCOPE = re.compile(r"everything|site:[a-z]{2,8}|connection:[A-Za-z0-9_-]{1,64}")
CODE = "halted"


class Halted(Superseded):
    """A halt stands: the run ends as if it had lost its lease, before its next call."""

    def __init__(self, sentence: str) -> None:
        Temporary.__init__(self, CODE, sentence, after=timedelta(0))


@dataclass(frozen=True, kw_only=True)
class Halt:
    """A halt as it stands. `destroyed`: the data keys of its connections were destroyed with it."""

    scope: str
    at: datetime
    actor: str
    why: str
    destroyed: bool

    @property
    def sentence(self) -> str:
        """What a connection shows."""
        when = f"{self.at.day} {self.at:%b %Y, %H:%M} UTC"
        return (
            f"Halted by {self.actor} on {when}: {self.why}. Nothing is sent to the platform until the halt is lifted."
        )


def scopes(connection: Connection) -> tuple[str, ...]:
    """What a halt of this connection may be called, the widest first."""
    return EVERYTHING, f"site:{connection.site}", f"connection:{connection.id}"


def of_site(site: Site) -> str:
    """The scope of a site."""
    return f"site:{site}"


async def standing(database: Database) -> list[Halt]:
    """Every halt."""
    async with database.read() as read:
        return [_halt(row) for row in await read.execute(sa.select(db.halts).order_by(db.halts.c.at))]


async def of(database: Database, connection: Connection) -> Halt | None:
    """The halt that stands for a connection, the oldest if there are several."""
    table = db.halts
    query = sa.select(table).where(table.c.scope.in_(scopes(connection))).order_by(table.c.at).limit(1)
    async with database.read() as read:
        row = (await read.execute(query)).first()
        return _halt(row) if row else None


async def refuse(database: Database, connection: Connection) -> None:
    """Raises Halted while a halt stands for a connection."""
    if halt := await of(database, connection):
        raise Halted(halt.sentence)


def stands() -> sa.ColumnElement[bool]:
    """Whether a halt stands for a connection, to be asked of its row."""
    table, halted = db.connections.c, db.halts.c.scope
    return sa.exists().where(halted.in_((EVERYTHING, "site:" + table.site, "connection:" + table.id)))


class Watch:
    """The halts for many connections that are worked on side by side: read once a second for all of them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._found, self._read_at = dict[str, Halt](), datetime.min.replace(tzinfo=UTC)
        self._turn = asyncio.Lock()

    def heeded(self, connection: Connection) -> AbstractContextManager[None]:
        """As `heeded` does for one."""

        async def ask() -> None:
            async with self._turn:
                now = self._clock.now()
                if abs(now - self._read_at) >= READS_ASK_EVERY:
                    self._found = {one.scope: one for one in await standing(self._database)}
                    self._read_at = now
            for scope in scopes(connection):
                if halt := self._found.get(scope):
                    raise Halted(halt.sentence)

        return permitted(ask, reads_by=self._clock, reads_ask_every=timedelta(0))


def heeded(database: Database, clock: Clock, connection: Connection) -> AbstractContextManager[None]:
    """Inside the block an attempt to reach a platform asks first whether the connection was halted.

    What only reads may follow a halt by a second at most.
    """

    async def ask() -> None:
        await refuse(database, connection)

    return permitted(ask, reads_by=clock)


async def begin(write: AsyncConnection, halt: Halt) -> None:
    """Have a halt stand from now on, and its connections show it, inside the caller's transaction."""
    await write.execute(upsert(write, db.halts).values(**vars(halt)))
    table = db.connections
    await write.execute(
        sa.update(table)
        .where(table.c.id.in_(_within(halt.scope)))
        .values(
            status=str(Status.ATTENTION), reason=CODE, sentence=halt.sentence, reason_since=halt.at, not_before=None
        )
    )


async def lift(write: AsyncConnection, scope: str, now: datetime) -> bool:
    """End a halt inside the caller's transaction; its connections are due at once. False if there was none."""
    ended = await write.execute(sa.delete(db.halts).where(db.halts.c.scope == scope))
    if not ended.rowcount:
        return False
    table = db.connections
    mine = (table.c.id.in_(_within(scope)), table.c.reason == CODE)
    await write.execute(sa.update(table).where(*mine).values(not_before=now))
    return True


async def within(database: Database, scope: str) -> Sequence[ConnectionId]:
    """The connections that a halt of this scope is for: all that have not ended."""
    async with database.read() as read:
        return (await read.execute(_within(scope).order_by(db.connections.c.id))).scalars().all()


def _within(scope: str) -> sa.Select[ConnectionId]:
    table, (kind, _, name) = db.connections.c, scope.partition(":")
    query = sa.select(table.id).where(table.stage != int(Stage.CLOSED))
    match kind:
        case "site":
            return query.where(table.site == name)
        case "connection":
            return query.where(table.id == name)
    return query


def _halt(row: sa.Row[tuple[object, ...]]) -> Halt:
    return Halt(**row._mapping)
