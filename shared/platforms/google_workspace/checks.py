"""What a machine can see of the administrator's doings: the rule, route and gateway, the application, the delegation.

Google shows the rule in the Policy API. Route and gateway it shows nowhere but in the admin log, where an event proves
a change and not the present state, so that what is not told there is for a person to say.
"""

from datetime import datetime

from shared.connections.record import Connection
from shared.engine.rows import Sighting
from shared.foundation.errors import Temporary
from shared.platforms.google_workspace.api import Record
from shared.platforms.google_workspace.methods import ACTIVITIES_LIST, LICENSE_GET, POLICIES_LIST
from shared.platforms.google_workspace.refusals import Family, TokenRefused
from shared.platforms.google_workspace.scopes import USERS
from shared.platforms.google_workspace.tenant import WorkspaceCustomer

RULES = "settings/gmail.content_compliance"
STATES = "settings/gmail.rule_states"
CREATED, CHANGED, DELETED = "CREATE_GMAIL_SETTING", "CHANGE_GMAIL_SETTING", "DELETE_GMAIL_SETTING"
ROUTE_SETTING = "EMAIL_ROUTE"
# Google documents no name for it; whatever it is, it says what it is about.
GATEWAY_WORD = "GATEWAY"


async def rule(tenant: WorkspaceCustomer, identity: str | None) -> Sighting:
    """The content compliance rule, by its id or its description, in any policy of any organisational unit.

    Google's answers name whether a rule is about incoming mail. Under which names they tell whom it is for, and where
    it sends mail, is documented nowhere, so that is not judged.
    """
    settings = await _policies(tenant)
    found = [
        one
        for setting in settings
        if setting.get("type") == RULES
        for one in setting.get("value", {}).get("contentComplianceRules", [])
        if (identity and one.get("ruleId") == identity)
        or str(one.get("description", "")).strip() == tenant.brand.gmail_rule
    ]
    if not found:
        return Sighting(present=False, evidence="no policy of any organisational unit holds the rule")
    key = str(found[0].get("ruleId"))
    states = [
        state
        for setting in settings
        if setting.get("type") == STATES
        for state in setting.get("value", {}).get("ruleStates", [])
    ]
    flaw = ""
    if any(state.get("ruleId") == key and state.get("enabled") is False for state in states):
        flaw = "the rule is switched off"
    elif found[0].get("condition", {}).get("affectInboundMessages") is False:
        flaw = "the rule no longer applies to incoming mail"
    told = f"a policy holds the rule with the id {key}{f'; {flaw}' if flaw else ''}"
    return Sighting(present=True, evidence=told, identity=key, flaw=flaw)


async def _policies(tenant: WorkspaceCustomer) -> list[Record]:
    """Every setting of the two types that tell of rules; pages may be empty and yet not the last."""
    if "policies" not in tenant.read:
        types = "|".join(one.removeprefix("settings/").replace(".", "\\\\.") for one in (RULES, STATES))
        wanted = f"customer == \"customers/{tenant.id}\" && setting.type.matches('^settings/({types})$')"
        params = {"filter": wanted, "pageSize": "100"}
        found: list[Record] = []
        async for page in tenant.policies.pages(POLICIES_LIST, params=params, key="policies"):
            found += [policy.get("setting", {}) for policy in page]
        tenant.read["policies"] = found
    listed: list[Record] = tenant.read["policies"]
    return listed


async def route(tenant: WorkspaceCustomer, identity: str | None) -> Sighting:
    """The mail route, by the name that we ask for it to be given."""
    name = route_name(tenant.connection)
    return _told(
        [event for event in await _changes(tenant) if event["setting"] == ROUTE_SETTING and event["name"] == name],
        identity,
        name,
    )


async def gateway(tenant: WorkspaceCustomer, identity: str | None) -> Sighting:
    """The inbound gateway; an organisation has one."""
    events = [event for event in await _changes(tenant) if GATEWAY_WORD in event["setting"].upper()]
    return _told(events, identity, "inbound gateway")


def route_name(connection: Connection) -> str:
    """What we ask for the mail route to be called."""
    return f"{connection.brand.gmail_route} {connection.label[:8]}"


def _told(events: list[dict[str, str]], identity: str | None, name: str) -> Sighting:
    """What the newest event says: a deletion is believed, a creation until it has been seen once."""
    newest = max(events, key=lambda event: event["at"], default=None)
    if newest is None:
        return Sighting(present=None, evidence="the admin log tells nothing of it, and no API shows it")
    told = f"the admin log tells of its {'deletion' if newest['event'] == DELETED else 'making'} at {newest['at']}"
    if newest["event"] == DELETED:
        return Sighting(present=False, evidence=told)
    return Sighting(present=True if identity is None else None, evidence=told, identity=name)


async def _changes(tenant: WorkspaceCustomer) -> list[dict[str, str]]:
    """What administrators have done to Gmail's settings since the connection was made, by the admin log."""
    if "changes" not in tenant.read:
        found: list[dict[str, str]] = []
        for event in (CREATED, CHANGED, DELETED):
            params = {
                "eventName": event,
                "startTime": tenant.connection.created_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "maxResults": "1000",
            }
            args = {"userKey": "all", "applicationName": "admin"}
            async for page in tenant.admin.pages(ACTIVITIES_LIST, args, params=params, key="items"):
                found += [one for activity in page for one in _events(activity, event)]
        tenant.read["changes"] = found
    listed: list[dict[str, str]] = tenant.read["changes"]
    return listed


def _events(activity: Record, wanted: str) -> list[dict[str, str]]:
    found = []
    for event in activity.get("events", []):
        if event.get("name") == wanted:
            told = {one.get("name"): str(one.get("value", "")) for one in event.get("parameters", [])}
            setting, name = told.get("SETTING_NAME", ""), told.get("USER_DEFINED_SETTING_NAME", "").strip()
            found.append({"at": activity["id"]["time"], "event": wanted, "setting": setting, "name": name})
    return found


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
    try:
        await tenant.mint(tenant.connection.administrator, frozenset({USERS}))
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
