"""Jobs that found their connection busy wait in a table, one of each kind; who begins and never ends is counted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.create_table(
        "postponed",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection", "job"),
    )
    for table in ("connections", "mailboxes"):
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("begun", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("jobs") as batch:
        batch.drop_column("attempts")
