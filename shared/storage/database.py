"""One way to read and one way to write, the same on SQLite and PostgreSQL."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from itertools import pairwise
from typing import Any, cast

import sqlalchemy as sa

# The package's own `__init__` imports its sessions too, and with them the whole ORM, which nothing here uses: an
# eighth of what this import costs at a cold start. So it counts as imported while its engine is imported alone;
# a later import of the package gets the whole of it.
_package = cast("ModuleSpec", find_spec("sqlalchemy.ext.asyncio"))
_placeholder = module_from_spec(_package)
_imported = sys.modules.setdefault(_package.name, _placeholder)

from sqlalchemy.ext.asyncio.engine import AsyncConnection, AsyncEngine, create_async_engine  # noqa: E402 - see above

if _imported is _placeholder:
    del sys.modules[_package.name]

from shared.storage.outages import outage_told, unavailable  # noqa: E402

__all__ = ["AsyncConnection", "Database", "guarded", "in_line", "insert_new", "step", "upsert"]

log = logging.getLogger(__name__)

Guard = Callable[[AsyncConnection], Awaitable[None]]
Password = Callable[[], Awaitable[str]]
# A context variable, so that no write of a run can forget it, in whichever of its tasks.
_guard: ContextVar[Guard | None] = ContextVar("guard", default=None)

# Many processes share one server, each with few connections. A function that slept may wake to a dead one, so it is
# asked first; and a server that is gone is noticed within half a minute, not when the system gives up on it.
POSTGRESQL: dict[str, Any] = {
    # What is too many waits in line for its turn.
    "max_overflow": 0,
    "pool_timeout": 30,
    "pool_use_lifo": True,
    "pool_pre_ping": True,
    # Nothing here has that type; to ask for it is a round trip more for each connection.
    "use_native_hstore": False,
    "connect_args": {
        "application_name": "footprint",
        "connect_timeout": 10,
        "keepalives_idle": 30,
        "tcp_user_timeout": 30_000,
        # In milliseconds. No transaction waits on the network, so one that is idle belongs to a process that is held
        # up: what it has locked is somebody else's after that.
        "options": "-c lock_timeout=10000 -c statement_timeout=60000 -c idle_in_transaction_session_timeout=20000",
    },
}
# Of the server's, those that are not kept for its administrators.
CONNECTIONS_USED = """
SELECT count(*)::float / (
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
)
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


class Database:
    """An engine, with `read` for looking and `write` for one transaction that is wholly kept or wholly not.

    Both raise Temporary "database_unavailable" when the database does not answer; then nothing was written, or all of
    it and only the answer is lost, as when a process dies.
    """

    def __init__(self, url: str, connections: int = 5, password: Password | None = None) -> None:
        """`connections`: how many of a server's this process may take at most.

        `password` is asked for each new connection; it is given to no server but the one that the URL names.
        """
        self.url = url
        sqlite = self._sqlite = sa.make_url(url).get_backend_name() == "sqlite"
        pool: dict[str, Any] = {} if sqlite else POSTGRESQL | {"pool_size": connections}
        if password and not sqlite:
            pool["connect_args"] = POSTGRESQL["connect_args"] | _signing_in(sa.make_url(url), password)
        if sqlite:
            from shared.storage import sqlite as file

            # At its lowest level it logs every statement with its values.
            logging.getLogger("aiosqlite").setLevel(logging.INFO)
            pool["connect_args"] = {"factory": file.SqliteConnection}
        self.engine: AsyncEngine = create_async_engine(url, hide_parameters=True, **pool)
        if sqlite:
            sa.event.listen(self.engine.sync_engine, "connect", file.prepare)
            sa.event.listen(self.engine.sync_engine, "begin", file.begin)
        # SQLite is in that mode anyway; to have it set for each look takes longer than the look.
        alone: dict[str, Any] = {"looking": True} if sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._looking = self.engine.execution_options(**alone)
        # It has one writer at a time. In a queue of our own they wait; in its own they ask again and again.
        self._turn: Any = asyncio.Lock() if sqlite else nullcontext()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """For looking: each statement sees what is committed by then."""
        with outage_told():
            async with self._looking.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed at the end of the block and undone by an exception. Not to be nested.

        Inside `guarded`, the guard is its first statement, and what the guard raises leaves nothing written.
        """
        async with self.record() as connection:
            if guard := _guard.get():
                await guard(connection)
            yield connection

    @asynccontextmanager
    async def record(self) -> AsyncIterator[AsyncConnection]:
        """The same without the guard, for a caller who asks it themselves, or tells what has happened already."""
        with outage_told():
            async with self._turn, self.engine.begin() as connection:
                yield connection

    async def writable(self, seconds: float) -> None:
        """Raises Temporary "database_unavailable" unless a write would be taken within so many seconds. Writes nothing.

        It does not wait behind this process's own writers, whose turn may be what is stuck.
        """
        try:
            with outage_told():
                async with asyncio.timeout(2 * seconds), self._looking.connect() as connection:
                    await (_try_sqlite if self._sqlite else _try_postgresql)(connection, int(seconds * 1000))
        except TimeoutError:
            raise unavailable() from None

    async def connections_used(self) -> float | None:
        """The share of the server's connections that are taken, by whomever; None of a file."""
        if self._sqlite:
            return None
        async with self.read() as read:
            return float((await read.execute(sa.text(CONNECTIONS_USED))).scalar_one())

    async def close(self) -> None:
        """Let go of every pooled connection."""
        await self.engine.dispose()


