"""The first tables."""

import sqlalchemy as sa
from alembic import op

import shared.storage.tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only: a deployment goes back by restoring its backup."""
    op.create_table(
        "connections",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("expected_tenant", sa.String(), nullable=True),
        sa.Column("claimed_tenant", sa.String(), nullable=True),
        sa.Column("tenant", sa.String(), nullable=True),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("sealed_headers", sa.LargeBinary(), nullable=False),
        sa.Column("repairs_drift", sa.Boolean(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("stage_since", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("sentence", sa.String(), nullable=True),
        sa.Column("reason_since", shared.storage.tables.Moment(timezone=True), nullable=True),
        sa.Column("not_before", shared.storage.tables.Moment(timezone=True), nullable=True),
        sa.Column("synced_at", shared.storage.tables.Moment(timezone=True), nullable=True),
        sa.Column("lease", sa.String(), nullable=True),
        sa.Column("lease_until", shared.storage.tables.Moment(timezone=True), nullable=True),
        sa.Column("created_at", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("connections", schema=None) as batch_op:
        batch_op.create_index("connections_by_stage", ["stage", "site"], unique=False)
        batch_op.create_index("connections_by_tenant", ["platform", "tenant"], unique=False)

    op.create_table(
        "jobs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("not_before", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("receipt", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("jobs_by_time", ["not_before"], unique=False)

    op.create_table(
        "links",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("connection", sa.String(), nullable=True),
        sa.Column("expires_at", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.Column("used_at", shared.storage.tables.Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "timers",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("fired_at", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "certificates",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("made_at", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("connection", "generation"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("link", sa.String(), nullable=False),
        sa.Column("at", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("connection", "kind"),
    )
    op.create_table(
        "domains",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("wanted_mx", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("mx", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("mx_checked_at", shared.storage.tables.Moment(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("connection", "name"),
    )
    op.create_table(
        "groups",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("mail", sa.String(), nullable=True),
        sa.Column("mark", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("connection", "id"),
    )
    op.create_table(
        "holdings",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.Column("identity", sa.String(), nullable=True),
        sa.Column("seen", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("drift", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("incarnation", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("connection", "key"),
    )
    op.create_table(
        "ledger",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("intent", sa.Integer(), nullable=True),
        sa.Column("identity", sa.String(), nullable=True),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("connection", "number"),
    )
    op.create_table(
        "members",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("group_id", sa.String(), nullable=False),
        sa.Column("member_id", sa.String(), nullable=False),
        sa.Column("mark", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("connection", "group_id", "member_id"),
    )
    op.create_table(
        "policies",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("everyone", sa.Boolean(), nullable=False),
        sa.Column("domains", sa.JSON(), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("users", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("connection", "name"),
    )
    op.create_table(
        "reports",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("week", sa.String(), nullable=False),
        sa.Column("made_at", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("connection", "week"),
    )
    op.create_table(
        "tokens",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("resource", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("obtained_at", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.Column("expires_at", shared.storage.tables.Moment(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("connection", "resource"),
    )
    op.create_table(
        "users",
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("mail", sa.String(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("skipped", sa.String(), nullable=True),
        sa.Column("mark", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection"],
            ["connections.id"],
        ),
        sa.PrimaryKeyConstraint("connection", "id"),
    )
