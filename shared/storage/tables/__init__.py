"""The tables. SQLAlchemy Core, the same on SQLite and PostgreSQL."""

from shared.storage.tables.apart import callbacks, looks, workers_keys
from shared.storage.tables.batch import batch_items, batches
from shared.storage.tables.columns import Moment, metadata
from shared.storage.tables.connection import (
    baselines,
    certificates,
    choices,
    connections,
    data_keys,
    grants,
    halts,
    holdings,
    ledger,
    links,
    preflights,
    signing_keys,
    snapshots,
    tokens,
    tombstones,
)
from shared.storage.tables.console import approvals, idempotency_keys, sessions
from shared.storage.tables.directory import checkpoints, domains, groups, listings, members, placed, users
from shared.storage.tables.event import deliveries, events, webhooks
from shared.storage.tables.job import deferred_jobs, expected_jobs, jobs, orders, timers
from shared.storage.tables.mail import decisions, exports, mailboxes, operations, policies, quarantine, set_aside
from shared.storage.tables.report import directory_removals, report_settings, reports, sync_runs

__all__ = [
    "Moment",
    "approvals",
    "baselines",
    "batch_items",
    "batches",
    "callbacks",
    "certificates",
    "checkpoints",
    "choices",
    "connections",
    "data_keys",
    "decisions",
    "deferred_jobs",
    "deliveries",
    "directory_removals",
    "domains",
    "events",
    "expected_jobs",
    "exports",
    "grants",
    "groups",
    "halts",
    "holdings",
    "idempotency_keys",
    "jobs",
    "ledger",
    "links",
    "listings",
    "looks",
    "mailboxes",
    "members",
    "metadata",
    "operations",
    "orders",
    "placed",
    "policies",
    "preflights",
    "quarantine",
    "report_settings",
    "reports",
    "sessions",
    "set_aside",
    "signing_keys",
    "snapshots",
    "sync_runs",
    "timers",
    "tokens",
    "tombstones",
    "users",
    "webhooks",
    "workers_keys",
]
