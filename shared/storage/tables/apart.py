"""What passes between the processes that face the internet and the workers, which alone open tenants."""

import sqlalchemy as sa

from shared.storage.tables.columns import Moment, metadata, of_connection

# What is for the workers alone is sealed to the newest of these.
workers_keys = sa.Table(
    "workers_keys",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("public", sa.LargeBinary, nullable=False),
    sa.Column("private", sa.LargeBinary, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
)

# What a browser brought back from a platform, until a worker has taken it, and then what came of it.
callbacks = sa.Table(
    "callbacks",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    of_connection(),
    sa.Column("browser", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("key", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("proven", sa.LargeBinary),
    sa.Column("outcome", sa.JSON(none_as_null=True)),
    sa.Index("callbacks_by_connection", "connection", "at"),
)

# What somebody wants to know of a tenant, and what a worker saw there.
looks = sa.Table(
    "looks",
    metadata,
    of_connection(primary_key=True),
    sa.Column("what", sa.String, primary_key=True),
    sa.Column("asked_at", Moment, nullable=False),
    sa.Column("made_at", Moment),
    sa.Column("sealed", sa.LargeBinary),
)
