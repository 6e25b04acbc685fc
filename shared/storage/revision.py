"""Which revision the database has, and which the code wants; without the library that migrates, for it is heavy."""

from functools import cache
from pathlib import Path

import sqlalchemy as sa

from shared.storage.database import Database

VERSIONS = Path(__file__).parent / "migrations" / "versions"


@cache
def newest() -> str:
    """The revision that this code wants: its files are numbered, and a test holds that the last is the newest."""
    return max(path.stem for path in VERSIONS.glob("[0-9]*.py")).partition("_")[0]


async def present(database: Database) -> str | None:
    """The revision of the database; None before the first migration."""
    async with database.read() as read:
        if not await read.run_sync(lambda sync: sa.inspect(sync).has_table("alembic_version")):
            return None
        found: str | None = (await read.execute(sa.text("SELECT version_num FROM alembic_version"))).scalar()
        return found
