"""What is kept for how long, as one table, and the nightly deletion of what is older, of closed connections too."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from shared.connections import call_log, events
from shared.engine import erasure
from shared.flows.app import App
from shared.flows.reports import store
from shared.flows.webhooks import store as webhooks
from shared.protection import decisions, mail_days, sync_history
from shared.storage.database import AsyncConnection, Database

Forget = Callable[[Database, datetime, datetime], Awaitable[None]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of record by its setting in `FOOTPRINT_RETENTION__…`, with the reason for its default."""

    setting: str
    reason: str
    forget: Forget
    """Deletes what is older than a first time; the second is now."""


def _rows(*forget: Callable[[AsyncConnection, datetime], Awaitable[None]]) -> Forget:
    """All of them in one transaction."""

    async def all_of_them(database: Database, before: datetime, _now: datetime) -> None:
        async with database.write() as write:
            for one in forget:
                await one(write, before)

    return all_of_them


KINDS = (
    Kind(
        setting="operations",
        reason="as long as both platforms keep the audit logs that it is compared with",
        forget=_rows(call_log.purge),
    ),
    Kind(
        setting="statistics",
        reason="two quarters, which the longest report covers",
        forget=_rows(decisions.purge, mail_days.purge, sync_history.purge),
    ),
    Kind(
        setting="reports",
        reason="a year and the month in which it is compared with the one before",
        forget=_rows(store.purge),
    ),
    Kind(
        setting="events",
        reason="a receiver that was down for weeks can still be sent what it missed",
        forget=_rows(webhooks.forget_old, events.forget_old),
    ),
    Kind(
        setting="closed",
        reason="ledger and certificate prove the exit; how long that matters is the operator's contract to say",
        forget=erasure.erase_closed,
    ),
)


async def forget_old(app: App) -> None:
    """Delete what was kept long enough."""
    now = app.clock.now()
    for kind in KINDS:
        kept = getattr(app.settings.retention, kind.setting)
        if kept is not None:
            await kind.forget(app.database, now - kept, now)
    log.info("old records deleted")
