"""When each timer last fired and came to its end, so that one that stands still is noticed."""

from datetime import datetime

import sqlalchemy as sa

from shared.storage import tables as db
from shared.storage.database import Database, upsert


async def last(database: Database) -> dict[str, datetime]:
    """When each timer last came to its end, by name; those that never did are left out."""
    async with database.read() as read:
        return {row.name: row.fired_at for row in await read.execute(sa.select(db.timers))}


async def note(database: Database, timer: str, now: datetime) -> None:
    """A timer has come to its end."""
    async with database.write() as write:
        await write.execute(upsert(write, db.timers).values(name=timer, fired_at=now))