@contextmanager
def guarded(guard: Guard) -> Iterator[None]:
    """Inside the block, and in every task begun there, each transaction of `write` begins with this guard."""
    before = _guard.set(guard)
    try:
        yield
    finally:
        _guard.reset(before)


def upsert(
    write: AsyncConnection,
    table: sa.Table,
    columns: Collection[str] | None = None,
    added: Collection[str] = (),
    where: sa.ColumnElement[bool] | None = None,
) -> Any:
    """An insert that sets `columns`, by default all, of the row that has the same key, if there is one.

    To those that are `added` the new value is added.
    A row for which `where` does not hold stays as it is.
    """
    keys = [column.name for column in table.primary_key]
    statement = _insert(write, table)
    new = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys}
    new |= {name: table.c[name] + new[name] for name in added}
    chosen = new if columns is None else {name: new[name] for name in columns}
    return statement.on_conflict_do_update(index_elements=keys, set_=chosen, where=where)


def insert_new(write: AsyncConnection, table: sa.Table) -> Any:
    """An insert that leaves the row that has the same key as it is, if there is one; its row count tells."""
    # Asked for: of an insert the count is not kept otherwise, and one that is not known looks like some.
    return _insert(write, table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def _insert(write: AsyncConnection, table: sa.Table) -> Any:
    # The other database's dialect costs a twentieth of a cold start.
    return import_module(f"sqlalchemy.dialects.{write.dialect.name}").insert(table)


def step(moment: sa.ColumnElement[datetime], ends: Sequence[datetime]) -> sa.Label[int]:
    """In which of several steps of time, that follow each other and end at `ends`, a moment is; the first is 0."""
    return sa.case(*((moment < end, place) for place, end in enumerate(ends))).label("step")


async def per_step(
    read: AsyncConnection,
    at: sa.Column[datetime],
    begin: datetime,
    ends: Sequence[datetime],
    *which: Any,
    number: sa.ColumnElement[int] | None = None,
) -> list[int]:
    """How many rows of the table of `at`, those that `which` holds of, there are in each step from `begin` on.

    `number` may count something else of them. Each step is a count of its own, which an index that begins with `at`
    answers without a row of the table.
    """
    spans = pairwise((begin, *ends))
    counted = sa.select(sa.func.count() if number is None else number).select_from(at.table)
    steps = [counted.where(at >= since, at < until, *which).scalar_subquery() for since, until in spans]
    return list((await read.execute(sa.select(*steps))).one())


async def in_line(write: AsyncConnection, name: str) -> None:
    """Let one transaction at a time through that asks for the same name. SQLite has one writer anyway."""
    if write.dialect.name == "postgresql":
        await write.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))


def _signing_in(url: sa.URL, password: Password) -> dict[str, Any]:
    """How a connection is made with a password of its own (https://www.postgresql.org/docs/current/libpq-ssl.html)."""
    import certifi

    async def connect(*given: Any, **named: Any) -> Any:
        import psycopg

        return await psycopg.AsyncConnection.connect(*given, **named, password=await password())

    # The driver has a TLS library of its own, which does not find the machine's authorities.
    authorities = url.query.get("sslrootcert", certifi.where())
    return {"async_creator_fn": connect, "sslmode": "verify-full", "sslrootcert": authorities}


async def _try_sqlite(connection: AsyncConnection, milliseconds: int) -> None:
    from shared.storage.sqlite import BUSY_MILLISECONDS

    await connection.exec_driver_sql(f"PRAGMA busy_timeout={milliseconds}")
    try:
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
        await connection.exec_driver_sql("ROLLBACK")
    finally:
        await connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")


async def _try_postgresql(connection: AsyncConnection, milliseconds: int) -> None:
    if (await connection.exec_driver_sql("SELECT to_regclass('alembic_version')")).scalar() is None:
        return  # nothing is migrated yet
    # A server that may only be read refuses it, though it changes no row.
    for statement in (
        "BEGIN",
        f"SET LOCAL statement_timeout = {milliseconds}",
        f"SET LOCAL lock_timeout = {milliseconds}",
        "UPDATE alembic_version SET version_num = version_num WHERE false",
        "ROLLBACK",
    ):
        await connection.exec_driver_sql(statement)
