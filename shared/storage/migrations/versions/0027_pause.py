"""Until when the routing of a connection's mail is switched off."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.add_column("connections", sa.Column("paused_until", Moment(timezone=True)))
