"""A wait has an age of its own, whatever reasons take turns in it."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Waits that go on now are counted from their next failure; the code of before does not count them."""
    op.add_column("connections", sa.Column("waiting_since", Moment(timezone=True)))


def downgrade() -> None:
    """The code of before knows how old a reason is."""
    op.drop_column("connections", "waiting_since")
