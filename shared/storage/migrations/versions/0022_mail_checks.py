"""What was found before a grant, what was said about findings, and when the way of mail is checked next."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The code of before checks once a day."""
    op.add_column("connections", sa.Column("check_at", Moment(timezone=True)))
    op.add_column("connections", sa.Column("drained_at", Moment(timezone=True)))
    op.create_table(
        "preflights",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("concerns", sa.JSON(), nullable=False),
        sa.Column("passed_at", Moment(timezone=True)),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection"),
    )
    op.create_table(
        "choices",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("effect", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("until", Moment(timezone=True)),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection", "id"),
        sa.UniqueConstraint("connection", "key", name="one_choice_a_finding"),
    )


def downgrade() -> None:
    """What was accepted of the findings is forgotten."""
    for table in ("choices", "preflights"):
        op.drop_table(table)
    for name in ("drained_at", "check_at"):
        op.drop_column("connections", name)
