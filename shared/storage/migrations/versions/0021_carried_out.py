"""Whether something was written for a request that may come twice."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The code of before leaves it empty."""
    op.add_column("idempotency_keys", sa.Column("carried_out", sa.Boolean()))


def downgrade() -> None:
    """A request whose answer was lost may be carried out twice again."""
    op.drop_column("idempotency_keys", "carried_out")
