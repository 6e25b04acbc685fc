"""Scheduled reports: what was asked for, what was made, and the synchronisations that they tell of."""

import sqlalchemy as sa

from shared.storage.tables.columns import Moment, metadata, of_connection

# Each report is made once. `recipients` says of each address what came of it; `not_before` when that is tried next.
reports = sa.Table(
    "reports",
    metadata,
    of_connection(primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("begins", Moment, nullable=False),
    sa.Column("ends", Moment, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("recipients", sa.JSON, nullable=False),
    sa.Column("not_before", Moment),
    sa.Column("sentence", sa.String),
)

# `kinds` says of each kind since when it is wanted.
report_settings = sa.Table(
    "report_settings",
    metadata,
    of_connection(primary_key=True),
    sa.Column("kinds", sa.JSON, nullable=False),
    sa.Column("recipients", sa.JSON, nullable=False),
)

# How much of our copy of a directory has ever gone, by kind: with how much there is, that says how much has come.
directory_removals = sa.Table(
    "directory_removals",
    metadata,
    of_connection(primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)

sync_runs = sa.Table(
    "sync_runs",
    metadata,
    of_connection(primary_key=True),
    sa.Column("at", Moment, primary_key=True),
    sa.Column("held", sa.JSON, nullable=False),
    sa.Column("gone", sa.JSON, nullable=False),
    sa.Index("sync_runs_by_time", "at", "connection"),
)
