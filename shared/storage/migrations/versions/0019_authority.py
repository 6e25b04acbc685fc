"""What somebody has asked for that a job may only do for them; and the kill switch."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.create_table(
        "orders",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("given_at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection", "job"),
    )
    op.create_table(
        "halts",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("destroyed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )
