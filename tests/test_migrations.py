"""A database of the revision before comes to the newest one with everything that is in it."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from shared import migrate, tables
from shared.connections import find
from shared.database import Database

CONNECTION = """INSERT INTO connections (id, platform, name, site, label, sealed_headers, repairs_drift, stage,
stage_since, generation, status, created_at) VALUES ('one', 'microsoft365', 'Contoso', 'eu', 'label', x'00', 0, 2,
'2026-11-01 00:00:00', 1, 'ok', '2026-11-01 00:00:00')"""
USERS = """INSERT INTO users (connection, id, mail, enabled, mark) VALUES ('one', 'with', 'a@contoso.com', 1, ''),
('one', 'without', NULL, 1, '')"""


def test_the_revision_before_is_brought_up_to_date(tmp_path: Path) -> None:
    import asyncio

    async def go() -> tuple[Any, dict[str, bool], list[Any]]:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'old.db'}")
        async with database.engine.begin() as connection:
            await connection.run_sync(lambda sync: command.upgrade(migrate._config(sync), "0001"))
            for statement in (CONNECTION, USERS):
                await connection.exec_driver_sql(statement)
        await migrate.migrate(database)
        found = await find(database, "one")
        async with database.read() as read:
            rows = await read.execute(sa.select(tables.users.c.id, tables.users.c.receives))
            receives = {row.id: row.receives for row in rows}
            left = await read.run_sync(lambda sync: compare_metadata(MigrationContext.configure(sync), tables.metadata))
        await database.close()
        return found, receives, left

    found, receives, left = asyncio.run(go())
    assert found is not None
    assert found.modes == frozenset()
    assert receives == {"with": True, "without": False}
    assert left == []  # the tables are as the code has them
