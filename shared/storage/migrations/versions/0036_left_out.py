"""What a connection was made without."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing was left out so far."""
    op.add_column("connections", sa.Column("left_out", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """What was left out is forgotten: the code of before makes it."""
    op.drop_column("connections", "left_out")
