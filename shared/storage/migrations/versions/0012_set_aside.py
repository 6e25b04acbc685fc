"""Single items of a tenant that are refused or cannot be read, and when each is tried again."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.create_table(
        "set_aside",
        sa.Column("connection", sa.String(), sa.ForeignKey("connections.id"), primary_key=True),
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("item", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("since", Moment(timezone=True), nullable=False),
        sa.Column("not_before", Moment(timezone=True), nullable=False),
    )
