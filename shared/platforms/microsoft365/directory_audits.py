"""The customer's own log of their directory, held against our ledger: what it says that our application did.

The log is read where the setting says so and the customer has granted AuditLog.Read.All and Directory.Read.All
(https://learn.microsoft.com/graph/api/directoryaudit-list). It tells of a change some minutes later, at times hours.
What we change in Exchange stands in another log, which is not read.
"""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from shared.connections import record
from shared.engine import books
from shared.engine.books import Intent
from shared.engine.chain import Act
from shared.engine.rows import Activity
from shared.foundation.errors import ConsentMissing, Missing, Permanent
from shared.platforms.contract import Compared, Permission, UnknownChange
from shared.platforms.microsoft365.graph import GraphRefused
from shared.platforms.microsoft365.tenant import MicrosoftTenant
from shared.storage.ids import ConnectionId

Record = dict[str, Any]
PERMISSIONS = (
    Permission(
        name="AuditLog.Read.All",
        why="to compare the directory's own log with ours, once a day",
        without="the log is not compared, which the connection's page shows",
    ),
    Permission(
        name="Directory.Read.All",
        why="Microsoft demands it of who reads the directory's log",
        without="the log is not compared, which the connection's page shows",
    ),
)
ROW = Activity(
    key="both-books",
    title="Comparison with the directory's own log",
    why="what the log attributes to our application and our ledger does not have is an alarm",
    accounts_for=("run-sync",),
    permissions=tuple(one.name for one in PERMISSIONS),
    job="sync",
    when="with the daily synchronisation",
)
# All that we change through Graph are our groups and who is in them.
OURS = "group-"
# The clocks of two clouds differ by no more.
CLOCKS_DIFFER = timedelta(minutes=2)
# Entra goes on to write to a new group in the name of who made it; a change of settings by others shows as drift.
WRITTEN_LATER = "Update group"
# A page of a thousand takes about a second.
MAX_PAGES = 100
EXCHANGE = "Changes in Exchange Online (connectors, rules, lists) stand in another log, which is not read."
NOT_SET = "The directory's own log is not read: FOOTPRINT_MICROSOFT__AUDIT_LOG is not set."
NOT_GRANTED = "The directory's own log cannot be read: AuditLog.Read.All or Directory.Read.All was not granted."
TOO_LONG = "The directory's own log of this time is too long to be read whole; its newest part was compared."


async def compared(tenant: MicrosoftTenant, begin: datetime, end: datetime) -> Compared:
    """The log's entries of a span of time that it attributes to our application, each looked up in our ledger."""
    if not tenant.microsoft.audit_log:
        return Compared(blind=(NOT_SET, EXCHANGE))
    blind = [EXCHANGE]
    found: list[Record] = []
    pages = 0
    try:
        ours = await _principal(tenant)
        async for page in _log(tenant, begin, end):
            found += [entry for entry in page if _attributed(entry, ours, tenant.microsoft.client_id)]
            pages += 1
            if pages == MAX_PAGES:
                blind.insert(0, TOO_LONG)
                break
    except ConsentMissing:
        raise
    except (GraphRefused, Missing, Permanent):
        return Compared(blind=(NOT_GRANTED, EXCHANGE))
    kept = await books.kept(tenant.context.database, await _connections(tenant), OURS, begin)
    theirs, known = Counter[str](), Counter[str]()
    unknown: list[UnknownChange] = []
    for entry in found:
        activity, at = str(entry.get("activityDisplayName")), datetime.fromisoformat(str(entry["activityDateTime"]))
        theirs[activity] += 1
        if _ours(activity, _groups(entry), kept.identities, kept.open_at(at, CLOCKS_DIFFER)):
            known[activity] += 1
        else:
            unknown.append(_unknown(entry, activity, at))
    return Compared(methods={name: (known[name], theirs[name]) for name in theirs}, unknown=unknown, blind=tuple(blind))


def _log(tenant: MicrosoftTenant, begin: datetime, end: datetime) -> AsyncIterator[list[Record]]:
    bounds = f"activityDateTime ge {begin:%Y-%m-%dT%H:%M:%SZ} and activityDateTime le {end:%Y-%m-%dT%H:%M:%SZ}"
    # By time alone: an application's id is left empty in many entries, and its name may change.
    return tenant.graph.pages("/v1.0/auditLogs/directoryAudits", **{"$filter": bounds, "$top": "999"})


async def _principal(tenant: MicrosoftTenant) -> str:
    found = await tenant.graph.get(
        f"/v1.0/servicePrincipals(appId='{tenant.microsoft.client_id}')", **{"$select": "id"}
    )
    return str(found["id"])


async def _connections(tenant: MicrosoftTenant) -> list[ConnectionId]:
    """Ours, and those that had this tenant before: the application was the same one."""
    async with tenant.context.database.read() as read:
        found = await record.of_tenant(read, tenant.connection.platform, str(tenant.connection.tenant))
    return [one.id for one in found]


def _attributed(entry: Record, principal: str, client_id: str) -> bool:
    app = (entry.get("initiatedBy") or {}).get("app") or {}
    return app.get("servicePrincipalId") == principal or app.get("appId") == client_id


def _groups(entry: Record) -> set[str]:
    return {str(one.get("id")) for one in entry.get("targetResources") or () if one.get("type") == "Group"}


def _ours(activity: str, groups: set[str], identities: frozenset[str], doing: list[Intent]) -> bool:
    if groups & identities:
        return bool(doing) or activity == WRITTEN_LATER
    # A group whose creation was never answered is known by nothing yet.
    return bool(groups) and any(one.act is Act.CREATE for one in doing)


def _unknown(entry: Record, activity: str, at: datetime) -> UnknownChange:
    targets = [one for one in entry.get("targetResources") or () if one.get("id")]
    named = ", ".join(f"{one.get('type') or 'object'} {one.get('displayName') or one['id']}" for one in targets)
    told = f"“{activity}” on {named or 'an object without a name'} at {at:%Y-%m-%d %H:%M:%S} UTC"
    return UnknownChange(id=str(entry["id"]), target=str(targets[0]["id"]) if targets else "", told=told)
