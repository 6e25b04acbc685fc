"""Orders: what somebody has asked for that a job may only do for them. A message carries no authority.

An order is written in the transaction that puts it into the ledger, belongs to the connection's direction at that
time, and ends with the run that carries it out.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.connections import due
from shared.connections.record import Connection
from shared.deployment.queues import Job
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert

# The jobs that do what a look at the tenant never does: put drift right, let people go, take mail out.
ORDERED = frozenset({"repair", "sync-accepting-loss", "export"})
# What a job comes to that nobody has ordered, or that somebody else has put on the queue.
LOOK = "advance"
# The outcomes of a job after which it is sent again, so that its order stands.
GOES_ON = frozenset({"waiting", "mistake"})
# Longer than a message is on its way.
STRANDED_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Order:
    """One order; `mark` changes whenever it is given again."""

    job: Job
    mark: str


async def give(write: AsyncConnection, connection: Connection, job: str, now: datetime) -> None:
    """Give an order inside the transaction that notes in the ledger who gave it."""
    row = {"connection": connection.id, "job": job, "generation": connection.generation, "given_at": now}
    await write.execute(upsert(write, db.orders).values(**row, mark=secrets.token_hex(8)))


async def of(database: Database, connection: Connection, job: str) -> Order | None:
    """The order that a job carries out; None if nobody gave it, or before the connection changed direction."""
    if job not in ORDERED:
        return None
    table = db.orders
    mine = (table.c.connection == connection.id, table.c.job == job, table.c.generation == connection.generation)
    async with database.read() as read:
        row = (await read.execute(sa.select(table).where(*mine))).first()
    return Order(job=Job(name=row.job, connection_id=row.connection), mark=row.mark) if row else None


async def end(database: Database, order: Order) -> None:
    """The order is carried out, or cannot be; unless it has been given again meanwhile, nothing is left of it."""
    table = db.orders
    mine = (table.c.connection == order.job.connection_id, table.c.job == order.job.name, table.c.mark == order.mark)
    async with database.write() as write:
        await write.execute(sa.delete(table).where(*mine))


async def stranded(database: Database, now: datetime) -> list[Job]:
    """The jobs of orders whose message was lost: given long ago, on connections that wait for nothing."""
    table = db.orders
    old = (table.c.given_at <= now - STRANDED_AFTER, table.c.connection.in_(due.at_rest(now)))
    async with database.read() as read:
        rows = await read.execute(sa.select(table).where(*old))
        return [Job(name=row.job, connection_id=row.connection) for row in rows]
