"""Who operates: console sessions, second persons, and what was answered to requests that may come twice."""

import sqlalchemy as sa

from shared.storage.tables.columns import Moment, metadata, of_connection

# The id is a digest of what the browser holds, so that the table alone lets nobody in; and the mac is made with a key
# that the database has only sealed, so that nobody gets in who writes a row. `sealed` is what the account is proven
# with again.
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("customer", sa.String),
    sa.Column("begun_at", Moment, nullable=False),
    sa.Column("proven_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("mac", sa.LargeBinary, nullable=False),
    sa.Index("sessions_by_time", "expires_at"),
)

# By who asked and the key that they gave; without a status the first of the requests has not been answered yet.
idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("carried_out", sa.Boolean),
    sa.Index("idempotency_keys_by_time", "at"),
)

# What one administrator has asked for and another has to ask for too; the id is a digest of the request's own words.
approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    of_connection(),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
)
