"""A scope may have more than one data key, while it is renewed."""

import sqlalchemy as sa
from alembic import op

import shared.storage.tables

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Each key that there is becomes its scope's first."""
    made = op.create_table(
        "numbered_data_keys",
        sa.Column("scope", sa.String(), nullable=False),
        # The code of before knows of one key a scope.
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False, server_default="1"),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("master", sa.String(), nullable=False),
        sa.Column("made_at", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "number"),
    )
    before = sa.table("data_keys", *(sa.column(name) for name in ("scope", "wrapped", "master", "made_at")))
    kept = sa.select(before.c.scope, sa.literal(1), before.c.wrapped, before.c.master, before.c.made_at)
    op.execute(sa.insert(made).from_select(["scope", "number", "wrapped", "master", "made_at"], kept))
    op.drop_table("data_keys")
    op.rename_table("numbered_data_keys", "data_keys")


def downgrade() -> None:
    """The newest key of a scope stays. What an older one still seals does not open to the code of before."""
    made = op.create_table(
        "one_data_key",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("master", sa.String(), nullable=False),
        sa.Column("made_at", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )
    names = ("scope", "wrapped", "master", "made_at")
    before = sa.table("data_keys", *(sa.column(name) for name in (*names, "number")))
    newer = before.alias("newer")
    is_newest = ~sa.exists().where(newer.c.scope == before.c.scope, newer.c.number > before.c.number)
    kept = sa.select(*(before.c[name] for name in names)).where(is_newest)
    op.execute(sa.insert(made).from_select(list(names), kept))
    op.drop_table("data_keys")
    op.rename_table("one_data_key", "data_keys")
