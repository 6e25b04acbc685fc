"""Signing keys of their own, and certificates stored as they were signed."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", Moment(timezone=True), nullable=False),
        sa.Column("retired_at", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("kid"),
    )
    # What was not signed when it was drawn up cannot be signed now.
    op.execute("DELETE FROM certificates")
    with op.batch_alter_table("certificates") as table:
        table.drop_column("content")
        table.add_column(sa.Column("signed", sa.String(), nullable=False))
