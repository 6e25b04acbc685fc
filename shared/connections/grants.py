"""What an administrator granted us in person: sealed, one for each account, and whether it still holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.deployment.sealing import Box, Seal, Sealed
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert
from shared.storage.ids import ConnectionId

# What the ledger notes of an administrator who consents.
CONSENT_GIVEN = "consent given"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One account's grant. `account` never changes; `address` is the account's own and may."""

    account: str
    address: str
    secret: str = field(repr=False)
    granted_at: datetime
    alive: bool = True

    @property
    def doubt(self) -> str:
        """The name of the clock (connections/clocks.py) of doubts whether it holds; a new grant begins without."""
        return f"grant_doubtful {self.granted_at.isoformat()}"


def _about(account: str) -> str:
    return f"grant {account}"


SEALED = Sealed(table=db.grants, about=lambda row: _about(row.account), credentials=True)


async def keep(write: AsyncConnection, box: Box, connection_id: ConnectionId, grant: Grant) -> None:
    """Keep a grant in place of an older one of the same account, inside the caller's transaction.

    `box` is of the connection's credentials.
    """
    sealed = box.seal(grant.secret, about=_about(grant.account))
    await write.execute(
        upsert(write, db.grants).values(
            connection=connection_id,
            account=grant.account,
            address=grant.address,
            sealed=sealed,
            granted_at=grant.granted_at,
            alive=grant.alive,
        )
    )


async def listed(database: Database, seal: Seal, connection_id: ConnectionId) -> list[Grant]:
    """A connection's grants, the newest last: that one is in use."""
    table = db.grants
    query = sa.select(table).where(table.c.connection == connection_id).order_by(table.c.granted_at, table.c.account)
    async with database.read() as read:
        rows = (await read.execute(query)).all()
    if not rows:
        return []
    box = await seal.credentials(connection_id)
    return [_grant(box, row) for row in rows]


async def kept_of(database: Database, some: Sequence[ConnectionId]) -> set[ConnectionId]:
    """Those of some connections of which a grant is kept."""
    found, column = set[ConnectionId](), db.grants.c.connection
    for first in range(0, len(some), 500):
        query = sa.select(column).where(column.in_(some[first : first + 500])).distinct()
        async with database.read() as read:
            found |= set((await read.execute(query)).scalars())
    return found


async def mark(database: Database, connection_id: ConnectionId, grant: Grant, *, alive: bool) -> Grant:
    """Note whether a grant still holds."""
    async with database.write() as write:
        changed = sa.update(db.grants).where(*_row(connection_id, grant.account)).values(alive=alive)
        await write.execute(changed)
    return replace(grant, alive=alive)


async def forget(database: Database, connection_id: ConnectionId, account: str) -> None:
    """Delete our copy of a grant."""
    async with database.write() as write:
        await write.execute(sa.delete(db.grants).where(*_row(connection_id, account)))


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Delete our copies of a connection's grants, inside the caller's transaction."""
    await write.execute(sa.delete(db.grants).where(db.grants.c.connection == connection_id))


async def holders(database: Database, platform: str, account: str) -> list[str]:
    """The connections of a platform that keep a grant of an account."""
    table, connections = db.grants, db.connections
    query = (
        sa.select(table.c.connection)
        .join(connections, connections.c.id == table.c.connection)
        .where(table.c.account == account, connections.c.platform == platform)
    )
    async with database.read() as read:
        return list((await read.execute(query)).scalars())


def _row(connection_id: ConnectionId, account: str) -> tuple[sa.ColumnElement[bool], ...]:
    return db.grants.c.connection == connection_id, db.grants.c.account == account


def _grant(box: Box, row: Any) -> Grant:
    return Grant(
        account=row.account,
        address=row.address,
        secret=box.unseal(row.sealed, about=_about(row.account)),
        granted_at=row.granted_at,
        alive=row.alive,
    )
