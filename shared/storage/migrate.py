"""Brings the database to the newest revision: `python -m shared.storage.migrate`, at local start, and by a timer.

The timer is how a cloud's database is migrated: from inside the network, and by the identity that the app has anyway.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shared.storage.database import Database, in_line
from shared.storage.revision import newest, present
from shared.storage.rights import User, grant, granted

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


async def migrate(database: Database, public: User | None = None) -> None:
    """Apply every revision that is missing, and give the public functions' user its rights, in one transaction.

    Two that deploy at once do it one after the other.
    """
    async with database.write() as write:
        if write.dialect.name == "postgresql":
            # It takes as long as it takes, and so does waiting for another one that deploys.
            for bound in ("lock_timeout", "statement_timeout"):
                await write.exec_driver_sql(f"SET LOCAL {bound} = 0")
        await in_line(write, "migrate")
        await write.run_sync(_upgrade)
        if public is not None:
            await grant(write, public)


async def catch_up(database: Database, public: User | None = None) -> bool:
    """Migrate if this code wants a newer revision than there is, or if the user has no rights; returns whether it did.

    A newer one is left alone: it is that of a version which is being deployed, or was taken back.
    """
    async with database.read() as read:
        begun = await read.run_sync(lambda sync: sa.inspect(sync).has_table("alembic_version"))
    if begun and (await present(database) or "") >= newest():
        async with database.read() as read:
            if public is None or await granted(read, public):
                return False
    await migrate(database, public)
    return True


async def _main() -> None:
    # Needs the address only, so that a deployment can migrate without its other secrets.
    database = Database(os.environ.get("FOOTPRINT_DATABASE_URL", "sqlite+aiosqlite:///./footprint.db"))
    await migrate(database)
    await database.close()


if __name__ == "__main__":
    asyncio.run(_main())
