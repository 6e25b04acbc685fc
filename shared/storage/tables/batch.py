"""Batches: one operation on many connections, with what came of each."""

import sqlalchemy as sa

from shared.storage.tables.columns import Moment, metadata, of_connection

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("operation", sa.String, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    # Whose connections its actor may see; null: all of them.
    sa.Column("customer", sa.String),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("stopped_at", Moment),
)

# `batch` is no reference: a connection is erased with its items, and the batch stays.
batch_items = sa.Table(
    "batch_items",
    metadata,
    sa.Column("batch", sa.String, primary_key=True),
    of_connection(primary_key=True),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("code", sa.String),
    sa.Column("sentence", sa.String),
    sa.Column("ended_at", Moment),
    sa.Index("batch_items_due", "state", "due_at"),
)
