"""What faces the internet and what opens tenants are apart: the workers' key, callbacks for them, looks by them."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Stored tokens go, for they are sealed with another key from now on; each run asks for new ones."""
    op.create_table(
        "workers_keys",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "callbacks",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=True),
        sa.Column("browser", sa.String(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("proven", sa.LargeBinary(), nullable=True),
        sa.Column("outcome", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("callbacks_by_connection", "callbacks", ["connection", "at"])
    op.create_table(
        "looks",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("asked_at", Moment(timezone=True), nullable=False),
        sa.Column("made_at", Moment(timezone=True), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection", "what"),
    )
    op.execute(sa.delete(sa.table("tokens")))


def downgrade() -> None:
    """Consents that no worker has taken yet have to be given again, as have grants of before."""
    op.execute(sa.delete(sa.table("tokens")))
    for table in ("looks", "callbacks", "workers_keys"):
        op.drop_table(table)
