"""Scheduled reports of three kinds, for whom they are, and what came of sending them.

The weekly summaries of before were of another shape; those of the last weeks are made anew.
"""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.drop_table("reports")
    op.create_table(
        "reports",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("begins", Moment(timezone=True), nullable=False),
        sa.Column("ends", Moment(timezone=True), nullable=False),
        sa.Column("made_at", Moment(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("not_before", Moment(timezone=True), nullable=True),
        sa.Column("sentence", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection", "name"),
    )
    op.create_table(
        "report_settings",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection"),
    )
    op.create_table(
        "departures",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection", "kind"),
    )
    op.create_table(
        "sync_runs",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("held", sa.JSON(), nullable=False),
        sa.Column("gone", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection", "at"),
    )
    op.create_index("operations_by_time", "operations", ["connection", "at"])
