"""When an object was first not found, and since when an ending connection has been failing."""

import sqlalchemy as sa
from alembic import op

import shared.storage.tables

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.add_column("holdings", sa.Column("missed_at", shared.storage.tables.Moment(timezone=True), nullable=True))
    op.add_column("connections", sa.Column("failing_since", shared.storage.tables.Moment(timezone=True), nullable=True))
