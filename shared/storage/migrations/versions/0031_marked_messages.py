"""Marked messages that go the whole way of a connection's mail, and what the scanner reports of them."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two new tables, which the code of before leaves alone."""
    op.create_table(
        "marked_messages",
        sa.Column("connection", sa.String(), sa.ForeignKey("connections.id"), nullable=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("mark", sa.String(), nullable=False, unique=True),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("asked_at", Moment(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("sent_at", Moment(timezone=True)),
        sa.Column("ended_at", Moment(timezone=True)),
        sa.Column("code", sa.String()),
    )
    op.create_index("marked_messages_by_connection", "marked_messages", ["connection", "asked_at"])
    op.create_table(
        "sightings",
        sa.Column("connection", sa.String(), sa.ForeignKey("connections.id"), nullable=False),
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
    )
    op.create_index("sightings_by_mark", "sightings", ["connection", "mark"])


def downgrade() -> None:
    """What was reported goes with the tables."""
    op.drop_table("sightings")
    op.drop_table("marked_messages")
