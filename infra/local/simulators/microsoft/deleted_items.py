"""What is deleted and can still be restored."""

from __future__ import annotations

from datetime import datetime, timedelta

from infra.local.simulators.microsoft.tenant import Tenant

RESTORABLE = timedelta(days=30)


def forget_expired(tenant: Tenant, now: datetime) -> None:
    """Forget what was deleted more than 30 days ago."""
    oldest = now - RESTORABLE
    for key, one in list(tenant.deleted.items()):
        if datetime.fromisoformat(one["deletedDateTime"]) < oldest:
            purge(tenant, key)


def purge(tenant: Tenant, key: str) -> None:
    """Forget a deleted object for good."""
    del tenant.deleted[key]
    tenant.group_settings.pop(key, None)
