"""Tables are called what they hold: decisions, idempotency keys, removals from a directory, deferred jobs."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NAMES = {
    "acted": "decisions",
    "answers": "idempotency_keys",
    "departures": "directory_removals",
    "postponed": "deferred_jobs",
}


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    for old, new in NAMES.items():
        op.rename_table(old, new)
    op.drop_index("answers_by_time", "idempotency_keys")
    op.create_index("idempotency_keys_by_time", "idempotency_keys", ["at"])
