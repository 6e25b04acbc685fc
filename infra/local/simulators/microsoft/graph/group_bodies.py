"""What Graph takes, and refuses, in the body of a group's creation or change."""

from __future__ import annotations

import re
from typing import Any

from infra.local.simulators.microsoft.deleted_items import forget_expired
from infra.local.simulators.microsoft.graph.call import GraphCall
from infra.local.simulators.microsoft.graph.errors import bad_request, denied
from infra.local.simulators.wire import Record, Refusal

MAX_BOUND = 20
NICKNAME = re.compile(r"[!#$%&'*+/=?^_`{|}~A-Za-z0-9-]{1,64}")
REQUIRED = ("displayName", "mailEnabled", "mailNickname", "securityEnabled")
BEHAVIOURS = frozenset(
    [
        "AllowOnlyMembersToPost",
        "CalendarMemberReadOnly",
        "ConnectorsDisabled",
        "HideGroupInOutlook",
        "SubscribeMembersToCalendarEventsDisabled",
        "SubscribeNewGroupMembers",
        "WelcomeEmailDisabled",
    ]
)
# name -> type of the values that may be written
WRITABLE: dict[str, type] = {
    "displayName": str,
    "description": str,
    "mailEnabled": bool,
    "mailNickname": str,
    "securityEnabled": bool,
    "visibility": str,
    "groupTypes": list,
    "resourceBehaviorOptions": list,
    "isAssignableToRole": bool,
    "classification": str,
    "membershipRule": str,
    "membershipRuleProcessingState": str,
    "preferredLanguage": str,
}
ONLY_AT_CREATION = frozenset({"resourceBehaviorOptions", "isAssignableToRole", "groupTypes", "mailEnabled"})
HIDE_FLAGS = frozenset({"hideFromAddressLists", "hideFromOutlookClients"})
DELEGATED_ONLY = frozenset({"autoSubscribeNewMembers", "allowExternalSenders", "isSubscribedByMail"})
MAX_CHARS = {"displayName": 256, "description": 1024, "mailNickname": 64}
BINDS = frozenset({"members@odata.bind", "owners@odata.bind"})

NEW_GROUP: Record = {
    "id": None,
    "deletedDateTime": None,
    "classification": None,
    "createdDateTime": None,
    "description": None,
    "displayName": None,
    "expirationDateTime": None,
    "groupTypes": [],
    "isAssignableToRole": None,
    "mail": None,
    "mailEnabled": False,
    "mailNickname": None,
    "membershipRule": None,
    "membershipRuleProcessingState": None,
    "onPremisesLastSyncDateTime": None,
    "onPremisesSyncEnabled": None,
    "preferredLanguage": None,
    "proxyAddresses": [],
    "renewedDateTime": None,
    "resourceBehaviorOptions": [],
    "resourceProvisioningOptions": [],
    "securityEnabled": False,
    "theme": None,
    "visibility": None,
}


def nickname_conflict() -> Refusal:
    """The alias is taken, possibly by a group that is deleted and not yet gone."""
    text = "Another object with the same value for property mailNickname already exists."
    return bad_request(text, details=[{"code": "ObjectConflict", "message": text, "target": "mailNickname"}])


def _checked(call: GraphCall, body: dict[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in body.items() if name in WRITABLE}
    for name in body:
        if name in known or name in BINDS or name in HIDE_FLAGS or name == "@odata.type":
            continue
        if name in DELEGATED_ONLY:
            raise denied(f"The property '{name}' can be set by a signed-in person only.")
        raise bad_request(f"Invalid property '{name}' on type 'microsoft.graph.group'.")
    for name, value in known.items():
        if value is not None and not isinstance(value, WRITABLE[name]):
            raise bad_request(f"Invalid value specified for property '{name}' of resource 'Group'.")
        if isinstance(value, str) and len(value) > MAX_CHARS.get(name, 1024):
            raise bad_request(f"The value of property '{name}' is longer than {MAX_CHARS.get(name, 1024)} characters.")
    if known.get("visibility") not in (None, "Public", "Private", "HiddenMembership"):
        raise bad_request("Invalid value specified for property 'visibility' of resource 'Group'.")
    nickname = known.get("mailNickname")
    if nickname is not None:
        if not NICKNAME.fullmatch(nickname):
            raise bad_request("Invalid value specified for property 'mailNickname' of resource 'Group'.")
        _refuse_taken(call, nickname)
    return known


def _refuse_taken(call: GraphCall, nickname: str) -> None:
    """An alias stays taken while the group that had it can still be restored."""
    own = call.ids[0] if call.ids else None
    forget_expired(call.tenant, call.microsoft.clock.now())
    for one in (*call.tenant.groups.values(), *call.tenant.deleted.values()):
        if str(one.get("mailNickname") or "").lower() == nickname.lower() and one["id"] != own:
            raise nickname_conflict()


def checked_creation(call: GraphCall, body: dict[str, Any]) -> dict[str, Any]:
    """Return a new group's record without its identity, or refuse the body."""
    for name in REQUIRED:
        if body.get(name) is None:
            raise bad_request(f"A value is required for property '{name}' of resource 'Group'.")
    if HIDE_FLAGS & set(body):
        raise bad_request("hideFromAddressLists and hideFromOutlookClients can only be changed by their own PATCH.")
    known = _checked(call, body)
    kinds = known.get("groupTypes") or []
    if set(kinds) - {"Unified", "DynamicMembership"}:
        raise bad_request("Invalid value specified for property 'groupTypes' of resource 'Group'.")
    if set(known.get("resourceBehaviorOptions") or ()) - BEHAVIOURS:
        raise bad_request("Invalid value specified for property 'resourceBehaviorOptions' of resource 'Group'.")
    if ("DynamicMembership" in kinds) != bool(known.get("membershipRule")):
        raise bad_request("A dynamic group needs a membershipRule, and no other group takes one.")
    unified = "Unified" in kinds
    if unified and not known["mailEnabled"]:
        raise bad_request("The service does not currently support writing a group with the specified settings.")
    if known["mailEnabled"] and not unified and not call.administrator:
        raise bad_request("Cannot Create a mail-enabled security groups and or distribution list.")
    if not known["mailEnabled"] and not known["securityEnabled"]:
        raise bad_request("A group must be mail-enabled, security-enabled, or both.")
    record = {**NEW_GROUP, **known}
    if known["mailEnabled"]:
        tenant, alias = call.tenant, known["mailNickname"]
        record["mail"] = f"{alias}@{tenant.domain}"
        record["proxyAddresses"] = [f"SMTP:{alias}@{tenant.domain}", f"smtp:{alias}@{tenant.initial_domain}"]
    if unified:
        record["visibility"] = known.get("visibility") or "Public"
    return record


def checked_update(call: GraphCall, group: Record, body: dict[str, Any]) -> dict[str, Any]:
    """Return what a change sets, or refuse the body."""
    if not body:
        raise bad_request("The request body is empty.")
    if fixed := ONLY_AT_CREATION & set(body):
        raise bad_request(f"The property '{sorted(fixed)[0]}' can be set at creation only.")
    known = _checked(call, body)
    flags = {name: body[name] for name in HIDE_FLAGS if name in body}
    if flags and (known or BINDS & set(body)):
        raise bad_request(f"The property '{sorted(flags)[0]}' must be the only kind of change in its request.")
    if flags and "Unified" not in group["groupTypes"]:
        raise bad_request(f"The property '{sorted(flags)[0]}' exists on Microsoft 365 groups only.")
    if any(not isinstance(value, bool) for value in flags.values()):
        raise bad_request("Invalid value specified for a property of resource 'Group'.")
    return known | flags
