"""The names that a connection was made with. Those that are there have the published names."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.add_column("connections", sa.Column("brand", sa.JSON(), nullable=False, server_default="{}"))
