"""${message}"""

import sqlalchemy as sa
from alembic import op

import shared.storage.database

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    ${upgrades if upgrades else "pass"}
