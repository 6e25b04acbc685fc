"""Several processes of ours at one database, and connections that are in it."""

from datetime import UTC, datetime
from typing import Any

from shared.connections import record as connections
from shared.foundation.brand import PUBLISHED
from shared.storage.database import Database

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PROCESSES = 6


async def add(database: Database, name: str, **values: Any) -> str:
    """A connection."""
    async with database.write() as write:
        await connections.create(
            write,
            connection_id=name,
            platform="microsoft365",
            modes=frozenset(),
            name=name,
            customer="",
            site=connections.Site.EU,
            expected_tenant=None,
            repairs_drift=False,
            sealed_headers=b"",
            brand=PUBLISHED,
            now=NOW,
        )
        if values:
            await connections.update(write, name, **values)
    return name
