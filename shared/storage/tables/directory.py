"""Our copy of a tenant: users, groups, members, domains, and how far the last look at them came."""

import sqlalchemy as sa

from shared.storage.tables.columns import Moment, metadata, of_connection

users = sa.Table(
    "users",
    metadata,
    of_connection(primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("mail", sa.String),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("kind", sa.String),
    sa.Column("aliases", sa.JSON(none_as_null=True)),
    sa.Column("receives", sa.Boolean, nullable=False),
    sa.Column("skipped", sa.String),
    # Of what a complete listing showed, and on which of its pages.
    sa.Column("digest", sa.String),
    sa.Column("page", sa.Integer),
    sa.Column("mark", sa.String, nullable=False),
    sa.Index("users_by_page", "connection", "page"),
)

groups = sa.Table(
    "groups",
    metadata,
    of_connection(primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("mail", sa.String),
    # Whether the platform keeps its members from us, so that it looks as if it had none.
    sa.Column("hidden", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("digest", sa.String),
    sa.Column("page", sa.Integer),
    sa.Column("mark", sa.String, nullable=False),
    # The listing of groups in whose reading the group's members were listed out of turn.
    sa.Column("members_of", sa.String),
    sa.Index("groups_by_page", "connection", "page"),
)

members = sa.Table(
    "members",
    metadata,
    of_connection(primary_key=True),
    sa.Column("group_id", sa.String, primary_key=True),
    sa.Column("member_id", sa.String, primary_key=True),
    # Of the listing of its group alone.
    sa.Column("page", sa.Integer),
    sa.Column("mark", sa.String, nullable=False),
)

placed = sa.Table(
    "placed",
    metadata,
    of_connection(primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("member_id", sa.String, primary_key=True),
)

domains = sa.Table(
    "domains",
    metadata,
    of_connection(primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("verified", sa.Boolean, nullable=False),
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("wanted_mx", sa.JSON(none_as_null=True)),
    sa.Column("mx", sa.JSON(none_as_null=True)),
    sa.Column("mx_checked_at", Moment),
)

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    of_connection(primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("link", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

listings = sa.Table(
    "listings",
    metadata,
    of_connection(primary_key=True),
    sa.Column("kind", sa.String, primary_key=True),
    sa.Column("mark", sa.String, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("renewed", sa.Boolean, nullable=False),
    sa.Column("link", sa.String),
    sa.Column("final", sa.String),
    sa.Column("pages", sa.Integer, nullable=False),
    sa.Column("read", sa.Integer, nullable=False),
    sa.Column("idle", sa.Integer, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("settled_at", Moment),
)
