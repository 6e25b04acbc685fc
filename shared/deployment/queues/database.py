"""The queue of one machine: a table. Delivered at least once; a delivery that is not finished comes back."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.deployment.queues import Job
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import new_id

# How long a delivery is hidden while it is worked on; as long as a function may run.
HIDDEN = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A job in somebody's hands; `receipt` proves whose when it is finished."""

    id: str
    receipt: str
    job: Job


class EmbeddedQueue:
    """Jobs in the database's own table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def send(self, job: Job, not_before: datetime) -> None:
        """Accept the job, unless the same one already waits to be run no later."""
        table = db.jobs
        async with self._database.write() as write:
            waiting = await write.execute(
                sa.select(table.c.id).where(
                    table.c.name == job.name,
                    table.c.connection == job.connection_id,
                    table.c.receipt.is_(None),
                    table.c.not_before <= not_before,
                )
            )
            if waiting.first() is None:
                await write.execute(
                    sa.insert(table).values(
                        id=new_id(), name=job.name, connection=job.connection_id, not_before=not_before
                    )
                )

    async def receive(self, now: datetime) -> Delivery | None:
        """The next due job, hidden from others for HIDDEN; None when nothing is due."""
        table, receipt = db.jobs, secrets.token_hex(8)
        next_due = sa.select(table.c.id).where(table.c.not_before <= now).order_by(table.c.not_before).limit(1)
        async with self._database.write() as write:
            due = (await write.execute(next_due.with_for_update(skip_locked=True))).first()
            if due is None:
                return None
            await write.execute(
                sa.update(table).where(table.c.id == due.id).values(receipt=receipt, not_before=now + HIDDEN)
            )
            row = (await write.execute(sa.select(table).where(table.c.id == due.id))).one()
        job = Job(name=row.name, connection_id=row.connection)
        return Delivery(id=row.id, receipt=receipt, job=job)

    async def finish(self, delivery: Delivery) -> None:
        """The job is done; forget it, unless it has been delivered again meanwhile."""
        table = db.jobs
        async with self._database.write() as write:
            await write.execute(sa.delete(table).where(table.c.id == delivery.id, table.c.receipt == delivery.receipt))

    async def next_at(self) -> datetime | None:
        """When the next job is due, or None when the queue is empty."""
        async with self._database.read() as read:
            found: datetime | None = (await read.execute(sa.select(sa.func.min(db.jobs.c.not_before)))).scalar()
            return found
