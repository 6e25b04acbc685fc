"""The ledger's hashes commit to texts that may be about a person, so that these can be emptied."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Entries of before keep their texts in their hashes; the code of before appends such ones."""
    for column in ("salts", "erased"):
        op.add_column("ledger", sa.Column(column, sa.JSON()))


def downgrade() -> None:
    """The code of before takes entries with commitments for broken ones."""
    for column in ("salts", "erased"):
        op.drop_column("ledger", column)
