"""How many messages were inspected on each day, and on how many something was done."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing was counted so far, and what was done in the last days is not known message by message any more."""
    op.create_table(
        "mail_days",
        sa.Column("connection", sa.String(), sa.ForeignKey("connections.id"), primary_key=True),
        sa.Column("day", Moment(timezone=True), primary_key=True),
        sa.Column("scanned", sa.Integer(), nullable=False),
        sa.Column("acted", sa.Integer(), nullable=False),
    )
    op.create_index("mail_days_by_day", "mail_days", ["day", "connection", "scanned", "acted"])


def downgrade() -> None:
    """The code of before counts nothing."""
    op.drop_table("mail_days")
