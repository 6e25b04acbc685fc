"""Several processes at one database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.storage.database import Database
from tests.harness.databases import Databases
from tests.harness.processes import PROCESSES


@pytest.fixture
async def processes(databases: Databases, tmp_path: Path) -> AsyncIterator[list[Database]]:
    """The same database as several processes have it, each with connections of its own."""
    url = databases.url(tmp_path)
    opened = [Database(url) for _ in range(PROCESSES)]
    yield opened
    for one in opened:
        await one.close()
