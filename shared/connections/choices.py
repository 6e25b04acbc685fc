"""What operators have said about findings in a tenant's mail flow: each accepted, repaired or only reported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database
from shared.storage.ids import ConnectionId, new_id


class Way(StrEnum):
    """What is done about a finding."""

    ACCEPT = "accept"
    REPAIR = "repair"
    REPORT = "report"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What somebody has said about one finding, by its key, and until when it holds; None is until it is withdrawn.

    `effect` is what the finding did to mail then: what does more than that is not accepted.
    """

    id: str
    key: str
    way: Way
    effect: Sequence[str]
    reason: str
    actor: str
    at: datetime
    until: datetime | None


async def standing(database: Database, connection_id: ConnectionId, now: datetime) -> Mapping[str, Choice]:
    """Those that hold now, by key, the oldest first."""
    table = db.choices
    holds = sa.or_(table.c.until.is_(None), table.c.until > now)
    query = sa.select(table).where(table.c.connection == connection_id, holds).order_by(table.c.at, table.c.key)
    async with database.read() as read:
        rows = [dict(row) for row in (await read.execute(query)).mappings()]
    for row in rows:
        del row["connection"]
    return {row["key"]: Choice(**{**row, "way": Way(row["way"])}) for row in rows}


async def accepted(database: Database, now: datetime) -> dict[tuple[ConnectionId, str], Sequence[str]]:
    """What is accepted now of any connection, by the finding's key: what it did to mail when that was said."""
    table = db.choices.c
    holds = sa.or_(table.until.is_(None), table.until > now)
    query = sa.select(table.connection, table.key, table.effect).where(table.way == str(Way.ACCEPT), holds)
    async with database.read() as read:
        return {(ConnectionId(row.connection), row.key): row.effect for row in await read.execute(query)}


async def put(
    write: AsyncConnection,
    connection_id: ConnectionId,
    key: str,
    *,
    way: Way,
    effect: Sequence[str],
    reason: str,
    actor: str,
    now: datetime,
    until: datetime | None,
) -> str:
    """Say what is to be done about a finding, in place of what was said before; returns its id."""
    identifier = new_id()[:12]
    await forget(write, connection_id, key=key)
    await write.execute(
        sa.insert(db.choices).values(
            connection=connection_id,
            id=identifier,
            key=key,
            way=str(way),
            effect=list(effect),
            reason=reason,
            actor=actor,
            at=now,
            until=until,
        )
    )
    return identifier


async def forget(write: AsyncConnection, connection_id: ConnectionId, *, key: str) -> None:
    """What was said about a finding holds no more."""
    table = db.choices
    await write.execute(sa.delete(table).where(table.c.connection == connection_id, table.c.key == key))


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Delete all of them, inside the caller's transaction."""
    await write.execute(sa.delete(db.choices).where(db.choices.c.connection == connection_id))
