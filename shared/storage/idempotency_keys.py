"""What was answered to requests that may come twice, kept for a while: who asks first gets the answer made, who asks
again with the same words gets it once more."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from shared.foundation.errors import Refused
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, insert_new

KEY_MAX_AGE = timedelta(hours=24)
# A process that has neither answered nor written anything by then is taken to be dead; if it is not, it writes nothing.
ANSWER_TIMEOUT = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a request: the digest of its words, since when, and what was answered, if that is over."""

    digest: str
    at: datetime
    status: int | None
    sealed: bytes | None
    carried_out: bool
    """Something was written for it, so it is never begun anew."""


async def begin(database: Database, request: str, digest: str, now: datetime) -> Known | None:
    """Take a request upon oneself; or what is known of it, if somebody else did."""
    table = db.idempotency_keys
    row = {"id": request, "digest": digest, "at": now}
    not_done = sa.and_(table.c.status.is_(None), table.c.carried_out.is_not(True))
    lost = sa.and_(not_done, table.c.at <= now - ANSWER_TIMEOUT)
    async with database.write() as write:
        # One that is too old, or that died before anything was written for it, begins anew.
        await write.execute(
            sa.delete(table).where(table.c.id == request, sa.or_(lost, table.c.at <= now - KEY_MAX_AGE))
        )
        if (await write.execute(insert_new(write, table).values(row))).rowcount:
            return None
        found = (await write.execute(sa.select(table).where(table.c.id == request))).first()
    if found is None:
        # The other request has just given it up.
        return Known(digest=digest, at=now, status=None, sealed=None, carried_out=False)
    known = {"digest": found.digest, "at": found.at, "status": found.status, "sealed": found.sealed}
    return Known(**known, carried_out=bool(found.carried_out))


async def carry_out(write: AsyncConnection, request: str, began: datetime) -> None:
    """Note that a request that was begun then is carried out, in each transaction of its work.

    Raises Refused 409 "carried_out_by_another", so that nothing is written, if somebody else has taken it over.
    """
    table = db.idempotency_keys
    mine = (table.c.id == request, table.c.at == began)
    if not (await write.execute(sa.update(table).where(*mine).values(carried_out=True))).rowcount:
        raise Refused(409, "carried_out_by_another", "The same request was sent again and is carried out there.")


async def finish(database: Database, request: str, began: datetime, *, status: int, sealed: bytes) -> None:
    """Keep the answer to a request that was begun then, unless somebody else has taken it over."""
    table = db.idempotency_keys
    async with database.write() as write:
        mine = (table.c.id == request, table.c.at == began)
        await write.execute(sa.update(table).where(*mine).values(status=status, sealed=sealed))


async def forget(database: Database, request: str, began: datetime) -> bool:
    """A request that was begun then failed: it may be made again, unless something was written for it (False)."""
    table = db.idempotency_keys
    async with database.write() as write:
        mine = (table.c.id == request, table.c.at == began, table.c.carried_out.is_not(True))
        return bool((await write.execute(sa.delete(table).where(*mine))).rowcount)


async def forget_old(write: AsyncConnection, now: datetime) -> None:
    """Delete what is kept no longer, inside the caller's transaction."""
    await write.execute(sa.delete(db.idempotency_keys).where(db.idempotency_keys.c.at <= now - KEY_MAX_AGE))
