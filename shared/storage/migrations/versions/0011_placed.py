"""Whom we have put into our own groups in the tenant, one by one."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.create_table(
        "placed",
        sa.Column("connection", sa.String(), sa.ForeignKey("connections.id"), primary_key=True),
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("member_id", sa.String(), primary_key=True),
    )
