"""A closed connection is erased once its ledger has been exported; a tombstone remains."""

import hashlib
from datetime import datetime

import sqlalchemy as sa

from shared.connections import census
from shared.connections.record import Connection, hold, unchanged
from shared.connections.stages import Stage
from shared.engine import certificate, chain
from shared.foundation.errors import Refused
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database
from shared.storage.erasure import erase as erase_rows


async def erase(database: Database, connection: Connection, head: str, now: datetime) -> None:
    """Erase a closed connection for a caller who names the last hash of its ledger, which only its export shows.

    Raises Refused 409 `not_closed`, or `not_exported` if that is not the ledger's head now.
    """
    if connection.stage is not Stage.CLOSED:
        raise Refused(409, "not_closed", f"Revoke the connection to {connection.name} first, and wait for its end.")
    signed = await certificate.signed(database, connection)
    digest = hashlib.sha256(signed.signature.encode()).hexdigest() if signed else None
    async with database.write() as write:
        await hold(write, connection.id)
        _, last = await chain.head(write, connection.id)
        if head != last:
            raise Refused(
                409,
                "not_exported",
                "Export the ledger and the certificate first, and name the hash of the ledger's last entry as `head`.",
            )
        await _erase(write, connection, digest, now)


async def erase_closed(database: Database, before: datetime, now: datetime) -> None:
    """Erase every connection that was closed before a time, for an operator whose settings say so."""
    for connection in await census.closed(database, before):
        signed = await certificate.signed(database, connection)
        digest = hashlib.sha256(signed.signature.encode()).hexdigest() if signed else None
        async with database.write() as write:
            if await unchanged(write, connection):
                await _erase(write, connection, digest, now)


async def _erase(write: AsyncConnection, connection: Connection, digest: str | None, now: datetime) -> None:
    entries, last = await chain.head(write, connection.id)
    tombstone = {
        "id": connection.id,
        "created_at": connection.created_at,
        "closed_at": connection.stage_since,
        "erased_at": now,
        "certificate": digest,
        "entries": entries,
        "head": last,
    }
    await write.execute(sa.insert(db.tombstones).values(tombstone))
    await erase_rows(write, connection.id)


async def erased(database: Database) -> dict[str, tuple[int, str]]:
    """The length and head of the ledger of each connection that was erased."""
    async with database.read() as read:
        return {row.id: (row.entries, row.head) for row in await read.execute(sa.select(db.tombstones))}
