"""What happens to mail: policies, mailboxes, what was decided about messages, quarantine, the log of our calls."""

import sqlalchemy as sa

from shared.storage.tables.columns import Moment, metadata, of_connection

policies = sa.Table(
    "policies",
    metadata,
    of_connection(primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("content", sa.JSON, nullable=False),
    # When its report only ends; empty once that was carried out.
    sa.Column("ends", Moment),
    sa.Index("policies_by_end", "ends"),
)

set_aside = sa.Table(
    "set_aside",
    metadata,
    of_connection(primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("item", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("why", sa.String, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("not_before", Moment, nullable=False),
)

mailboxes = sa.Table(
    "mailboxes",
    metadata,
    of_connection(primary_key=True),
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

# How many messages were inspected in mailboxes on each day of UTC, and on how many of them something was done.
mail_days = sa.Table(
    "mail_days",
    metadata,
    of_connection(primary_key=True),
    sa.Column("day", Moment, primary_key=True),
    sa.Column("scanned", sa.Integer, nullable=False),
    sa.Column("acted", sa.Integer, nullable=False),
    sa.Index("mail_days_by_day", "day", "connection", "scanned", "acted"),
)

# One row for each thing that is to be done, or was done, to a message.
decisions = sa.Table(
    "decisions",
    metadata,
    of_connection(primary_key=True),
    sa.Column("user", sa.String, primary_key=True),
    sa.Column("message", sa.String, primary_key=True),
    sa.Column("action", sa.String, primary_key=True),
    sa.Column("policy", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("findings", sa.JSON, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
    sa.Index("decisions_by_time", "at", "connection", "done", "action"),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    of_connection(nullable=False),
    sa.Column("user", sa.String, nullable=False),
    sa.Column("address", sa.String, nullable=False),
    sa.Column("message", sa.String, nullable=False),
    sa.Column("policy", sa.String, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("until", Moment, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("told", sa.String),
    sa.Column("look_at", Moment),
    sa.Column("part", sa.Integer),
    sa.UniqueConstraint("connection", "user", "message", name="quarantined_once"),
    sa.Index("quarantine_by_connection", "connection", "number"),
    sa.Index("quarantine_by_time", "look_at"),
)

# What was taken out of quarantine to be kept for a while, in parts that can each be fetched at once.
exports = sa.Table(
    "exports",
    metadata,
    of_connection(primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("messages", sa.Integer, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("until", Moment),
)

operations = sa.Table(
    "operations",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    of_connection(nullable=False),
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
    sa.Index("operations_by_time", "connection", "at"),
)

# Messages of ours that go the whole way of a connection's mail. `code` says why one did not arrive as it should.
marked_messages = sa.Table(
    "marked_messages",
    metadata,
    of_connection(nullable=False),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("mark", sa.String, nullable=False, unique=True),
    sa.Column("recipient", sa.String, nullable=False),
    sa.Column("asked_at", Moment, nullable=False),
    sa.Column("asked_by", sa.String, nullable=False),
    sa.Column("sent_at", Moment),
    sa.Column("ended_at", Moment),
    sa.Column("code", sa.String),
    sa.Index("marked_messages_by_connection", "connection", "asked_at"),
)

# What the scanner reports of them; `id` is its own, so that a report which comes twice counts once.
sightings = sa.Table(
    "sightings",
    metadata,
    of_connection(nullable=False),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("mark", sa.String, nullable=False),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("sightings_by_mark", "connection", "mark"),
)
