"""How far each listing of a directory has come, so that no run has to read one in a single go."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The code of before leaves the new column alone, and reads everything anew."""
    op.create_table(
        "listings",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("renewed", sa.Boolean(), nullable=False),
        sa.Column("link", sa.String()),
        sa.Column("final", sa.String()),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("idle", sa.Integer(), nullable=False),
        sa.Column("since", Moment(timezone=True), nullable=False),
        sa.Column("settled_at", Moment(timezone=True)),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection", "kind"),
    )
    op.add_column("groups", sa.Column("members_of", sa.String()))


def downgrade() -> None:
    """A listing that is under way begins anew."""
    op.drop_column("groups", "members_of")
    op.drop_table("listings")
