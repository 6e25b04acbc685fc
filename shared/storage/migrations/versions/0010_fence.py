"""A lease has a number, each the next one of its connection, in place of a token without an order."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    # Not as a batch, which on SQLite makes the table anew, and others refer to it.
    op.add_column("connections", sa.Column("fence", sa.Integer(), nullable=False, server_default="0"))
    op.drop_column("connections", "lease")
