"""Groups as Exchange sees them: later than Graph does, by address, and with flags of its own."""

from __future__ import annotations

from typing import Any

from infra.local.simulators.microsoft.exchange.call import Cmdlet, CmdletCall
from infra.local.simulators.microsoft.exchange.errors import ambiguous, not_found
from infra.local.simulators.wire import Answer, Record, Refusal

FLAGS = {
    "HiddenFromAddressListsEnabled": "HiddenFromAddressListsEnabled",
    "HiddenFromExchangeClientsEnabled": "HiddenFromExchangeClientsEnabled",
    "UnifiedGroupWelcomeMessageEnabled": "WelcomeMessageEnabled",
}


def group_address(group: Record) -> str | None:
    """Return the address of a group that can receive mail."""
    return group["mail"] if group["mailEnabled"] else None


def _visible(call: CmdletCall) -> list[Record]:
    """Return the mail-enabled groups that have already reached Exchange."""
    lag = call.tenant.behaviour.group_visible_in_exchange_seconds
    made = call.tenant.group_made

    def arrived(key: str) -> bool:
        return key not in made or (call.now - made[key]).total_seconds() >= lag

    return [one for key, one in call.tenant.groups.items() if group_address(one) and arrived(key)]


def visible_group(call: CmdletCall, identity: str) -> Record:
    """Return the group an identity means: id, address or alias, or else a name that only one group has."""
    wanted = identity.lower()
    groups = _visible(call)
    for group in groups:
        addresses = {one.partition(":")[2].lower() for one in group["proxyAddresses"]}
        if wanted in addresses | {group["id"], group["mail"].lower(), group["mailNickname"].lower()}:
            return group
    named = [group for group in groups if group["displayName"].lower() == wanted]
    if not named:
        raise not_found(call.cmdlet, identity)
    if len(named) > 1:
        raise ambiguous(call.cmdlet, identity)
    return named[0]


def _unified(call: CmdletCall, group: Record) -> Record:
    options = group["resourceBehaviorOptions"]
    known = call.tenant.group_settings.get(group["id"], {})
    flags: dict[str, Any] = {
        "HiddenFromAddressListsEnabled": False,
        "HiddenFromExchangeClientsEnabled": "HideGroupInOutlook" in options,
        "WelcomeMessageEnabled": "WelcomeEmailDisabled" not in options,
    }
    return {
        "Name": f"{group['mailNickname']}_{group['id'].replace('-', '')[:10]}",
        "Identity": f"{group['mailNickname']}_{group['id'].replace('-', '')[:10]}",
        "Guid": group["id"],
        "ExternalDirectoryObjectId": group["id"],
        "DisplayName": group["displayName"],
        "Alias": group["mailNickname"],
        "PrimarySmtpAddress": group["mail"],
        "EmailAddresses": tuple(group["proxyAddresses"]),
        "AccessType": group["visibility"] or "Public",
        "RecipientTypeDetails": "GroupMailbox",
        "GroupMemberCount": len(call.tenant.members.get(group["id"], ())),
        **flags,
        **known,
    }


def get_unified_group(call: CmdletCall) -> list[Record]:
    """List Microsoft 365 groups, or show one."""
    if extra := set(call.given) - {"Identity", "ResultSize", "IncludeAllProperties"}:
        raise _not_simulated(call, extra)
    if identity := call.given.get("Identity"):
        return [_unified(call, _unified_of(call, identity))]
    return [_unified(call, one) for one in _visible(call) if "Unified" in one["groupTypes"]]


def set_unified_group(call: CmdletCall) -> list[Record]:
    """Change a group's flags; nothing else of it is simulated."""
    if extra := set(call.given) - {"Identity", "Confirm", "WhatIf", *FLAGS}:
        raise _not_simulated(call, extra)
    group = _unified_of(call, call.given["Identity"])
    changed = {FLAGS[name]: value for name, value in call.given.items() if name in FLAGS}
    known = call.tenant.group_settings.get(group["id"], {})
    call.tenant.group_settings[group["id"]] = {**known, **changed}
    return []


def _unified_of(call: CmdletCall, identity: str) -> Record:
    group = visible_group(call, identity)
    if "Unified" not in group["groupTypes"]:
        raise not_found(call.cmdlet, identity)
    return group


def _not_simulated(call: CmdletCall, names: set[str]) -> Refusal:
    text = f"{call.cmdlet} with {', '.join(sorted(names))} is not simulated."
    return Refusal(Answer(status=501, body={"error": {"code": "NotSimulated", "message": text}}))


CMDLETS: dict[str, Cmdlet] = {
    "Get-UnifiedGroup": get_unified_group,
    "Set-UnifiedGroup": set_unified_group,
}
