"""Deploying: the code of before runs on the tables of after, and each revision can be taken back by one."""

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from shared.storage.database import Database
from shared.storage.migrate import _config
from tests.harness.databases import Databases
from tests.storage.test_migrations import fill, upgrade

ALL = [str(one.revision) for one in reversed(list(ScriptDirectory.from_config(_config(None)).walk_revisions()))]
# Revisions up to this one take away or rename what the code of before used, and cannot be taken back: from there a
# deployment goes back by restoring its backup. What comes after it only adds; what is not used any more is taken away
# by a revision of the release after the one that stopped using it, which then is the first of this list.
FIRST = "0018"
REVISIONS = ALL[ALL.index(FIRST) :]


@pytest.fixture
async def database(databases: Databases, tmp_path: Path) -> AsyncIterator[Database]:
    """A database with nothing in it."""
    made = Database(databases.empty(tmp_path))
    yield made
    await made.close()


async def downgrade(database: Database) -> None:
    """Take the last revision back."""
    async with database.write() as write:
        await write.run_sync(lambda sync: command.downgrade(_config(sync), "-1"))


async def shape(database: Database) -> dict[str, dict[str, tuple[str, bool, bool]]]:
    """Each table's columns: type, whether they may be empty, whether an insert may leave them out."""

    def reflected(sync: sa.Connection) -> dict[str, Any]:
        found = sa.MetaData()
        found.reflect(sync)
        return {
            table.name: {
                column.name: (
                    type(column.type).__name__,
                    bool(column.nullable),
                    column.nullable or column.server_default is not None or column is table.autoincrement_column,
                )
                for column in table.columns
            }
            for table in found.sorted_tables
        }

    async with database.read() as read:
        return await read.run_sync(reflected)


async def test_each_revision_can_be_taken_back_by_one(database: Database) -> None:
    await upgrade(database, REVISIONS[0])
    await fill(database)
    for before, revision in pairwise(REVISIONS):
        was = await shape(database)
        await upgrade(database, revision)
        await downgrade(database)
        assert await shape(database) == was, f"{revision} taken back is not {before}"
        await upgrade(database, revision)


async def test_the_code_of_before_finds_what_it_uses_and_may_leave_out_what_it_does_not_know(
    database: Database,
) -> None:
    await upgrade(database, REVISIONS[0])
    broken: dict[str, list[str]] = {}
    after = await shape(database)
    for revision in REVISIONS[1:]:
        before = after
        await upgrade(database, revision)
        after = await shape(database)
        found = [
            f"{table}.{name}"
            for table, columns in before.items()
            for name, (_, empty, left_out) in columns.items()
            if not fits(after.get(table, {}).get(name), empty=empty, left_out=left_out)
        ]
        found += [
            f"{table}.{name}"
            for table in before.keys() & after.keys()
            for name, (_, _, left_out) in after[table].items()
            if name not in before[table] and not left_out
        ]
        if found:
            broken[revision] = sorted(found)
    assert not broken


def fits(now: tuple[str, bool, bool] | None, *, empty: bool, left_out: bool) -> bool:
    """Whether a column still takes what it took: it is there, and still may be empty, or left out."""
    return now is not None and (now[1] or not empty) and (now[2] or not left_out)
