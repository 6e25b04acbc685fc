"""The page of a complete listing that showed a row last, so that a listing that shows the same writes nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The code of before leaves the new columns alone; the next listing writes every row once."""
    for table in ("users", "groups", "members"):
        op.add_column(table, sa.Column("page", sa.Integer()))
    for table in ("users", "groups"):
        op.create_index(f"{table}_by_page", table, ["connection", "page"])


def downgrade() -> None:
    """The code of before marks every row anew."""
    for table in ("users", "groups"):
        op.drop_index(f"{table}_by_page", table)
    for table in ("users", "groups", "members"):
        op.drop_column(table, "page")
