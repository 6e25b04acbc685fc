"""What is wrong with the deployment itself is told once; webhooks are told the ledgers."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The code of before tells nothing about the deployment."""
    op.create_table(
        "deployment_alerts",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("since", Moment(timezone=True), nullable=False),
        sa.Column("sentence", sa.String(), nullable=False),
    )
    op.add_column("webhooks", sa.Column("pushed_at", Moment(timezone=True)))
    op.add_column("webhooks", sa.Column("pushed_connection", sa.String(), nullable=False, server_default=""))
    op.add_column("webhooks", sa.Column("pushed_number", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """What is wrong is told again when the table is back. The code of before does not know these kinds of events."""
    op.execute("DELETE FROM events WHERE kind LIKE 'deployment.%' OR kind = 'ledger.entries'")
    for column in ("pushed_at", "pushed_connection", "pushed_number"):
        op.drop_column("webhooks", column)
    op.drop_table("deployment_alerts")
