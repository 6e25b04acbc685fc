"""The lease on a connection: one run at a time acts on a tenant, renews its lease and writes under its number.

The lease is judged by the clocks of the run that renews it and of the one that asks for it, which may differ. A run
renews every minute what lasts five, so a clock that is TOLERANCE ahead does not see a living run's lease as over; a
database's own clock would not follow the time that tests and one machine set. A clock that is further off, or jumps,
may cost a run its lease, and nothing else: what a run may write is decided by its number and its generation, never by
a clock.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.connections.record import Connection, of_row
from shared.foundation.errors import Temporary
from shared.foundation.schedule import Site
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, guarded
from shared.storage.ids import ConnectionId

LEASE = timedelta(minutes=5)
# How often a run renews its lease.
BEAT = timedelta(minutes=1)
# How far two machines' clocks may differ.
TOLERANCE = timedelta(seconds=90)


class Superseded(Temporary):
    """The run no longer holds the lease, or the connection has changed direction: stop before the next call."""

    def __init__(self) -> None:
        super().__init__("superseded", "Another run has taken over this connection.", after=timedelta(0))


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right to write about one connection: under one generation (grant, revoke, connect again) and one number.

    Without a number it is that of somebody who works beside the run, or only looks: the generation alone counts, and
    the ledger cannot be written.
    """

    connection_id: ConnectionId
    generation: int
    number: int | None = None


def beside(connection: Connection) -> Lease:
    """What somebody works under who needs no lease: it ends when the connection changes direction."""
    return Lease(connection_id=connection.id, generation=connection.generation)


def _free(now: datetime) -> sa.ColumnElement[bool]:
    until = db.connections.c.lease_until
    # No clock within the tolerance writes a lease that ends later: one that had jumped ahead holds nobody up.
    return sa.or_(until.is_(None), until <= now, until > now + LEASE + TOLERANCE)


def _mine(lease: Lease) -> list[sa.ColumnElement[bool]]:
    table = db.connections.c
    mine = [table.id == lease.connection_id, table.generation == lease.generation]
    return mine if lease.number is None else [*mine, table.fence == lease.number]


async def acquire(
    database: Database, connection_id: ConnectionId, now: datetime, sites: Sequence[Site] = tuple(Site)
) -> tuple[Connection, Lease] | None:
    """Take the lease under the next number; None while another run holds it, or if no such connection is at `sites`."""
    taken = await acquire_each(database, [connection_id], now, sites)
    return taken[0] if taken else None


async def acquire_each(
    database: Database,
    some: Sequence[ConnectionId],
    now: datetime,
    sites: Sequence[Site],
    *which: sa.ColumnElement[bool],
) -> list[tuple[Connection, Lease]]:
    """The same of many, in one statement: of those that are free and that `which` holds of."""
    table = db.connections
    here = table.c.site.in_([str(site) for site in sites])
    async with database.write() as write:
        taken = await write.execute(
            sa.update(table)
            .where(table.c.id.in_(some), here, _free(now), *which)
            .values(fence=table.c.fence + 1, lease_until=now + LEASE, begun=table.c.begun + 1)
            .returning(table)
        )
        found = [of_row(row) for row in taken]
    return [(one, Lease(connection_id=one.id, generation=one.generation, number=one.fence)) for one in found]


async def held_of(write: AsyncConnection, leases: Sequence[Lease]) -> set[ConnectionId]:
    """The connections of those of some leases that are the present ones, locked as `holds` locks one."""
    table = db.connections.c
    these = sa.tuple_(table.id, table.generation, table.fence).in_(
        [(one.connection_id, one.generation, one.number) for one in leases]
    )
    # Everybody locks in the same order, so that no two wait for each other.
    held = sa.select(table.id).where(these).order_by(table.id).with_for_update(key_share=True)
    return set((await write.execute(held)).scalars())


async def holds(write: AsyncConnection, lease: Lease) -> bool:
    """Whether a lease is the present one. Its connection is locked, so that it stays so until the transaction ends."""
    held = sa.select(db.connections.c.id).where(*_mine(lease)).with_for_update(key_share=True)
    return (await write.execute(held)).first() is not None


def fenced(lease: Lease) -> AbstractContextManager[None]:
    """Inside the block every write first proves the lease in its own transaction; Superseded, and nothing is written.

    That is why no function that writes has to ask by itself.
    """

    async def prove(write: AsyncConnection) -> None:
        if not await holds(write, lease):
            raise Superseded

    return guarded(prove)


def unfenced() -> AbstractContextManager[None]:
    """Inside the block no write proves a lease: what is done there asks itself whether the connection is as it was."""
    return guarded(_nothing)


async def _nothing(_write: AsyncConnection) -> None:
    """Nothing to prove."""


async def renew(database: Database, lease: Lease, now: datetime) -> None:
    """Have the lease last from now on. Raises Superseded if it or the direction is lost."""
    async with database.record() as write:
        kept = await write.execute(sa.update(db.connections).where(*_mine(lease)).values(lease_until=now + LEASE))
    if kept.rowcount == 0:
        raise Superseded


async def release(database: Database, lease: Lease, now: datetime) -> None:
    """Give the lease back, if it is still held: the run has ended."""
    await release_each(database, [lease], now)


async def release_each(database: Database, leases: Sequence[Lease], now: datetime) -> None:
    """The same of many, in one statement."""
    table = db.connections
    mine = sa.tuple_(table.c.id, table.c.fence).in_([(one.connection_id, one.number) for one in leases])
    async with database.record() as write:
        await write.execute(sa.update(table).where(mine).values(lease_until=None, begun=0, looked_at=now))


async def is_held(write: AsyncConnection, connection_id: ConnectionId, now: datetime) -> bool:
    """Whether a run holds the lease. Its row is locked, so that the lease stays as it is until the transaction ends."""
    held = sa.select(db.connections.c.id).where(db.connections.c.id == connection_id, sa.not_(_free(now)))
    return (await write.execute(held.with_for_update())).first() is not None


def not_held(now: datetime) -> sa.Select[ConnectionId]:
    """The ids of the connections whose lease nobody holds, to be used inside another query."""
    return sa.select(db.connections.c.id).where(_free(now))
