"""The directory's own log: what was changed, by which person or application, readable some time later."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.local.simulators.microsoft import applications
from infra.local.simulators.microsoft.graph.call import GraphCall, Handler, shaped
from infra.local.simulators.microsoft.graph.errors import denied, not_simulated
from infra.local.simulators.microsoft.tenant import Audit
from infra.local.simulators.microsoft.times import exchange_time
from infra.local.simulators.wire import Answer, Record

ACTIVITIES: Mapping[tuple[str, str], str] = {
    ("POST", "/groups"): "Add group",
    ("PATCH", "/groups/{group-id}"): "Update group",
    ("DELETE", "/groups/{group-id}"): "Delete group",
    ("POST", "/groups/{group-id}/members/$ref"): "Add member to group",
    ("DELETE", "/groups/{group-id}/members/{directoryObject-id}/$ref"): "Remove member from group",
    ("DELETE", "/directory/deletedItems/{directoryObject-id}"): "Hard Delete group",
    ("POST", "/directory/deletedItems/{directoryObject-id}/restore"): "Restore Group",
    ("POST", "/users"): "Add user",
    ("PATCH", "/users/{user-id}"): "Update user",
    ("DELETE", "/users/{user-id}"): "Delete user",
}
KINDS = {"POST": "Add", "PATCH": "Update", "DELETE": "Delete"}
BOUND = re.compile(r"activityDateTime (ge|le) ([0-9TZ:.-]+)")


def note(call: GraphCall, answer: Answer) -> None:
    """Append what a call has changed. Creations, changes and deletions of groups and users are told, nothing else."""
    activity = ACTIVITIES.get((call.request.method, call.template))
    if activity is None or answer.status >= 300:
        return
    tenant, now = call.tenant, call.microsoft.clock.now()
    correlation = call.request.header("client-request-id") or str(uuid.uuid4())
    record = {
        "id": f"Directory_{correlation}_{len(tenant.audits)}",
        "category": "UserManagement" if activity.endswith("user") else "GroupManagement",
        "correlationId": correlation,
        "result": "success",
        "resultReason": "",
        "activityDisplayName": activity,
        "activityDateTime": exchange_time(now),
        "loggedByService": "Core Directory",
        "operationType": KINDS[call.request.method],
        "initiatedBy": _initiator(call),
        "targetResources": _targets(call, answer),
        "additionalDetails": [],
    }
    lag = timedelta(seconds=tenant.behaviour.audit_lag_seconds)
    tenant.audits.append(Audit(record=record, at=now, readable_at=now + lag))


def _initiator(call: GraphCall) -> Record:
    principal = call.tenant.service_principals.get(call.principal or "")
    if principal is None:
        return {"user": {"id": None, "displayName": "Administrator", "userPrincipalName": None}, "app": None}
    # The application's own id stays empty here; the service principal's is given.
    app = {"appId": None, "displayName": principal["displayName"]}
    return {"user": None, "app": {**app, "servicePrincipalId": principal["id"], "servicePrincipalName": None}}


def _targets(call: GraphCall, answer: Answer) -> list[Record]:
    kind = "User" if call.template.startswith("/users") else "Group"
    ids = list(call.ids) or [answer.body["id"]]
    if call.template.endswith("members/$ref"):
        ids.append(str(call.body()["@odata.id"]).rpartition("/")[2])
    named: list[Record] = [{"id": key, "displayName": None, "modifiedProperties": []} for key in ids]
    return [*({**one, "type": "User"} for one in named[1:]), {**named[0], "type": kind}]


def list_audits(call: GraphCall) -> Answer:
    """List the log, the newest first, for those who may read it and the directory."""
    held = applications.permissions_of(call.tenant, call.principal or "", applications.GRAPH_APP_ID)
    if not call.administrator and not {"AuditLog.Read.All", "Directory.Read.All"} <= set(held):
        raise denied()
    first, last = _window(call.options.get("$filter", ""))
    now = call.microsoft.clock.now()
    found = [one.record for one in call.tenant.audits if one.readable_at <= now and first <= one.at <= last]
    found.reverse()
    after = call.skip_token().get("after", 0)
    page = found[after : after + call.size()]
    body: dict[str, Any] = {"@odata.context": call.context("auditLogs/directoryAudits")}
    if len(found) > after + len(page):
        body["@odata.nextLink"] = call.link({"after": after + len(page)})
    return Answer(body={**body, "value": [shaped(one, call.selected("directoryAudit")) for one in page]})


def _window(text: str) -> tuple[datetime, datetime]:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    for part in filter(None, text.split(" and ")):
        bound = BOUND.fullmatch(part.strip())
        if bound is None:
            raise not_simulated("a $filter of directoryAudits by anything but activityDateTime")
        moment = datetime.fromisoformat(bound[2])
        first, last = (moment, last) if bound[1] == "ge" else (first, moment)
    return first, last


HANDLERS: dict[tuple[str, str], Handler] = {("GET", "/auditLogs/directoryAudits"): list_audits}
