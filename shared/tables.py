"""The tables. SQLAlchemy Core, the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

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
    sa.Column("modes", sa.JSON, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("site", sa.String, nullable=False),
    sa.Column("expected_tenant", sa.String),
    sa.Column("claimed_tenant", sa.String),
    sa.Column("tenant", sa.String),
    sa.Column("administrator", sa.String),
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
    sa.Column("begun", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index("connections_by_tenant", "platform", "tenant"),
    sa.Index("connections_by_stage", "stage", "site"),
)

# The keys that seal: one of each connection and one of the deployment, each wrapped by the master key.
data_keys = sa.Table(
    "data_keys",
    metadata,
    sa.Column("scope", sa.String, primary_key=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("master", sa.String, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
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
    sa.Column("aliases", sa.JSON(none_as_null=True)),
    sa.Column("receives", sa.Boolean, nullable=False),
    sa.Column("skipped", sa.String),
    sa.Column("digest", sa.String),
    sa.Column("mark", sa.String, nullable=False),
)

groups = sa.Table(
    "groups",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("mail", sa.String),
    sa.Column("digest", sa.String),
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

POLICY_LISTS = ("domains", "groups", "users", "senders", "subjects", "actions")
policies = sa.Table(
    "policies",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("direction", sa.String, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("everyone", sa.Boolean, nullable=False),
    *(sa.Column(name, sa.JSON, nullable=False) for name in POLICY_LISTS),
)

grants = sa.Table(
    "grants",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("address", sa.String, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("granted_at", Moment, nullable=False),
    sa.Column("alive", sa.Boolean, nullable=False),
)

mailboxes = sa.Table(
    "mailboxes",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("user", sa.String, primary_key=True),
    sa.Column("address", sa.String, nullable=False),
    sa.Column("position", sa.BigInteger),
    sa.Column("noticed", sa.BigInteger),
    sa.Column("watched_until", Moment),
    sa.Column("renewed_at", Moment),
    sa.Column("read_at", Moment),
    sa.Column("catching_up", sa.JSON(none_as_null=True)),
    sa.Column("label", sa.String),
    sa.Column("reason", sa.String),
    sa.Column("not_before", Moment),
    sa.Column("lease", sa.String),
    sa.Column("lease_until", Moment),
    sa.Column("begun", sa.Integer, nullable=False, server_default="0"),
    sa.Index("mailboxes_by_address", "address"),
)

acted = sa.Table(
    "acted",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("user", sa.String, primary_key=True),
    sa.Column("message", sa.String, primary_key=True),
    sa.Column("policy", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

operations = sa.Table(
    "operations",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    _of_connection(nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("run", sa.String, nullable=False),
    sa.Column("client", sa.String, nullable=False),
    sa.Column("subject", sa.String),
    sa.Column("method", sa.String, nullable=False),
    sa.Column("target", sa.String),
    sa.Column("status", sa.Integer),
    sa.Column("reason", sa.String),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("milliseconds", sa.Integer, nullable=False),
    sa.Column("quota", sa.Integer, nullable=False),
    sa.Index("operations_by_connection", "connection", "number"),
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
    sa.Column("receipt", sa.String),
    sa.Index("jobs_by_time", "not_before"),
)

postponed = sa.Table(
    "postponed",
    metadata,
    _of_connection(primary_key=True),
    sa.Column("job", sa.String, primary_key=True),
    sa.Column("mark", sa.String, nullable=False),
)

timers = sa.Table(
    "timers",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("fired_at", Moment, nullable=False),
)
