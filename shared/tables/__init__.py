"""The tables. SQLAlchemy Core, the same on SQLite and PostgreSQL."""

from shared.tables.columns import Moment, metadata
from shared.tables.connection import certificates, connections, data_keys, grants, holdings, ledger, links, tokens
from shared.tables.directory import checkpoints, domains, groups, members, users
from shared.tables.mail import acted, exports, mailboxes, operations, policies, quarantine
from shared.tables.people import answers, sessions
from shared.tables.reports import departures, report_settings, reports, sync_runs
from shared.tables.work import jobs, postponed, timers

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
