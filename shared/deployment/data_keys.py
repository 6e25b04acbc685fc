"""Renews data keys: a new one is made, what is sealed is sealed anew under it, and then the old one goes.

A new key only opens until every process knows it, two hours, and seals from then on. What an old one has signed, links
and sessions, holds until it goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shared.deployment.sealing import CREDENTIALS, DEPLOYMENT, SEALS_AFTER, Seal, Sealed
from shared.foundation.errors import Permanent
from shared.storage import tables as db
from shared.storage.database import Database

# No invitation lives longer than fourteen days, no session and no answer longer than one.
SIGNED_UNTIL = timedelta(days=15)


@dataclass(kw_only=True)
class Renewed:
    """How many values were sealed anew and keys let go of, and whose do not open, with the reason."""

    sealed: int = 0
    gone: int = 0
    failed: dict[str, str]


async def begin(database: Database, seal: Seal, now: datetime, *, older_than: timedelta) -> int:
    """Make a new key for every scope whose only one is older than that; returns how many. Raises Temporary."""
    due = [row for row in await _scopes(database) if row.keys == 1 and row.made_at <= now - older_than]
    for row in due:
        await seal.add(row.scope, row.number + 1)
    return len(due)


async def renew(database: Database, seal: Seal, kinds: Sequence[Sealed], now: datetime) -> Renewed:
    """Seal anew in every scope that has a new key, and let go of the old one in time. Raises Temporary in an outage."""
    done = Renewed(failed={})
    for row in await _scopes(database):
        if row.keys == 1 or row.made_at > now - SEALS_AFTER:
            continue
        try:
            done.sealed += await _seal_anew(database, seal, kinds, row.scope)
        except Permanent as error:
            done.failed[row.scope] = error.sentence
        else:
            if row.made_at <= now - SEALS_AFTER - SIGNED_UNTIL:
                done.gone += await _let_go(database, row.scope, row.number)
    return done


async def _scopes(database: Database) -> Sequence[Any]:
    """Each scope, with the number of its newest key, when that was made, and how many it has."""
    table = db.data_keys
    newest, number = sa.func.max(table.c.made_at), sa.func.max(table.c.number)
    query = sa.select(table.c.scope, newest.label("made_at"), number.label("number"), sa.func.count().label("keys"))
    async with database.read() as read:
        return (await read.execute(query.group_by(table.c.scope).order_by(table.c.scope))).all()


async def _seal_anew(database: Database, seal: Seal, kinds: Sequence[Sealed], scope: str) -> int:
    """Seal under the present key what an older one has sealed; what somebody changes meanwhile is theirs to seal."""
    box, count, whose = await seal.box(scope), 0, scope.removesuffix(CREDENTIALS)
    for kind in kinds:
        if (kind.scope is None) != (whose == DEPLOYMENT) or kind.credentials != (whose != scope):
            continue
        table, keys = kind.table, list(kind.table.primary_key.columns)
        mine = table.c[kind.scope] == whose if kind.scope else sa.true()
        async with database.read() as read:
            places = (await read.execute(sa.select(*keys).where(mine))).all()
        for place in places:
            this = sa.and_(*(key == value for key, value in zip(keys, place, strict=True)))
            async with database.read() as read:
                row = (await read.execute(sa.select(table).where(this))).first()
            old = getattr(row, kind.column, None)
            anew = box.anew(old, about=kind.about(row)) if old is not None else None
            if anew is not None:
                async with database.write() as write:
                    unchanged = this, table.c[kind.column] == old
                    update = sa.update(table).where(*unchanged).values({kind.column: anew})
                    count += (await write.execute(update)).rowcount
    return count


async def _let_go(database: Database, scope: str, newest: int) -> int:
    table = db.data_keys
    async with database.write() as write:
        old = table.c.scope == scope, table.c.number < newest
        return (await write.execute(sa.delete(table).where(*old))).rowcount
