"""Access tokens: sealed at rest, handed out while they last, renewed by the run that holds the connection's lease."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shared.deployment.sealing import Seal
from shared.foundation.clock import Clock
from shared.foundation.errors import ConsentMissing, FootprintError
from shared.foundation.telemetry import count
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert
from shared.storage.ids import ConnectionId

Given = tuple[str, datetime]
"""A token and its expiry."""
Fetch = Callable[[str], Awaitable[Given]]
"""Asks the platform for a token of one resource."""
Answers = Mapping[str, Given | BaseException]
"""By resource: the new token, or why there is none."""

# A token that ends while a long call is under way is no use.
MIN_TOKEN_LIFE = timedelta(minutes=5)


class Tokens:
    """One connection's tokens. With `keep` off nothing is stored: what clean-up needs leaves no trace here either."""

    def __init__(
        self,
        *,
        database: Database,
        seal: Seal,
        clock: Clock,
        connection_id: ConnectionId,
        resources: tuple[str, ...],
        fetch: Fetch,
        keep: bool,
    ) -> None:
        """`resources`: what a token is held of while the connection lasts."""
        self.resources = resources
        self._database, self._seal, self._clock = database, seal, clock
        self._connection, self._fetch, self._keep = connection_id, fetch, keep
        self._at_hand: dict[str, tuple[str, datetime]] = {}
        self._at_rest: dict[str, tuple[bytes, datetime]] | None = None
        self._reading = asyncio.Lock()

    async def get(self, resource: str) -> str:
        """A token of `resource` that lasts for MIN_TOKEN_LIFE at least. Raises what the platform's refusal means."""
        soon = self._clock.now() + MIN_TOKEN_LIFE
        value, expires_at = self._at_hand.get(resource) or await self._stored(resource) or ("", soon)
        if expires_at <= soon:
            return await self.new(resource)
        self._at_hand[resource] = value, expires_at
        return value

    async def new(self, resource: str) -> str:
        """A new token, whatever is stored."""
        await self.renew(resource)
        return self._at_hand[resource][0]

    async def renew(self, *resources: str) -> None:
        """New tokens, whatever is stored, asked for side by side. An old one is replaced once its new one is there.

        Those that were given are stored though another was refused; then that refusal is raised. Where the consent is
        gone the old token goes too: what it still sees would be told as the consent's return.
        """
        answers = await self._ask(resources)
        if rows := await self.sealed(answers):
            async with self._database.write() as write:
                await store(write, rows)
        await self.settle(answers)

    async def renew_all(self) -> None:
        """The same of every resource that a token is held of."""
        await self.renew(*self.resources)

    async def ask_all(self) -> Answers:
        """What the platform answers for each of them. Nothing is stored: that is for the caller, who settles it."""
        return await self._ask(self.resources)

    async def sealed(self, answers: Answers) -> list[dict[str, Any]]:
        """The rows for `store` of what was given; none where nothing is to be kept."""
        given = {name: one for name, one in answers.items() if not isinstance(one, BaseException)}
        if not self._keep or not given:
            return []
        box, now = await self._seal.credentials(self._connection), self._clock.now()
        self._at_rest = None
        return [
            {
                "connection": self._connection,
                "resource": resource,
                "sealed": box.seal(value, about=f"token {resource}"),
                "obtained_at": now,
                "expires_at": expires_at,
            }
            for resource, (value, expires_at) in given.items()
        ]

    async def settle(self, answers: Answers) -> None:
        """Throw away what a consent that is gone had given. Raises the first refusal, if there was one."""
        for name, answer in answers.items():
            if isinstance(answer, ConsentMissing):
                await self.discard(name)
        refused = [answer for answer in answers.values() if isinstance(answer, BaseException)]
        for one in refused:
            count("token_failures", code=one.code if isinstance(one, FootprintError) else type(one).__name__)
        if refused:
            raise refused[0]

    async def _ask(self, resources: Sequence[str]) -> Answers:
        asked = await asyncio.gather(*(self._fetch(resource) for resource in resources), return_exceptions=True)
        answers = dict(zip(resources, asked, strict=True))
        self._at_hand |= {name: one for name, one in answers.items() if not isinstance(one, BaseException)}
        return answers

    async def discard(self, resource: str) -> None:
        """Throw a token away that the platform refused: it keeps saying what was true when it was minted."""
        self._at_hand.pop(resource, None)
        self._at_rest = None
        async with self._database.write() as write:
            await write.execute(sa.delete(db.tokens).where(*self._row(resource)))

    def _row(self, resource: str) -> tuple[sa.ColumnElement[bool], ...]:
        return db.tokens.c.connection == self._connection, db.tokens.c.resource == resource

    async def names(self) -> list[str]:
        """The resources for which a token is stored."""
        return sorted(await self._rows())

    async def forget_all(self) -> None:
        """Delete every stored token."""
        async with self._database.write() as write:
            await forget_all(write, self._connection)
        self._at_rest = None

    async def _rows(self) -> dict[str, tuple[bytes, datetime]]:
        """What is stored; read once for all resources, for a run that needs one mostly needs the others too."""
        async with self._reading:
            if self._at_rest is None:
                self._at_rest = await stored(self._database, self._connection)
            return self._at_rest

    async def _stored(self, resource: str) -> tuple[str, datetime] | None:
        if (found := (await self._rows()).get(resource)) is None:
            return None
        box = await self._seal.credentials(self._connection)
        return box.unseal(found[0], about=f"token {resource}"), found[1]


async def store(write: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep sealed tokens, of one connection or of many, in place of older ones, inside the caller's transaction."""
    await write.execute(upsert(write, db.tokens).values(rows))


async def stored(database: Database, connection_id: ConnectionId) -> dict[str, tuple[bytes, datetime]]:
    """The sealed tokens of this connection by resource, each with its expiry."""
    async with database.read() as read:
        rows = await read.execute(sa.select(db.tokens).where(db.tokens.c.connection == connection_id))
        return {row.resource: (row.sealed, row.expires_at) for row in rows}


@dataclass(frozen=True)
class Kept:
    """How many tokens are stored, how many of them ran out before a moment, when one was last renewed."""

    number: int
    expired: int
    renewed_at: datetime | None


async def kept(read: AsyncConnection, connection_id: ConnectionId, late: datetime) -> Kept:
    """What is stored of a connection; `late` is the moment by which a token that is renewed in time has not run out."""
    table = db.tokens.c
    expired = sa.func.sum(sa.case((table.expires_at <= late, 1), else_=0))
    query = sa.select(sa.func.count(), expired, sa.func.max(table.obtained_at))
    number, over, renewed_at = (await read.execute(query.where(table.connection == connection_id))).one()
    return Kept(number, over or 0, renewed_at)


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Delete every stored token of a connection, inside the caller's transaction."""
    await write.execute(sa.delete(db.tokens).where(db.tokens.c.connection == connection_id))
