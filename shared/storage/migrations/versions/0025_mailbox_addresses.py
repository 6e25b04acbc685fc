"""Addresses of mailboxes in lower case, as pushes look for them."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The code of before looks for them in lower case too."""
    mailboxes = sa.table("mailboxes", sa.column("address"))
    lower = sa.func.lower(mailboxes.c.address)
    op.execute(sa.update(mailboxes).where(mailboxes.c.address != lower).values(address=lower))


def downgrade() -> None:
    """Nothing: the code of before finds them."""
