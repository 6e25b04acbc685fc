"""What a tenant's own settings refuse of groups: names by its policy, further objects, single members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from infra.local.simulators.microsoft.graph.call import GraphCall
from infra.local.simulators.microsoft.graph.errors import graph_refusal, in_words
from infra.local.simulators.wire import Record

NAMES = ("displayName", "mailNickname")
MISSING = "The property is missing a required prefix/suffix per your organization's Group naming requirements."
BLOCKED = "The property contains a word that is blocked by your organization."
FULL = (
    "The directory object quota limit for the Tenant has been exceeded. Please ask your administrator to increase it."
)


def refuse_creation(call: GraphCall, body: dict[str, Any]) -> None:
    """Refuse a new group whose names the policy does not allow, or for which the directory has no room."""
    refuse_names(call, body)
    if call.tenant.behaviour.directory_full and not call.administrator:
        raise graph_refusal(403, "Directory_QuotaExceeded", FULL)


def refuse_names(call: GraphCall, body: dict[str, Any]) -> None:
    """Refuse names that the tenant's policy does not allow, with those that would do (msgraph-sdk-dotnet #1153)."""
    details = list(_objections(call, body))
    if details and not call.administrator:
        status = 400 if details[0]["code"] == "MissingPrefixSuffix" else 422
        code = "Request_BadRequest" if status == 400 else "UnprocessableEntity"
        raise graph_refusal(status, code, details[0]["message"], details=details)


def _objections(call: GraphCall, body: dict[str, Any]) -> Iterator[Record]:
    behaviour = call.tenant.behaviour
    for name in NAMES:
        value = body.get(name)
        if not isinstance(value, str):
            continue
        prefix = behaviour.group_name_prefix if name == "displayName" else behaviour.group_name_prefix.replace(" ", "")
        if not value.startswith(prefix):
            would_do = {"suggestedPropertyValue": prefix + value, "prefix": prefix}
            yield {"target": name, "code": "MissingPrefixSuffix", "message": MISSING, **would_do}
        for word in behaviour.blocked_words:
            if word.lower() in value.lower():
                yield {"target": name, "code": "ContainsBlockedWord", "message": BLOCKED, "blockedWord": word}


def refuse_members(call: GraphCall, keys: Iterable[str]) -> None:
    """Refuse a member whom no group takes, in the words of the status that the tenant's knob names."""
    refused = call.tenant.behaviour.refused_members
    for key in keys:
        if key in refused and not call.administrator:
            raise in_words(refused[key])
