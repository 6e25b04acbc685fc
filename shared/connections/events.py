"""The event outbox: what others want to hear of, written in the transaction in which it happened.

An event is written with what it is about or not at all, so that none is lost and none is told of what did not happen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database
from shared.storage.ids import ConnectionId, new_id


class EventKind(StrEnum):
    """What happened."""

    STAGE = "connection.stage"
    ATTENTION = "connection.attention"
    DRIFT = "connection.drift"
    RECOVERED = "connection.recovered"
    MAIL_BROKEN = "mail.broken"
    MAIL_RECOVERED = "mail.recovered"
    PAUSED = "connection.paused"
    RESUMED = "connection.resumed"
    MOVED = "connection.moved"
    REPORT = "report.created"
    CERTIFICATE = "certificate.issued"
    ANCHOR = "ledger.anchored"
    WITNESS = "witness.failing"
    LEDGER = "ledger.entries"
    DEPLOYMENT_ATTENTION = "deployment.attention"
    DEPLOYMENT_RECOVERED = "deployment.recovered"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event. Without a connection it is about the deployment."""

    id: str
    connection: ConnectionId | None
    customer: str
    kind: EventKind
    at: datetime
    content: dict[str, Any]


async def emit(
    write: AsyncConnection,
    kind: EventKind,
    now: datetime,
    content: Mapping[str, Any],
    *,
    connection: ConnectionId | None = None,
    customer: str = "",
    offered: bool = False,
) -> Event:
    """Write an event inside the caller's transaction; `content` is JSON-ready and holds no secret.

    `offered`: the caller offers it, to whom it is for.
    """
    made = Event(id=new_id(), connection=connection, customer=customer, kind=kind, at=now, content=dict(content))
    await write.execute(sa.insert(db.events).values(**vars(made) | {"kind": str(kind)}, offered=offered))
    return made


async def to_offer(write: AsyncConnection, most: int) -> list[Event]:
    """The oldest events that nobody was offered yet, which count as offered once the caller's transaction ends."""
    table = db.events
    waiting = sa.select(table).where(sa.not_(table.c.offered)).order_by(table.c.at).limit(most)
    found = [_event(row) for row in await write.execute(waiting.with_for_update(skip_locked=True))]
    await write.execute(sa.update(table).where(table.c.id.in_([one.id for one in found])).values(offered=True))
    return found


async def some(read: AsyncConnection, ids: Sequence[str]) -> dict[str, Event]:
    """Events by id; those that are kept no longer are left out."""
    rows = await read.execute(sa.select(db.events).where(db.events.c.id.in_(ids)))
    return {row.id: _event(row) for row in rows}


async def since(database: Database, kind: EventKind, at: datetime) -> list[Mapping[str, Any]]:
    """What every event of a kind says that happened since a time."""
    table = db.events.c
    async with database.read() as read:
        return list(await read.scalars(sa.select(table.content).where(table.kind == str(kind), table.at >= at)))


async def forget_old(write: AsyncConnection, before: datetime) -> None:
    """Delete events that happened before a time and were offered."""
    await write.execute(sa.delete(db.events).where(db.events.c.at < before, db.events.c.offered))


def _event(row: Any) -> Event:
    return Event(
        id=row.id,
        connection=row.connection,
        customer=row.customer,
        kind=EventKind(row.kind),
        at=row.at,
        content=row.content,
    )
