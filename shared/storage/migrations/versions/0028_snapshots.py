"""How the mail flow of a tenant was before a grant, and after each change since."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The first is taken at the next look."""
    op.create_table(
        "snapshots",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection", "number"),
    )


def downgrade() -> None:
    """The snapshots go."""
    op.drop_table("snapshots")
