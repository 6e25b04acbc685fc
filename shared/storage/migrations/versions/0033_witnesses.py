"""Witnesses that customers name, and their cosignatures of checkpoints."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two new tables, which the code of before leaves alone."""
    op.create_table(
        "witnesses",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", Moment(timezone=True), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("failing_since", Moment(timezone=True)),
        sa.Column("code", sa.String()),
        sa.Column("sentence", sa.String()),
    )
    op.create_table(
        "cosignatures",
        sa.Column("customer", sa.String(), primary_key=True),
        sa.Column("size", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Cosignatures go with the tables."""
    op.drop_table("cosignatures")
    op.drop_table("witnesses")
