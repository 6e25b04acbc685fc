"""Each cause of a wait has a clock of its own, which only its own end stops."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Waits that go on now are counted from their next failure; the code of before counts by the reason shown."""
    op.add_column("connections", sa.Column("clocks", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """The code of before counts by the reason shown."""
    op.drop_column("connections", "clocks")
