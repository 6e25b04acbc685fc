"""Signed tokens that leave in links: bound to a purpose, short-lived, and most of them good for one use."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from shared.deployment.sealing import Seal
from shared.foundation.clock import Clock
from shared.foundation.errors import Refused
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, insert_new
from shared.storage.ids import ConnectionId, new_id


class Links:
    """The links of this deployment."""

    def __init__(self, seal: Seal, database: Database, clock: Clock) -> None:
        self._seal, self._database, self._clock = seal, database, clock

    async def create(self, purpose: str, connection_id: ConnectionId | None, life: timedelta) -> str:
        """A signed token for a link of one purpose, bound to one connection, remembered so it can be used up."""
        identifier, now = new_id(), self._clock.now()
        async with self._database.write() as write:
            await write.execute(
                sa.insert(db.links).values(
                    id=identifier, purpose=purpose, connection=connection_id, expires_at=now + life
                )
            )
        return await self._token(purpose, identifier)

    async def newest(self, purpose: str, connection_id: ConnectionId) -> str | None:
        """The token of the newest link of a purpose to a connection that is still valid."""
        links = db.links.c
        mine = (links.purpose == purpose, links.connection == connection_id, links.used_at.is_(None))
        query = sa.select(links.id).where(*mine, links.expires_at > self._clock.now()).order_by(links.expires_at.desc())
        async with self._database.read() as read:
            identifier = (await read.execute(query.limit(1))).scalar()
        return await self._token(purpose, identifier) if identifier else None

    async def ticket(self, purpose: str, life: timedelta, about: str = "") -> str:
        """A signed token that is good once. Nothing is stored of it before that, for anybody may ask for one.

        `about` stands in it for everybody to read, and holds no full stop.
        """
        until = int((self._clock.now() + life).timestamp())
        return await self._token(purpose, f"{new_id()}-{until}-{about}")

    async def spend(self, purpose: str, ticket: str, connection_id: ConnectionId | None = None) -> str:
        """Use a ticket up, and return what it is about. It counts as `spent` of the connection, if it is for one.

        Raises Refused if it is forged, too old, spent or of another kind.
        """
        identifier, now = await self._identifier(purpose, ticket), self._clock.now()
        _, until_stamp, about = identifier.split("-", 2)
        until = datetime.fromtimestamp(int(until_stamp), UTC)
        row = {"id": identifier, "purpose": purpose, "connection": connection_id, "expires_at": until, "used_at": now}
        if until <= now:
            raise _stale_link()
        async with self._database.write() as write:
            spent = await write.execute(insert_new(write, db.links).values(row))
        if spent.rowcount == 0:
            raise _stale_link()
        return about

    async def spent(self, purpose: str, connection_id: ConnectionId) -> int:
        """How many tickets of purposes that begin so were spent for a connection, of those that would still be good."""
        links = db.links.c
        mine = (links.connection == connection_id, links.purpose.startswith(purpose, autoescape=True))
        query = sa.select(sa.func.count()).where(*mine, links.expires_at > self._clock.now())
        async with self._database.read() as read:
            return int((await read.execute(query)).scalar_one())

    async def follow(self, purpose: str, token: str) -> ConnectionId:
        """The id of the connection that a link is bound to, empty if to none.

        Raises Refused if the link is forged, too old, used or of another kind.
        """
        identifier = await self._identifier(purpose, token)
        async with self._database.read() as read:
            row = (await read.execute(sa.select(db.links).where(db.links.c.id == identifier))).first()
        # Expiry is kept in the database, where our own clock decides.
        if row is None or row.used_at is not None or row.expires_at <= self._clock.now():
            raise _stale_link()
        return ConnectionId(row.connection or "")

    async def use(self, purpose: str, token: str) -> ConnectionId:
        """Like follow, and the link cannot be used again, not even by a request at the same moment."""
        connection = await self.follow(purpose, token)
        identifier, links = await self._identifier(purpose, token), db.links
        async with self._database.write() as write:
            used = await write.execute(
                sa.update(links)
                .where(links.c.id == identifier, links.c.used_at.is_(None))
                .values(used_at=self._clock.now())
            )
        if used.rowcount == 0:
            raise _stale_link()
        return connection

    async def end(self, write: AsyncConnection, purpose: str, connection_id: ConnectionId) -> None:
        """End every link of one purpose to a connection, inside the caller's transaction."""
        of_it = db.links.c.purpose == purpose, db.links.c.connection == connection_id
        await write.execute(sa.delete(db.links).where(*of_it))

    async def _token(self, purpose: str, identifier: str) -> str:
        return f"{identifier}.{await self._seal.secret(purpose, identifier)}"

    async def _identifier(self, purpose: str, token: str) -> str:
        identifier, _, signature = token.partition(".")
        if not await self._seal.is_secret(purpose, identifier, signature):
            raise _stale_link()
        return identifier


async def forget_old(write: AsyncConnection, now: datetime) -> None:
    """Delete what is over, inside the caller's transaction."""
    await write.execute(sa.delete(db.links).where(db.links.c.expires_at <= now))


def _stale_link() -> Refused:
    return Refused(410, "link_not_valid", "This link is no longer valid. Ask your provider for a new one.")
