"""Until when the routing of a connection's mail is switched off."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody is paused so far."""
    op.add_column("connections", sa.Column("paused_until", Moment(timezone=True)))


def downgrade() -> None:
    """A pause is forgotten: the code of before switches the rules on again."""
    op.drop_column("connections", "paused_until")
