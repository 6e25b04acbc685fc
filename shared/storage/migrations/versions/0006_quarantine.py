"""Policies with order, exclusions and conditions; what is decided about a message, before it is done; quarantine."""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op

from shared.storage.tables import Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEPT = ("direction", "enabled", "everyone", "domains", "groups", "users", "actions")
CONDITIONS = ("senders", "subjects")


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    _policies()
    _acted()
    op.create_table(
        "quarantine",
        sa.Column("number", sa.Integer(), nullable=False),
        _of_connection(),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("user", "address", "message", "policy")),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("until", Moment(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("told", sa.String(), nullable=True),
        sa.Column("look_at", Moment(timezone=True), nullable=True),
        sa.Column("part", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("connection", "user", "message", name="quarantined_once"),
    )
    op.create_index("quarantine_by_connection", "quarantine", ["connection", "number"])
    op.create_index("quarantine_by_time", "quarantine", ["look_at"])
    op.create_table(
        "exports",
        _of_connection(),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("made_at", Moment(timezone=True), nullable=False),
        sa.Column("until", Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection", "part"),
    )


def _of_connection() -> sa.Column[str]:
    return sa.Column("connection", sa.String(), nullable=False)


def _policies() -> None:
    """A policy becomes one document; senders and subjects are conditions among others."""
    names = ("connection", "name", *KEPT, *CONDITIONS)
    text, truth, lists = sa.String(), sa.Boolean(), sa.JSON()
    of_type: dict[str, Any] = {"enabled": truth, "everyone": truth}
    of_type |= dict.fromkeys(("connection", "name", "direction"), text)
    old = sa.table("policies", *(sa.column(name, of_type.get(name, lists)) for name in names))
    new = sa.table("policies", *(sa.column(n, sa.String()) for n in names[:2]), sa.column("content", sa.JSON()))
    rows = op.get_bind().execute(sa.select(old)).mappings().all()
    with op.batch_alter_table("policies") as batch:
        batch.add_column(sa.Column("content", sa.JSON(), nullable=False, server_default="{}"))
        for name in (*KEPT, *CONDITIONS):
            batch.drop_column(name)
    for row in rows:
        content: dict[str, Any] = {"name": row["name"], **{name: row[name] for name in KEPT}}
        content["conditions"] = {name: row[name] for name in CONDITIONS if row[name]}
        if "senders" in content["conditions"]:
            # What is no domain, and has none, has never meant anybody.
            named = [one for one in row["senders"] if re.fullmatch(r"([^@\s]{0,64}@)?([\w-]+\.)+[\w-]+", one)]
            content["conditions"]["senders"] = named
        mine = (new.c.connection == row["connection"], new.c.name == row["name"])
        op.execute(sa.update(new).where(*mine).values(content=content))


def _acted() -> None:
    """One row for each action; what was noted before was done."""
    names = ("connection", "user", "message", "action", "policy", "at")
    op.rename_table("acted", "acted_before")
    op.create_table(
        "acted",
        *(sa.Column(name, sa.String(), nullable=False) for name in names[:-1]),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("done", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.ForeignKeyConstraint(["connection"], ["connections.id"]),
        sa.PrimaryKeyConstraint("connection", "user", "message", "action"),
    )
    before = sa.table("acted_before", *(sa.column(name) for name in names))
    after = sa.table("acted", *(sa.column(name) for name in names))
    op.execute(sa.insert(after).from_select(list(names), sa.select(before)))
    op.drop_table("acted_before")
