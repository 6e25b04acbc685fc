"""Modes, grants in person, mailboxes, and the log of every call made with the service's own account."""

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _of_connection() -> sa.Column[str]:
    return sa.Column("connection", sa.String(), sa.ForeignKey("connections.id"), nullable=False)


def _moment(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, Moment(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.add_column("connections", sa.Column("modes", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("connections", sa.Column("administrator", sa.String(), nullable=True))
    op.add_column("users", sa.Column("aliases", sa.JSON(), nullable=True))
    op.add_column("users", sa.Column("receives", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.execute("UPDATE users SET receives = (mail IS NOT NULL)")
    op.add_column("users", sa.Column("digest", sa.String(), nullable=True))
    op.add_column("groups", sa.Column("digest", sa.String(), nullable=True))
    for name in ("senders", "subjects", "actions"):
        op.add_column("policies", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
    op.create_table(
        "grants",
        _of_connection(),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        _moment("granted_at", nullable=False),
        sa.Column("alive", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "account"),
    )
    op.create_table(
        "mailboxes",
        _of_connection(),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("noticed", sa.BigInteger(), nullable=True),
        _moment("watched_until"),
        _moment("renewed_at"),
        _moment("read_at"),
        sa.Column("catching_up", sa.JSON(), nullable=True),
        sa.Column("label", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        _moment("not_before"),
        sa.Column("lease", sa.String(), nullable=True),
        _moment("lease_until"),
        sa.PrimaryKeyConstraint("connection", "user"),
    )
    op.create_index("mailboxes_by_address", "mailboxes", ["address"])
    op.create_table(
        "acted",
        _of_connection(),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        _moment("at", nullable=False),
        sa.PrimaryKeyConstraint("connection", "user", "message"),
    )
    op.create_table(
        "operations",
        sa.Column("number", sa.Integer(), nullable=False),
        _of_connection(),
        _moment("at", nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("quota", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("operations_by_connection", "operations", ["connection", "number"])
