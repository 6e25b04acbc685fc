"""What happened and is told to others: events, who wants to hear of them, and what came of telling."""

import sqlalchemy as sa

from shared.storage.tables.columns import Moment, metadata, of_connection

# Written in the transaction of what happened. `offered`: there is a delivery for each subscriber of that moment.
events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    of_connection(nullable=True),
    sa.Column("customer", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("offered", sa.Boolean, nullable=False),
    sa.Index("events_by_time", "at"),
)

# `sealed` holds the address and the secrets. An empty customer means all customers, no kinds mean all kinds.
# `pushed_…`: behind which entry of the ledgers it is told next, if it asked for them.
webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("customer", sa.String, nullable=False),
    sa.Column("kinds", sa.JSON, nullable=False),
    sa.Column("form", sa.String, nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("made_by", sa.String, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("failing_since", Moment),
    sa.Column("pushed_at", Moment),
    sa.Column("pushed_connection", sa.String, nullable=False, server_default=""),
    sa.Column("pushed_number", sa.Integer, nullable=False, server_default="0"),
)

# What is wrong with the deployment itself and was told: a row until it is right again.
deployment_alerts = sa.Table(
    "deployment_alerts",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("since", Moment, nullable=False),
    sa.Column("sentence", sa.String, nullable=False),
)

# `tries` says of each attempt when it was and what came of it; `not_before` when the next one is due, if one is.
deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("webhook", sa.String, primary_key=True),
    sa.Column("event", sa.String, primary_key=True),
    of_connection(nullable=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("tries", sa.JSON, nullable=False),
    sa.Column("not_before", Moment),
    sa.Index("deliveries_by_time", "not_before"),
    sa.Index("deliveries_of_connection", "connection"),
)
