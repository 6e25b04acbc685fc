"""The drill: a backup of the file is put back after all was lost, and a life goes on from it to its end."""

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from shared.connections.stages import Stage
from shared.storage import tables as db
from tests.harness.client import ask
from tests.harness.world import World


async def test_a_life_goes_on_from_a_backup(world: World, tmp_path: Path) -> None:
    before = world.snapshot()
    connection = await world.connect()
    await world.work()
    file, backup = str(sa.make_url(world.app.settings.database_url).database), tmp_path / "backup"
    with closing(sqlite3.connect(file)) as running, closing(sqlite3.connect(backup)) as copy:
        running.backup(copy)
    async with world.app.database.write() as write:
        for table in reversed(db.metadata.sorted_tables):
            await write.execute(sa.delete(table))
    await world.app.database.close()
    with closing(sqlite3.connect(backup)) as copy, closing(sqlite3.connect(file)) as lost:
        copy.backup(lost)
    assert (await ask(world, "GET", "/api/health/ready")).status == 200
    closed = await world.leave(await world.connection(connection.id))
    assert closed.stage is Stage.CLOSED
    assert world.snapshot() == before
