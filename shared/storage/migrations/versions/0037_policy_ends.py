"""When a policy's report only ends."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No policy has an end so far."""
    op.add_column("policies", sa.Column("ends", Moment(timezone=True)))
    op.create_index("policies_by_end", "policies", ["ends"])


def downgrade() -> None:
    """A policy that only reports goes on reporting, without an end: the code of before knows none in its content."""
    policies = sa.table("policies", sa.column("connection"), sa.column("name"), sa.column("content", sa.JSON))
    connection = op.get_bind()
    for row in connection.execute(sa.select(policies)).all():
        if "report_only_until" not in row.content:
            continue
        kept = {name: value for name, value in row.content.items() if name not in ("report_only_until", "afterwards")}
        one = (policies.c.connection == row.connection, policies.c.name == row.name)
        connection.execute(sa.update(policies).where(*one).values(content=kept))
    op.drop_index("policies_by_end", "policies")
    op.drop_column("policies", "ends")
