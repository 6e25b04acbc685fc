"""The cmdlets of the connection filter's address lists and of the allow list for spoofed senders."""

from __future__ import annotations

import ipaddress
import re

from infra.local.simulators.microsoft.exchange.call import Cmdlet, CmdletCall
from infra.local.simulators.microsoft.exchange.connectors import narrow_ipv4
from infra.local.simulators.microsoft.exchange.errors import already_exists, invalid_argument, not_found
from infra.local.simulators.microsoft.exchange.limits import refuse_more_entries, refuse_more_spoof_pairs
from infra.local.simulators.microsoft.times import exchange_time
from infra.local.simulators.wire import Record

SIDE = re.compile(r"\*|(?:[^@\s*]+@)?[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE)


def _default_policy(call: CmdletCall) -> Record:
    policy = call.tenant.connection_filter
    identity = call.given.get("Identity")
    if identity is not None and identity.lower() not in ("default", policy["Guid"]):
        raise not_found(call.cmdlet, identity)
    return policy


def get_filter(call: CmdletCall) -> list[Record]:
    """Show the one policy there is."""
    return [_default_policy(call)]


def set_filter(call: CmdletCall) -> list[Record]:
    """Change the policy. A bare list replaces every entry, the customer's own included."""
    changed = dict(_default_policy(call))
    for name in ("IPAllowList", "IPBlockList"):
        if name in call.given:
            changed[name] = _addresses(call, call.listed(changed[name], call.given[name]))
    if "AdminDisplayName" in call.given:
        changed["AdminDisplayName"] = call.given["AdminDisplayName"] or ""
    if call.given.get("EnableSafeList") is not None:
        changed["EnableSafeList"] = call.given["EnableSafeList"]
    changed["WhenChangedUTC"] = exchange_time(call.now)
    call.tenant.connection_filter = changed
    return []


def _addresses(call: CmdletCall, entries: tuple[str, ...]) -> tuple[str, ...]:
    """IPv4 only, in ranges of /24 to /32 or first-last, of at most 256 addresses."""
    for text in entries:
        if not (narrow_ipv4(text) or _narrow_range(text)):
            problem = f"The IP address or range '{text}' isn't valid: IPv4 with /24 to /32, at most 256 addresses."
            raise invalid_argument(call.cmdlet, problem)
    refuse_more_entries(call, entries)
    return entries


def _narrow_range(text: str) -> bool:
    try:
        first, last = (ipaddress.IPv4Address(part) for part in text.split("-", 1))
    except ValueError:
        return False
    return 0 <= int(last) - int(first) < 256


def new_spoof_item(call: CmdletCall) -> list[Record]:
    """Allow or block a pair of spoofed user and sending infrastructure."""
    if call.given["Identity"].lower() != "default":
        raise not_found(call.cmdlet, call.given["Identity"])
    user, sender = call.given["SpoofedUser"], call.given["SendingInfrastructure"]
    if (user, sender) == ("*", "*"):
        raise invalid_argument(call.cmdlet, "The wildcard is allowed on one side of the pair only.")
    if not SIDE.fullmatch(user) or not (SIDE.fullmatch(sender) or _range_of_24(sender)):
        raise invalid_argument(call.cmdlet, f"The domain pair '{user}, {sender}' isn't valid.")
    items = call.tenant.spoof_items
    kind = call.given["SpoofType"]
    pair = (user.lower(), sender.lower(), kind)
    for one in items.values():
        if (one["SpoofedUser"].lower(), one["SendingInfrastructure"].lower(), one["SpoofType"]) == pair:
            raise already_exists(call.cmdlet, f"{user}, {sender}")
    refuse_more_spoof_pairs(call)
    record = {
        "Identity": call.tenant.new_id(),
        "SpoofedUser": user,
        "SendingInfrastructure": sender,
        "SpoofType": kind,
        "Action": call.given["Action"],
    }
    if not call.tenant.behaviour.spoof_not_created:
        items[record["Identity"]] = record
    return [record]


def _range_of_24(text: str) -> bool:
    try:
        return ipaddress.IPv4Network(text).prefixlen == 24 and "/" in text
    except ValueError:
        return False


def get_spoof_items(call: CmdletCall) -> list[Record]:
    """List the spoof entries."""
    if "Identity" in call.given:
        _refuse_other_policies(call)
    wanted = {name: call.given[name] for name in ("Action", "SpoofType") if call.given.get(name)}
    items = call.tenant.spoof_items.values()
    return [one for one in items if all(one[name] == value for name, value in wanted.items())]


def _refuse_other_policies(call: CmdletCall) -> None:
    """The identity is the policy's, with or without a domain before it; an entry is chosen by `Ids`."""
    identity = call.given["Identity"] or ""
    if identity.rpartition("\\")[2].lower() != "default":
        raise not_found(call.cmdlet, identity)


def _chosen(call: CmdletCall) -> list[str]:
    _refuse_other_policies(call)
    for one in call.given["Ids"]:
        if one not in call.tenant.spoof_items:
            raise not_found(call.cmdlet, one)
    return list(dict.fromkeys(call.given["Ids"]))


def remove_spoof_items(call: CmdletCall) -> list[Record]:
    """Remove entries by their identities, all or none."""
    for one in _chosen(call):
        del call.tenant.spoof_items[one]
    return []


def set_spoof_items(call: CmdletCall) -> list[Record]:
    """Turn entries from allow to block or back; nothing else of them can be changed."""
    for one in _chosen(call):
        call.tenant.spoof_items[one] = {**call.tenant.spoof_items[one], "Action": call.given["Action"]}
    return []


CMDLETS: dict[str, Cmdlet] = {
    "Get-HostedConnectionFilterPolicy": get_filter,
    "Set-HostedConnectionFilterPolicy": set_filter,
    "New-TenantAllowBlockListSpoofItems": new_spoof_item,
    "Get-TenantAllowBlockListSpoofItems": get_spoof_items,
    "Remove-TenantAllowBlockListSpoofItems": remove_spoof_items,
    "Set-TenantAllowBlockListSpoofItems": set_spoof_items,
}
