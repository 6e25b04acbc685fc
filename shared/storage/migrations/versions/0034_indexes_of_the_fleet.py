"""What the console reads of ten thousand connections is found by index: a month's syncs, decisions and ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

INDEXES = {
    "connections_by_creation": ("connections", ["created_at", "id"]),
    "connections_by_customer": ("connections", ["customer"]),
    "connections_by_end": ("connections", ["stage", "stage_since"]),
    "decisions_by_time": ("decisions", ["at", "connection", "done", "action"]),
    "ledger_by_act": ("ledger", ["act", "at", "connection", "number"]),
    "sync_runs_by_time": ("sync_runs", ["at", "connection"]),
}
# Only what is rare is in these, so that most entries cost nothing more.
PARTIAL = {
    "ledger_by_people": (["at", "connection", "number"], "actor IS NOT NULL"),
    "ledger_of_failures": (["at", "connection"], "state = 'failed'"),
}


def upgrade() -> None:
    """Indexes only: the code of before reads and writes as before."""
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)
    for name, (columns, which) in PARTIAL.items():
        op.create_index(name, "ledger", columns, postgresql_where=sa.text(which), sqlite_where=sa.text(which))


def downgrade() -> None:
    """Nothing is lost but time."""
    for name in PARTIAL:
        op.drop_index(name, "ledger")
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table)
