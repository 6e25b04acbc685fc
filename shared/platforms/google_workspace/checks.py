"""What a machine can see of the administrator's doings: the rule, route and gateway, the application, the delegation.

Google shows the rule in the Policy API. Route and gateway it shows nowhere but in the admin log, where an event proves
a change and not the present state, so that what is not told there is for a person to say.
"""

from datetime import datetime

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.rows import Sighting
from shared.foundation.errors import Temporary
from shared.platforms.google_workspace.console import changes, policies
from shared.platforms.google_workspace.mail_flow.snapshot import (
    CHANGED,
    CREATED,
    DELETED,
    GATEWAY_WORD,
    ROUTE_SETTING,
    Change,
)
from shared.platforms.google_workspace.methods import ACTIVITIES_LIST, LICENSE_GET
from shared.platforms.google_workspace.refusals import Family, TokenRefused
from shared.platforms.google_workspace.scopes import USERS
from shared.platforms.google_workspace.tenant import WorkspaceCustomer

RULES = "settings/gmail.content_compliance"


async def rule(tenant: WorkspaceCustomer, identity: str | None) -> Sighting:
    """The content compliance rule, by its id or its description, in any policy of any organisational unit.

    What it does is judged by the model of the mail flow.
    """
    found = [
        one
        for policy in await policies(tenant)
        if policy["setting"].get("type") == RULES
        for one in policy["setting"].get("value", {}).get("contentComplianceRules", [])
        if (identity and one.get("ruleId") == identity)
        or str(one.get("description", "")).strip() == tenant.brand.gmail_rule
    ]
    if not found:
        return Sighting(present=False, evidence="no policy of any organisational unit holds the rule")
    found.sort(key=lambda one: one.get("ruleId") != identity)
    key = str(found[0].get("ruleId"))
    return Sighting(present=True, evidence=f"a policy holds the rule with the id {key}", identity=key)


async def route(tenant: WorkspaceCustomer, identity: str | None) -> Sighting:
    """The mail route, by the name that we ask for it to be given."""
    name = route_name(tenant.connection)
    told = [one for one in await changes(tenant) if one.setting == ROUTE_SETTING and one.name == name]
    return _told(tenant, told, identity, name)


async def gateway(tenant: WorkspaceCustomer, identity: str | None) -> Sighting:
    """The inbound gateway; an organisation has one."""
    told = [one for one in await changes(tenant) if GATEWAY_WORD in one.setting.upper()]
    return _told(tenant, told, identity, "inbound gateway")


def route_name(connection: Connection) -> str:
    """What we ask for the mail route to be called."""
    return f"{connection.brand.gmail_route} {connection.label[:8]}"


def _told(tenant: WorkspaceCustomer, told: list[Change], identity: str | None, name: str) -> Sighting:
    """What the newest event says. When it is to go, only a deletion is believed once it was seen."""
    newest = max(told, key=lambda one: one.at, default=None)
    if newest is None:
        return Sighting(present=None, evidence="the admin log tells nothing of it, and no API shows it")
    what = {CREATED: "making", CHANGED: "change", DELETED: "deletion"}[newest.event]
    evidence = f"the admin log tells of its {what} at {newest.at}"
    if newest.event == DELETED:
        return Sighting(present=False, evidence=evidence)
    there = identity is None or tenant.connection.stage <= Stage.RUN
    return Sighting(present=True if there else None, evidence=evidence, identity=name)


async def application(tenant: WorkspaceCustomer, identity: str | None) -> Sighting:
    """The Marketplace application, by the licence that the customer's domain has; asked with our own account."""
    domain = identity or str((await tenant.customer())["customerDomain"])
    key = tenant.google.marketplace_app
    answer = await tenant.marketplace.call(LICENSE_GET, {"applicationId": key, "customerId": domain})
    state = str(answer.get("state", ""))
    if state not in ("ACTIVE", "UNLICENSED"):
        raise Temporary("unreadable_answer", f"Google says of the application's licence: {state[:40] or 'nothing'}.")
    evidence = f"the Marketplace says of {domain}: {state}"
    return Sighting(present=state == "ACTIVE", evidence=evidence, identity=domain)


async def delegation(tenant: WorkspaceCustomer, _identity: str | None) -> Sighting:
    """The delegation, by asking for a token in the administrator's name with the least of its permissions."""
    administrator = tenant.connection.administrator
    if administrator is None:
        # In nobody's name the service account gets a token of its own, which needs no delegation.
        return Sighting(present=None, evidence="without an administrator's sign-in this cannot be checked")
    try:
        await tenant.mint(administrator, frozenset({USERS}))
    except TokenRefused as refused:
        if refused.family is Family.TENANT:
            return Sighting(present=False, evidence="Google's sign-in knows no delegation to our service account")
        return Sighting(present=None, evidence=refused.sentence)
    return Sighting(present=True, evidence="Google's sign-in still gives our service account a token")


async def recorded(tenant: WorkspaceCustomer, begin: datetime, end: datetime) -> dict[str, int]:
    """How often Google's own token log says that our service account called each method, in a span of time."""
    params = {
        "eventName": "activity",
        "startTime": f"{begin:%Y-%m-%dT%H:%M:%S.000Z}",
        "endTime": f"{end:%Y-%m-%dT%H:%M:%S.000Z}",
        "maxResults": "1000",
        "filters": f"client_id=={tenant.credentials.delegation.client_id}",
    }
    counted: dict[str, int] = {}
    args = {"userKey": "all", "applicationName": "token"}
    async for page in tenant.admin.pages(ACTIVITIES_LIST, args, params=params, key="items"):
        for activity in page:
            for event in activity.get("events", []):
                told = {one.get("name"): str(one.get("value", "")) for one in event.get("parameters", [])}
                name = told.get("method_name", "")
                counted[name] = counted.get(name, 0) + 1
    return counted


async def quiet_since(tenant: WorkspaceCustomer, since: datetime) -> bool:
    """Whether the admin log tells of no event at all since then. It lags by minutes, so ask for some time more.

    Source: support.google.com/a/answer/7061566.
    """
    args = {"userKey": "all", "applicationName": "admin"}
    params = {"startTime": f"{since:%Y-%m-%dT%H:%M:%S.000Z}", "maxResults": "1"}
    async for page in tenant.admin.pages(ACTIVITIES_LIST, args, params=params, key="items"):
        if page:
            return False
    return True
