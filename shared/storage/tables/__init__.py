"""The tables. SQLAlchemy Core, the same on SQLite and PostgreSQL."""

from shared.storage.tables.columns import Moment, metadata
from shared.storage.tables.connection import (
    certificates,
    connections,
    data_keys,
    grants,
    holdings,
    ledger,
    links,
    tokens,
)
from shared.storage.tables.console import answers, sessions
from shared.storage.tables.directory import checkpoints, domains, groups, members, users
from shared.storage.tables.job import jobs, postponed, timers
from shared.storage.tables.mail import acted, exports, mailboxes, operations, policies, quarantine
from shared.storage.tables.report import departures, report_settings, reports, sync_runs

__all__ = [
    "Moment",
    "acted",
    "answers",
    "certificates",
    "checkpoints",
    "connections",
    "data_keys",
    "departures",
    "domains",
    "exports",
    "grants",
    "groups",
    "holdings",
    "jobs",
    "ledger",
    "links",
    "mailboxes",
    "members",
    "metadata",
    "operations",
    "policies",
    "postponed",
    "quarantine",
    "report_settings",
    "reports",
    "sessions",
    "sync_runs",
    "timers",
    "tokens",
    "users",
]
