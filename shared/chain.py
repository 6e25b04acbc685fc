"""The ledger's chain: entries that are only ever appended, each with the hash of the one before it, per connection."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from shared import tables as db
from shared.connections import hold
from shared.database import AsyncConnection, Database

Image = Mapping[str, Any]
GENESIS = "0" * 64


class Act(StrEnum):
    """What is done to an object, or noticed about it."""

    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    ADOPT = "adopt"
    BORROW = "borrow"
    FORGET = "forget"
    DRIFT = "drift"
    ASK = "ask"
    MISS = "miss"
    LEAVE = "leave"
    ATTEST = "attest"
    STAGE = "stage"
    REMARK = "remark"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the ledger, without its chain."""

    key: str
    act: Act
    state: str = "noted"
    intent: int | None = None
    identity: str | None = None
    before: Image | None = None
    after: Image | None = None
    request_id: str | None = None
    note: str | None = None


async def append(write: AsyncConnection, connection: str, generation: int, now: datetime, entry: Entry) -> int:
    """Add one entry to a connection's chain inside the caller's transaction and return its number."""
    # Two writers would fork the chain.
    await hold(write, connection)
    last = (
        await write.execute(
            sa.select(db.ledger.c.number, db.ledger.c.hash)
            .where(db.ledger.c.connection == connection)
            .order_by(db.ledger.c.number.desc())
            .limit(1)
        )
    ).first()
    row: dict[str, Any] = {
        "connection": connection,
        "number": last.number + 1 if last else 1,
        "at": now,
        "generation": generation,
        "previous_hash": last.hash if last else GENESIS,
        **entry.__dict__,
        "act": str(entry.act),
    }
    row["hash"] = _digest(row)
    await write.execute(sa.insert(db.ledger).values(row))
    number: int = row["number"]
    return number


async def entries(database: Database, connection: str) -> AsyncIterator[dict[str, Any]]:
    """A connection's ledger in order, as JSON-ready rows."""
    query = sa.select(db.ledger).where(db.ledger.c.connection == connection).order_by(db.ledger.c.number)
    async with database.read() as read:
        for row in (await read.execute(query)).mappings():
            yield {**row, "at": row["at"].isoformat()}


async def verify(database: Database, connection: str) -> int | None:
    """The number of the first entry whose chain is broken, or None if the ledger is whole."""
    previous = GENESIS
    async for row in entries(database, connection):
        if row["previous_hash"] != previous or row["hash"] != _digest(row):
            number: int = row["number"]
            return number
        previous = row["hash"]
    return None


def _digest(row: Mapping[str, Any]) -> str:
    at = row["at"] if isinstance(row["at"], str) else row["at"].isoformat()
    content = {name: value for name, value in row.items() if name != "hash"} | {"at": at}
    return hashlib.sha256(canonical(content)).hexdigest()


def canonical(value: Any) -> bytes:
    """JSON that is the same for the same content."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
