"""Groups whose members the platform keeps from us."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Known of each group with the next listing of all of them."""
    op.add_column("groups", sa.Column("hidden", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """They look like groups without members again."""
    op.drop_column("groups", "hidden")
