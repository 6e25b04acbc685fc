"""The tenant that an operator of all customers has moved to a connection, from another customer's."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.add_column("connections", sa.Column("moved_tenant", sa.String()))
