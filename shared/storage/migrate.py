"""Brings the database to the newest revision: `python -m shared.storage.migrate`. Run at deploy and at local start."""

import asyncio
import os
from pathlib import Path
from typing import Any

from shared.storage.database import Database, in_line

HERE = Path(__file__).parent / "migrations"


def _config(connection: Any) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Any) -> None:
    from alembic import command

    command.upgrade(_config(connection), "head")


async def migrate(database: Database) -> None:
    """Apply every revision that is missing, in one transaction. Two that deploy at once do it one after the other."""
    async with database.write() as write:
        if write.dialect.name == "postgresql":
            # It takes as long as it takes, and so does waiting for another one that deploys.
            for bound in ("lock_timeout", "statement_timeout"):
                await write.exec_driver_sql(f"SET LOCAL {bound} = 0")
        await in_line(write, "migrate")
        await write.run_sync(_upgrade)


async def _main() -> None:
    # Needs the address only, so that a deployment can migrate without its other secrets.
    database = Database(os.environ.get("FOOTPRINT_DATABASE_URL", "sqlite+aiosqlite:///./footprint.db"))
    await migrate(database)
    await database.close()


if __name__ == "__main__":
    asyncio.run(_main())
