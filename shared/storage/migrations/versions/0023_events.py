"""The event outbox, webhooks and their deliveries; the whole deployment's ledger is read in order of time."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The code of before tells nobody."""
    op.create_table(
        "events",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=True),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("offered", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    later = sa.text("NOT offered")
    op.create_index("events_to_offer", "events", ["at"], sqlite_where=later, postgresql_where=later)
    op.create_index("events_by_time", "events", ["at"])
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", Moment(timezone=True), nullable=False),
        sa.Column("failing_since", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "deliveries",
        sa.Column("webhook", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=True),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.JSON(), nullable=False),
        sa.Column("not_before", Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("webhook", "event"),
    )
    op.create_index("deliveries_by_time", "deliveries", ["not_before"])
    op.create_index("deliveries_of_connection", "deliveries", ["connection"])
    op.create_index("ledger_by_time", "ledger", ["at", "connection", "number"])


def downgrade() -> None:
    """What was to be told is not, and receivers are subscribed again."""
    op.drop_index("ledger_by_time", "ledger")
    for table in ("deliveries", "webhooks", "events"):
        op.drop_table(table)
