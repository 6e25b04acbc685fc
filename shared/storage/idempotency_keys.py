"""What was answered to requests that may come twice, kept for a while: who asks first gets the answer made, who asks
again with the same words gets it once more."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, insert_new

KEY_MAX_AGE = timedelta(hours=24)
# Longer than any answer takes: a process that has not answered by then is dead.
ANSWER_TIMEOUT = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a request: the digest of its words, since when, and what was answered, if that is over."""

    digest: str
    at: datetime
    status: int | None
    sealed: bytes | None


async def begin(database: Database, request: str, digest: str, now: datetime) -> Known | None:
    """Take a request upon oneself; or what is known of it, if somebody else did."""
    table = db.idempotency_keys
    row = {"id": request, "digest": digest, "at": now}
    lost = sa.and_(table.c.status.is_(None), table.c.at <= now - ANSWER_TIMEOUT)
    async with database.write() as write:
        # One that is not known any more, or whose answer got lost on the way, begins anew.
        await write.execute(
            sa.delete(table).where(table.c.id == request, sa.or_(lost, table.c.at <= now - KEY_MAX_AGE))
        )
        if (await write.execute(insert_new(write, table).values(row))).rowcount:
            return None
        found = (await write.execute(sa.select(table).where(table.c.id == request))).first()
    if found is None:
        return Known(digest=digest, at=now, status=None, sealed=None)  # the other request has just given it up
    return Known(digest=found.digest, at=found.at, status=found.status, sealed=found.sealed)


async def finish(database: Database, request: str, began: datetime, *, status: int, sealed: bytes) -> None:
    """Keep the answer to a request that was begun then, unless somebody else has taken it over."""
    table = db.idempotency_keys
    async with database.write() as write:
        mine = (table.c.id == request, table.c.at == began)
        await write.execute(sa.update(table).where(*mine).values(status=status, sealed=sealed))


async def forget(database: Database, request: str, began: datetime) -> None:
    """Nothing came of a request that was begun then: it may be made again."""
    table = db.idempotency_keys
    async with database.write() as write:
        await write.execute(sa.delete(table).where(table.c.id == request, table.c.at == began))


async def forget_old(write: AsyncConnection, now: datetime) -> None:
    """Delete what is kept no longer, inside the caller's transaction."""
    await write.execute(sa.delete(db.idempotency_keys).where(db.idempotency_keys.c.at <= now - KEY_MAX_AGE))
