"""A connection itself: where it stands, its keys, links and tokens, and what was done in its name."""

import sqlalchemy as sa

from shared.storage.tables.columns import Moment, metadata, of_connection

connections = sa.Table(
    "connections",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("platform", sa.String, nullable=False),
    sa.Column("modes", sa.JSON, nullable=False),
    # Keys of rows that it was made without.
    sa.Column("left_out", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("customer", sa.String, nullable=False, server_default=""),
    sa.Column("site", sa.String, nullable=False),
    sa.Column("expected_tenant", sa.String),
    sa.Column("claimed_tenant", sa.String),
    sa.Column("tenant", sa.String),
    sa.Column("moved_tenant", sa.String),
    sa.Column("administrator", sa.String),
    sa.Column("label", sa.String, nullable=False),
    sa.Column("sealed_headers", sa.LargeBinary, nullable=False),
    # What was set in the brand when the connection was made.
    sa.Column("brand", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("repairs_drift", sa.Boolean, nullable=False),
    sa.Column("stage", sa.Integer, nullable=False),
    sa.Column("stage_since", Moment, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("reason", sa.String),
    sa.Column("sentence", sa.String),
    sa.Column("reason_since", Moment),
    sa.Column("waiting_since", Moment),
    sa.Column("failing_since", Moment),
    # Since when each cause of a wait lasts, by cause; what ends one is at connections/clocks.py.
    sa.Column("clocks", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("not_before", Moment),
    sa.Column("synced_at", Moment),
    sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("lease_until", Moment),
    sa.Column("begun", sa.Integer, nullable=False, server_default="0"),
    sa.Column("asked_at", Moment),
    sa.Column("looked_at", Moment),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("check_at", Moment),
    sa.Column("drained_at", Moment),
    sa.Column("paused_until", Moment),
    sa.Column("invited_at", Moment),
    sa.Column("invitation_opened_at", Moment),
    sa.Column("invitation_expires_at", Moment),
    sa.Column("contacts", sa.JSON, nullable=False, server_default="[]"),
    sa.Index("connections_by_tenant", "platform", "tenant"),
    sa.Index("connections_by_stage", "stage", "site"),
    sa.Index("connections_by_end", "stage", "stage_since"),
    sa.Index("connections_by_creation", "created_at", "id"),
    sa.Index("connections_by_customer", "customer"),
)

# The keys that seal, of each connection and of the deployment: one, or two while it is renewed.
data_keys = sa.Table(
    "data_keys",
    metadata,
    sa.Column("scope", sa.String, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, server_default="1"),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("master", sa.String, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
)

# The kill switch: while a row stands, nothing is sent to the platforms of the connections that its scope is for.
halts = sa.Table(
    "halts",
    metadata,
    sa.Column("scope", sa.String, primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("why", sa.String, nullable=False),
    sa.Column("destroyed", sa.Boolean, nullable=False),
)

# What is left of a closed connection that was erased: that it was, until when, and what proves its end.
tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("closed_at", Moment, nullable=False),
    sa.Column("erased_at", Moment, nullable=False),
    sa.Column("certificate", sa.String),
    sa.Column("entries", sa.Integer, nullable=False),
    sa.Column("head", sa.String, nullable=False),
)

# What certificates are signed with: the private half of the present one, the public halves of those before it.
signing_keys = sa.Table(
    "signing_keys",
    metadata,
    sa.Column("kid", sa.String, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("retired_at", Moment),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("connection", sa.String),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("used_at", Moment),
)

ledger = sa.Table(
    "ledger",
    metadata,
    of_connection(primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("key", sa.String, nullable=False),
    sa.Column("act", sa.String, nullable=False),
    sa.Column("actor", sa.String),
    sa.Column("subject", sa.String),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("intent", sa.Integer),
    sa.Column("identity", sa.String),
    sa.Column("before", sa.JSON(none_as_null=True)),
    sa.Column("after", sa.JSON(none_as_null=True)),
    sa.Column("request_id", sa.String),
    sa.Column("note", sa.String),
    sa.Column("previous_hash", sa.String, nullable=False),
    sa.Column("hash", sa.String, nullable=False),
    # The salt of each text that may be about a person, and the commitment of each that was emptied.
    sa.Column("salts", sa.JSON(none_as_null=True)),
    sa.Column("erased", sa.JSON(none_as_null=True)),
    sa.Index("ledger_by_time", "at", "connection", "number"),
    sa.Index("ledger_by_act", "act", "at", "connection", "number"),
)

holdings = sa.Table(
    "holdings",
    metadata,
    of_connection(primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("identity", sa.String),
    sa.Column("seen", sa.JSON(none_as_null=True)),
    sa.Column("drift", sa.JSON(none_as_null=True)),
    sa.Column("incarnation", sa.Integer, nullable=False),
    sa.Column("missed_at", Moment),
    sa.Column("attempts", sa.Integer, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    of_connection(primary_key=True),
    sa.Column("resource", sa.String, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("obtained_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
)

# How the mail flow of a tenant should be.
baselines = sa.Table(
    "baselines",
    metadata,
    of_connection(primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

# How the mail flow of a tenant was before a grant, and after each change since.
snapshots = sa.Table(
    "snapshots",
    metadata,
    of_connection(primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("why", sa.String, nullable=False),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)

# What a look before the first write found in a tenant, and when nothing of it was in the way any more.
preflights = sa.Table(
    "preflights",
    metadata,
    of_connection(primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("concerns", sa.JSON, nullable=False),
    sa.Column("passed_at", Moment),
)

# What somebody has said about one finding: to accept it, to repair it or to report it only.
choices = sa.Table(
    "choices",
    metadata,
    of_connection(primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("key", sa.String, nullable=False),
    sa.Column("way", sa.String, nullable=False),
    sa.Column("effect", sa.JSON, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("until", Moment),
    sa.UniqueConstraint("connection", "key", name="one_choice_a_finding"),
)

grants = sa.Table(
    "grants",
    metadata,
    of_connection(primary_key=True),
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("address", sa.String, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("granted_at", Moment, nullable=False),
    sa.Column("alive", sa.Boolean, nullable=False),
)

certificates = sa.Table(
    "certificates",
    metadata,
    of_connection(primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("signed", sa.String, nullable=False),
)
