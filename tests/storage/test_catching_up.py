"""The timer that brings a deployed database to the revision that the code wants, from nothing as well."""

from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from shared.flows.timers import fire
from shared.foundation.schedule import TIMERS
from shared.storage.database import Database
from shared.storage.migrate import catch_up
from shared.storage.revision import newest, present
from tests.harness.databases import Databases
from tests.harness.world import World

(MIGRATE,) = [timer for timer in TIMERS if timer.name == "migrate"]


async def test_the_timer_makes_the_tables_of_a_new_deployment(world: World, tmp_path: Path) -> None:
    empty = Database(world.databases.empty(tmp_path))
    await fire(replace(world.app, database=empty), MIGRATE)
    assert await present(empty) == newest()
    assert not await catch_up(empty)
    await empty.close()


async def test_a_newer_revision_is_left_alone(databases: Databases, tmp_path: Path) -> None:
    """As an older version finds it, which is served still or again."""
    database = Database(databases.url(tmp_path))
    async with database.write() as write:
        await write.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    assert not await catch_up(database)
    assert await present(database) == "9999"
    await database.close()
