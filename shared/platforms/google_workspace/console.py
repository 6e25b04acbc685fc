"""What Google tells of Gmail's settings in the Admin console: policies as they are, and the admin log of changes."""

from collections.abc import Iterator
from datetime import datetime

from shared.platforms.google_workspace.api import Record
from shared.platforms.google_workspace.mail_flow.snapshot import CHANGED, CREATED, DELETED, Change
from shared.platforms.google_workspace.methods import ACTIVITIES_LIST, POLICIES_LIST
from shared.platforms.google_workspace.tenant import WorkspaceCustomer

# A rule is switched on and off by a setting of its own, which the log tells in its newer style, by the rule's id.
SWITCHED = "CHANGE_APPLICATION_SETTING"
OF_GMAIL = "APPLICATION_NAME==Gmail"


async def policies(tenant: WorkspaceCustomer) -> list[Record]:
    """Every policy of Gmail's settings in every organisational unit; pages may be empty and yet not the last."""
    if "policies" not in tenant.read:
        wanted = f"customer == \"customers/{tenant.id}\" && setting.type.matches('^settings/gmail\\\\..*$')"
        params = {"filter": wanted, "pageSize": "100"}
        found: list[Record] = []
        async for page in tenant.policies.pages(POLICIES_LIST, params=params, key="policies"):
            found += [policy for policy in page if policy.get("setting")]
        tenant.read["policies"] = found
    listed: list[Record] = tenant.read["policies"]
    return listed


async def changes(tenant: WorkspaceCustomer, since: datetime | None = None) -> list[Change]:
    """What administrators have done to Gmail's settings, by the admin log: since the connection was made, or longer."""
    key, since = f"changes {since}", since or tenant.connection.created_at
    if key not in tenant.read:
        found: list[Change] = []
        for event in (CREATED, CHANGED, DELETED, SWITCHED):
            params = {"eventName": event, "startTime": f"{since:%Y-%m-%dT%H:%M:%S.000Z}", "maxResults": "1000"}
            params |= {"filters": OF_GMAIL} if event == SWITCHED else {}
            args = {"userKey": "all", "applicationName": "admin"}
            async for page in tenant.admin.pages(ACTIVITIES_LIST, args, params=params, key="items"):
                found += [one for activity in page for one in told_by(activity, event)]
        tenant.read[key] = found
    listed: list[Change] = tenant.read[key]
    return listed


def told_by(activity: Record, wanted: str) -> Iterator[Change]:
    """What one entry of the log tells of a kind of event."""
    actor = activity.get("actor", {})
    for event in activity.get("events", []):
        if event.get("name") != wanted:
            continue
        told = {one.get("name"): one for one in event.get("parameters", [])}
        values = {name: str(one.get("value", "")).strip() for name, one in told.items()}
        nested = told.get("SETTING_METADATA", {}).get("messageValue", {}).get("parameter", [])
        yield Change(
            at=str(activity["id"]["time"]),
            by=str(actor.get("email") or actor.get("key") or ""),
            event=wanted,
            setting=values.get("SETTING_NAME", ""),
            name=values.get("USER_DEFINED_SETTING_NAME", ""),
            rule=next((str(one.get("value")) for one in nested if one.get("name") == "rule_key"), ""),
        )
