"""Who operates: whose a connection is, who acted, sessions of the console, answers to requests that come twice."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.add_column("connections", sa.Column("customer", sa.String(), nullable=False, server_default=""))
    op.add_column("connections", sa.Column("asked_at", Moment(timezone=True), nullable=True))
    op.add_column("connections", sa.Column("looked_at", Moment(timezone=True), nullable=True))
    op.add_column("ledger", sa.Column("actor", sa.String(), nullable=True))
    op.create_table(
        "sessions",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("id", "name", "role")),
        sa.Column("customer", sa.String(), nullable=True),
        sa.Column("begun_at", Moment(timezone=True), nullable=False),
        sa.Column("expires_at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("sessions_by_time", "sessions", ["expires_at"])
    op.create_table(
        "answers",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("id", "digest")),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("answers_by_time", "answers", ["at"])
