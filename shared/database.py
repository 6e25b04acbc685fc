"""The tables, and one way to read and one way to write. SQLAlchemy Core, the same on SQLite and PostgreSQL."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

metadata = sa.MetaData()


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware UTC time. SQLite keeps no time zone, so it is taken off and put back on."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _of_connection(**options: Any) -> sa.Column[str]:
    return sa.Column("connection", sa.String, sa.ForeignKey("connections.id"), **options)


connections = sa.Table(
    "connections",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("platform", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("site", sa.String, nullable=False),
    sa.Column("expected_tenant", sa.String),
    sa.Column("claimed_tenant", sa.String),
    sa.Column("tenant", sa.String),
    sa.Column("label", sa.String, nullable=False),
    sa.Column("sealed_headers", sa.LargeBinary, nullable=False),
    sa.Column("repairs_drift", sa.Boolean, nullable=False),
    sa.Column("stage", sa.Integer, nullable=False),
    sa.Column("stage_since", Moment, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("reason", sa.String),
    sa.Column("sentence", sa.String),
    sa.Column("reason_since", Moment),
    sa.Column("not_before", Moment),
    sa.Column("synced_at", Moment),
    sa.Column("lease", sa.String),
    sa.Column("lease_until", Moment),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index("connections_by_tenant", "platform", "tenant"),
    sa.Index("connections_by_stage", "stage", "site"),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("connection", sa.String),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("used_at", Moment),
)

ledger = sa.Table(
    "ledger",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("key", sa.String, nullable=False),
    sa.Column("act", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("intent", sa.Integer),
    sa.Column("identity", sa.String),
    sa.Column("before", sa.JSON(none_as_null=True)),
    sa.Column("after", sa.JSON(none_as_null=True)),
    sa.Column("request_id", sa.String),
    sa.Column("note", sa.String),
    sa.Column("previous_hash", sa.String, nullable=False),
    sa.Column("hash", sa.String, nullable=False),
)

holdings = sa.Table(
    "holdings",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("identity", sa.String),
    sa.Column("seen", sa.JSON(none_as_null=True)),
    sa.Column("drift", sa.JSON(none_as_null=True)),
    sa.Column("incarnation", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("resource", sa.String, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("obtained_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
)

users = sa.Table(
    "users",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("mail", sa.String),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("kind", sa.String),
    sa.Column("skipped", sa.String),
    sa.Column("mark", sa.String, nullable=False),
)

groups = sa.Table(
    "groups",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("mail", sa.String),
    sa.Column("mark", sa.String, nullable=False),
)

members = sa.Table(
    "members",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("group_id", sa.String, primary_key=True),
    sa.Column("member_id", sa.String, primary_key=True),
    sa.Column("mark", sa.String, nullable=False),
)

domains = sa.Table(
    "domains",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("verified", sa.Boolean, nullable=False),
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("wanted_mx", sa.JSON(none_as_null=True)),
    sa.Column("mx", sa.JSON(none_as_null=True)),
    sa.Column("mx_checked_at", Moment),
)

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("link", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

policies = sa.Table(
    "policies",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("direction", sa.String, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("everyone", sa.Boolean, nullable=False),
    sa.Column("domains", sa.JSON, nullable=False),
    sa.Column("groups", sa.JSON, nullable=False),
    sa.Column("users", sa.JSON, nullable=False),
)

reports = sa.Table(
    "reports",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("week", sa.String, primary_key=True),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
)

certificates = sa.Table(
    "certificates",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("connection", sa.String, nullable=False),
    sa.Column("not_before", Moment, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("receipt", sa.String),
    sa.Index("jobs_by_time", "not_before"),
)

timers = sa.Table(
    "timers",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("fired_at", Moment, nullable=False),
)


class Database:
    """An engine, with `read` for looking and `write` for one transaction that is wholly kept or wholly not."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: AsyncEngine = create_async_engine(url)
        if self.engine.dialect.name == "sqlite":
            # At its lowest level it logs every statement with its values.
            logging.getLogger("aiosqlite").setLevel(logging.INFO)
            sa.event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine.sync_engine, "begin", _begin_sqlite)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """For looking: each statement sees what is committed by then."""
        async with self.engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed at the end of the block and undone by an exception."""
        async with self.engine.begin() as connection:
            yield connection

    async def close(self) -> None:
        """Let go of every pooled connection."""
        await self.engine.dispose()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, or the driver says it too late
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=20000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # two writers wait in line instead of failing half-way
