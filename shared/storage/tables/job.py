"""Work to be done, and when it was begun last."""

import sqlalchemy as sa

from shared.storage.tables.columns import Moment, metadata, of_connection

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

deferred_jobs = sa.Table(
    "deferred_jobs",
    metadata,
    of_connection(primary_key=True),
    sa.Column("job", sa.String, primary_key=True),
    sa.Column("mark", sa.String, nullable=False),
)

expected_jobs = sa.Table(
    "expected_jobs",
    metadata,
    of_connection(primary_key=True),
    sa.Column("job", sa.String, primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Index("expected_jobs_by_time", "at"),
)

# What somebody has asked for that a job may only do for them. Its message carries no authority; this does.
orders = sa.Table(
    "orders",
    metadata,
    of_connection(primary_key=True),
    sa.Column("job", sa.String, primary_key=True),
    sa.Column("mark", sa.String, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("given_at", Moment, nullable=False),
)

# What jobs have counted since the deployment began, over all processes; `labels` is JSON.
totals = sa.Table(
    "totals",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("labels", sa.String, primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
)

timers = sa.Table(
    "timers",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("fired_at", Moment, nullable=False),
)
