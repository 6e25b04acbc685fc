"""A database of any revision comes to the newest one with everything that is in it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared.connections.record import find
from shared.connections.stages import Stage
from shared.protection import decisions, policies
from shared.protection.policies import Policy
from shared.storage import tables
from shared.storage.database import Database
from shared.storage.migrate import _config, migrate
from shared.storage.tables.partial_indexes import metadata
from tests.harness.databases import Databases

ROOT = Path(__file__).parents[2]
NEWEST, BEFORE = [str(one.revision) for one in ScriptDirectory.from_config(_config(None)).walk_revisions()][:2]


def sample(kind: sa.types.TypeEngine[Any]) -> Any:
    """A value of a column, for rows that were there before."""
    match kind:
        case sa.DateTime():
            return datetime(2026, 11, 1, tzinfo=UTC if kind.timezone else None)
        case sa.JSON():
            return []
        case _:
            return {str: "one", int: 2, bool: True, bytes: b"\0"}[kind.python_type]


@pytest.fixture
async def database(databases: Databases, tmp_path: Path) -> AsyncIterator[Database]:
    """A database with nothing in it."""
    made = Database(databases.empty(tmp_path))
    yield made
    await made.close()


async def upgrade(database: Database, revision: str) -> None:
    """Bring a database to a revision."""
    async with database.write() as write:
        await write.run_sync(lambda sync: command.upgrade(_config(sync), revision))


async def differences(database: Database) -> list[Any]:
    """What the tables lack, or have too much, for the code."""
    async with database.read() as read:
        return await read.run_sync(lambda sync: compare_metadata(MigrationContext.configure(sync), metadata))


async def fill(database: Database) -> None:
    """A row in every table that there is."""

    def insert(sync: sa.Connection) -> None:
        found = sa.MetaData()
        found.reflect(sync)
        for table in found.sorted_tables:
            if table.name == "alembic_version":
                continue
            row = {column.name: sample(column.type) for column in table.columns}
            known = {"site": "eu", "status": "ok"} if table.name == "connections" else {}
            sync.execute(sa.insert(table).values(row | known))

    async with database.write() as write:
        await write.run_sync(insert)


async def counted(database: Database) -> dict[str, int]:
    """How many rows each table has."""
    async with database.read() as read:
        return {
            name: (await read.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()
            for name, table in tables.metadata.tables.items()
        }


async def test_an_empty_database_gets_every_table(database: Database) -> None:
    await migrate(database)
    assert await differences(database) == []
    await migrate(database)  # once more changes nothing


async def test_the_revision_before_is_brought_up_to_date(database: Database) -> None:
    await upgrade(database, BEFORE)
    await fill(database)
    await migrate(database)
    assert await differences(database) == []
    rows = await counted(database)
    new = {name for name, number in rows.items() if number == 0}
    assert {number for name, number in rows.items() if name not in new} == {1}
    async with database.read() as read:
        for table in tables.metadata.sorted_tables:
            for row in await read.execute(sa.select(table)):  # every value is what the code takes it for
                assert row is not None
        assert (await read.execute(sa.text("SELECT version_num FROM alembic_version"))).scalars().all() == [NEWEST]
    found = await find(database, "one")
    assert found is not None
    assert found.stage is Stage.RUN


async def test_who_received_mail_before_that_was_noted_does_so_still(database: Database) -> None:
    await upgrade(database, "0001")
    users = sa.table("users", *(sa.column(name) for name in ("connection", "id", "mail", "enabled", "mark")))
    await fill(database)
    async with database.write() as write:
        for user, mail in (("with", "a@contoso.com"), ("without", None)):
            row = {"connection": "one", "id": user, "mail": mail, "enabled": True, "mark": ""}
            await write.execute(sa.insert(users).values(row))
    await migrate(database)
    async with database.read() as read:
        rows = await read.execute(sa.select(tables.users.c.id, tables.users.c.receives))
        assert {row.id: row.receives for row in rows} == {"one": True, "with": True, "without": False}
    found = await find(database, "one")
    assert found is not None
    assert found.modes == frozenset()


async def test_two_that_deploy_at_once_do_not_break_it(database: Database) -> None:
    environment = {**os.environ, "FOOTPRINT_DATABASE_URL": database.url}
    command = [sys.executable, "-m", "shared.storage.migrate"]
    deploying = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)  # noqa: ASYNC220, S603
        for _ in range(3)
    ]
    told = [(await asyncio.to_thread(one.communicate))[1] for one in deploying]
    assert [one.returncode for one in deploying] == [0, 0, 0], told
    assert await differences(database) == []


async def test_senders_and_subjects_become_conditions_and_what_was_acted_on_was_done(database: Database) -> None:
    await upgrade(database, "0005")
    await fill(database)
    old = sa.table(
        "policies",
        *(sa.column(name) for name in ("connection", "name", "direction", "enabled", "everyone")),
        *(sa.column(name, sa.JSON()) for name in ("domains", "groups", "users", "senders", "subjects", "actions")),
    )
    row = {
        "connection": "one",
        "name": "risky",
        "direction": "incoming",
        "enabled": True,
        "everyone": True,
        "domains": [],
        "groups": ["g"],
        "users": [],
        "senders": ["@risky.example", "no domain"],
        "subjects": ["You won"],
        "actions": ["label"],
    }
    async with database.write() as write:
        await write.execute(sa.delete(old))
        await write.execute(sa.insert(old).values(row))
    await migrate(database)
    (policy,) = await policies.listed(database, "one")
    assert policy == Policy(
        name="risky",
        direction="incoming",
        everyone=True,
        groups=["g"],
        actions=["label"],
        conditions={"senders": ["risky.example"], "subjects": ["You won"]},
    )
    (acted,) = await decisions.listed(database, "one")
    assert (acted["done"], acted["findings"]) == (True, [])
