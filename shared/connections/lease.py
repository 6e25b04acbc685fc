"""The lease on a connection: one run at a time acts on a tenant.

The generation counts changes of direction (grant, revoke, connect again). It is the lease's fence: a run that began
under an older generation is stopped at its next ledger entry, before its next call.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.connections.record import Connection, of_row
from shared.foundation.errors import Temporary
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database
from shared.storage.ids import ConnectionId

# Longer than the slowest single call, so that a living run never loses its lease between two ledger entries.
LEASE = timedelta(minutes=5)


class Superseded(Temporary):
    """The run no longer holds the lease, or the connection has changed direction: stop before the next call."""

    def __init__(self) -> None:
        super().__init__("superseded", "Another run has taken over this connection.", after=timedelta(0))


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right to act on one connection, under one generation."""

    connection_id: ConnectionId
    token: str
    generation: int


def _free(now: datetime) -> sa.ColumnElement[bool]:
    table = db.connections.c
    return sa.or_(table.lease.is_(None), table.lease_until <= now)


async def acquire(database: Database, connection_id: ConnectionId, now: datetime) -> tuple[Connection, Lease] | None:
    """Take the lease; None while another run holds it, or if there is no such connection."""
    table, token = db.connections, secrets.token_hex(8)
    async with database.write() as write:
        taken = await write.execute(
            sa.update(table)
            .where(table.c.id == connection_id, _free(now))
            .values(lease=token, lease_until=now + LEASE, begun=table.c.begun + 1)
        )
        if taken.rowcount == 0:
            return None
        row = (await write.execute(sa.select(table).where(table.c.id == connection_id))).one()
    found = of_row(row)
    return found, Lease(connection_id=found.id, token=token, generation=found.generation)


async def still_ours(write: AsyncConnection, lease: Lease, now: datetime) -> int:
    """Extend the lease and return the generation. Raises Superseded if the lease or the direction is lost."""
    table = db.connections
    kept = await write.execute(
        sa.update(table)
        .where(
            table.c.id == lease.connection_id,
            table.c.lease == lease.token,
            table.c.generation == lease.generation,
        )
        .values(lease_until=now + LEASE)
    )
    if kept.rowcount == 0:
        raise Superseded
    return lease.generation


async def release(database: Database, lease: Lease, now: datetime) -> None:
    """Give the lease back, if it is still held: the run has ended."""
    table = db.connections
    async with database.write() as write:
        await write.execute(
            sa.update(table)
            .where(table.c.id == lease.connection_id, table.c.lease == lease.token)
            .values(lease=None, lease_until=None, begun=0, looked_at=now)
        )


async def is_held(write: AsyncConnection, connection_id: ConnectionId, now: datetime) -> bool:
    """Whether a run holds the lease. Its row is locked, so that the lease stays as it is until the transaction ends."""
    held = sa.select(db.connections.c.id).where(db.connections.c.id == connection_id, sa.not_(_free(now)))
    return (await write.execute(held.with_for_update())).first() is not None


def not_held(now: datetime) -> sa.Select[ConnectionId]:
    """The ids of the connections whose lease nobody holds, to be used inside another query."""
    return sa.select(db.connections.c.id).where(_free(now))
