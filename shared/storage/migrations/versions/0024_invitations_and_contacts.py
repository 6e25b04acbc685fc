"""When an invitation was sent and opened and when it expires; whom to contact; one operation on many connections."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The code of before makes a link that leaves no note."""
    for name in ("invited_at", "invitation_opened_at", "invitation_expires_at"):
        op.add_column("connections", sa.Column(name, Moment(timezone=True)))
    op.add_column("connections", sa.Column("contacts", sa.JSON(), nullable=False, server_default="[]"))
    op.execute(
        "UPDATE connections SET invited_at = stage_since, invitation_expires_at = (SELECT max(expires_at) FROM links "
        "WHERE purpose = 'consent link' AND connection = connections.id AND used_at IS NULL)"
    )
    op.create_table(
        "batches",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("customer", sa.String()),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("stopped_at", Moment(timezone=True)),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "batch_items",
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("due_at", Moment(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("code", sa.String()),
        sa.Column("sentence", sa.String()),
        sa.Column("ended_at", Moment(timezone=True)),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("batch", "connection"),
    )
    op.create_index("batch_items_due", "batch_items", ["state", "due_at"])


def downgrade() -> None:
    """Orders that are under way end where they are; contacts are forgotten."""
    for table in ("batch_items", "batches"):
        op.drop_table(table)
    for name in ("contacts", "invitation_expires_at", "invitation_opened_at", "invited_at"):
        op.drop_column("connections", name)
