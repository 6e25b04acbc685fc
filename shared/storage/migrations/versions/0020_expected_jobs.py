"""Which jobs were sent and have not begun, so that none is sent twice."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The code of before sends as it did."""
    op.create_table(
        "expected_jobs",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection", "job"),
    )
    op.create_index("expected_jobs_by_time", "expected_jobs", ["at"])


def downgrade() -> None:
    """A job that is on its way may be sent twice."""
    op.drop_table("expected_jobs")
