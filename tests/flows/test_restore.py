"""The drill: a backup of the database is put back after all was lost, and a life goes on from it to its end."""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from shared.connections.stages import Stage
from tests.harness.client import ask
from tests.harness.databases import programs
from tests.harness.world import World


async def test_a_life_goes_on_from_a_backup(world: World, tmp_path: Path) -> None:
    before = world.snapshot()
    connection = await world.connect()
    await world.work()
    url, backup = sa.make_url(world.app.settings.database_url), tmp_path / "backup"
    of_server = url.get_backend_name() == "postgresql"
    (dump if of_server else copy)(url, backup)
    await world.app.database.close()
    (lose_and_restore if of_server else lose_and_copy_back)(url, backup)
    assert (await ask(world, "GET", "/api/health/ready")).status == 200
    closed = await world.leave(await world.connection(connection.id))
    assert closed.stage is Stage.CLOSED
    assert world.snapshot() == before


def copy(url: sa.URL, backup: Path) -> None:
    """Of a file, while it is written to."""
    with closing(sqlite3.connect(str(url.database))) as running, closing(sqlite3.connect(backup)) as kept:
        running.backup(kept)


def lose_and_copy_back(url: sa.URL, backup: Path) -> None:
    file = Path(str(url.database))
    for lost in file.parent.glob(f"{file.name}*"):
        lost.unlink()
    with closing(sqlite3.connect(backup)) as kept, closing(sqlite3.connect(file)) as new:
        kept.backup(new)


def dump(url: sa.URL, backup: Path) -> None:
    """Of a server's database, while others are connected."""
    run("pg_dump", "--format=custom", f"--file={backup}", address(url))


def lose_and_restore(url: sa.URL, backup: Path) -> None:
    run("psql", "--quiet", "--command=DROP SCHEMA public CASCADE; CREATE SCHEMA public", address(url))
    run("pg_restore", "--single-transaction", "--exit-on-error", f"--dbname={address(url)}", str(backup))


def address(url: sa.URL) -> str:
    """As the server's own programs know it."""
    return url.set(drivername="postgresql").render_as_string()


def run(program: str, *arguments: str) -> None:
    folder = programs()
    assert folder is not None
    subprocess.run([folder / program, *arguments], check=True, capture_output=True, timeout=60)  # noqa: S603
