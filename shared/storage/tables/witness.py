"""Who cosigns the checkpoints of the anchored ledgers, and their cosignatures."""

import sqlalchemy as sa

from shared.storage.tables.columns import Moment, metadata

# An empty customer means a witness for all customers. `size`: of the last tree that it is known to have seen.
witnesses = sa.Table(
    "witnesses",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("customer", sa.String, nullable=False),
    sa.Column("url", sa.String, nullable=False),
    sa.Column("key", sa.String, nullable=False),
    sa.Column("made_by", sa.String, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("failing_since", Moment),
    sa.Column("code", sa.String),
    sa.Column("sentence", sa.String),
)

# They stay when their witness is removed: each proves what it proved.
cosignatures = sa.Table(
    "cosignatures",
    metadata,
    sa.Column("customer", sa.String, primary_key=True),
    sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("line", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
)
