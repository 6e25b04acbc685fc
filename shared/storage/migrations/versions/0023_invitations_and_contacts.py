"""When an invitation was sent and opened and when it expires; whom to contact at the customer."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0023"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    for name in ("invited_at", "invitation_opened_at", "invitation_expires_at"):
        op.add_column("connections", sa.Column(name, Moment(timezone=True)))
    op.add_column("connections", sa.Column("contacts", sa.JSON(), nullable=False, server_default="[]"))
    op.execute(
        "UPDATE connections SET invited_at = stage_since, invitation_expires_at = (SELECT max(expires_at) FROM links "
        "WHERE purpose = 'consent link' AND connection = connections.id AND used_at IS NULL)"
    )
