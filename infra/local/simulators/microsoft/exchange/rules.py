"""The cmdlets of transport rules. A rule's priority is its place in the list, and nothing else."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from typing import Any

from infra.local.simulators.microsoft.exchange.call import Cmdlet, CmdletCall
from infra.local.simulators.microsoft.exchange.errors import invalid_argument, invalid_operation
from infra.local.simulators.microsoft.exchange.groups import group_address, visible_group
from infra.local.simulators.microsoft.exchange.limits import refuse_large_rule, refuse_more_rules
from infra.local.simulators.microsoft.exchange.parameters import ListChange
from infra.local.simulators.microsoft.exchange.rule_records import ACTIONS, DEFAULTS, PAIRS, PREDICATES, shown
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.microsoft.times import exchange_time
from infra.local.simulators.wire import Answer, Record, Refusal

SETTINGS = frozenset(DEFAULTS) - {"State"}


def _apply(call: CmdletCall, record: Record) -> dict[str, Any]:
    """Return a rule with the given parameters applied; null takes a predicate or an action away."""
    result = dict(record)
    for name, value in call.given.items():
        if name in SETTINGS or name == "Name":
            result[name] = DEFAULTS.get(name) if value is None else value
        elif name in PREDICATES or name in ACTIONS:
            stored = _stored(call, name, record.get(name), value)
            if stored is None or stored is False or stored in ((), ""):  # an SCL of 0 is one
                result.pop(name, None)
            else:
                result[name] = stored
    result["WhenChanged"] = exchange_time(call.now)
    return result


def _stored(call: CmdletCall, name: str, current: Any, value: Any) -> Any:
    """Return a value the way a rule keeps it: groups and connectors by identity, not by name."""
    if value is None:
        return None
    if isinstance(value, tuple | ListChange):
        if "MemberOf" in name:
            value = _identities(call, value)
        elements = call.listed(current or (), value)
        if name.endswith("SenderIpRanges") and (wrong := next((one for one in elements if not _range(one)), None)):
            raise invalid_argument(call.cmdlet, f"The IP address range '{wrong}' isn't valid.")
        return elements
    if name == "RouteMessageOutboundConnector":
        connector = call.find(call.tenant.outbound_connectors, value)
        if not connector["IsTransportRuleScoped"]:
            text = f"The outbound connector '{value}' isn't scoped to transport rules."
            raise invalid_argument(call.cmdlet, text)
        return connector["Guid"]
    return value


def _identities(call: CmdletCall, value: Any) -> Any:
    if isinstance(value, ListChange):
        return ListChange(add=_identities(call, value.add), remove=_identities(call, value.remove))
    return tuple(visible_group(call, one)["id"] for one in value)


def _range(text: str) -> bool:
    try:
        if "-" in text:
            first, last = (ipaddress.ip_address(part.strip()) for part in text.split("-", 1))
            return first.version == last.version and int(first) <= int(last)
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _refuse_halves(call: CmdletCall) -> None:
    """Some parameters come in pairs; one alone is an error."""
    for first, second in PAIRS.values():
        given = [name for name in (first, second) if name in call.given]
        empty = [name for name in given if call.given[name] in (None, ())]
        if len(given) == 1 or len(empty) == 1:
            text = f"The parameters {first} and {second} must be specified together."
            raise invalid_operation("ParameterBindingException", text)


def _insert(call: CmdletCall, rules: list[Record], record: Record, priority: int | None) -> None:
    """Put a rule at its place; all that follow move on by one."""
    place = len(rules) if priority is None else priority
    if not 0 <= place <= len(rules):
        text = f"The Priority value is out of range: it must be between 0 and {len(rules)}."
        raise invalid_argument(call.cmdlet, text)
    rules.insert(place, record)


def _refuse_idle(call: CmdletCall, record: Record) -> None:
    """A rule has to do something, if only to stop the others."""
    if not record["StopRuleProcessing"] and not ACTIONS & record.keys():
        raise invalid_argument(call.cmdlet, "You must specify at least one action for the rule.")


def new_rule(call: CmdletCall) -> list[Record]:
    """Make a rule. One without any condition is taken, and then applies to all mail."""
    call.refuse_while_dehydrated()
    _refuse_halves(call)
    refuse_more_rules(call)
    call.refuse_taken_name(call.tenant.rules, call.given["Name"])
    enabled = call.given.pop("Enabled", True)
    record = _apply(call, {**DEFAULTS, "State": "Enabled" if enabled else "Disabled"})
    refuse_large_rule(call, record)
    _refuse_idle(call, record)
    record["Identity"] = record["Name"]
    priority = record.pop("Priority")
    _insert(call, call.tenant.rules, record, priority)
    record["Guid"] = call.tenant.new_id()
    return _records(call.tenant, [record])


def set_rule(call: CmdletCall) -> list[Record]:
    """Change a rule; taking its last condition away is possible, and routes the whole tenant."""
    call.refuse_while_dehydrated()
    rules = call.tenant.rules
    _refuse_halves(call)
    index = _index(call)
    if call.given.get("Name"):
        call.refuse_taken_name(rules, call.given["Name"], rules[index]["Guid"])
    record = _apply(call, rules[index])
    refuse_large_rule(call, record)
    _refuse_idle(call, record)
    record["Identity"] = record["Name"]
    priority = record.pop("Priority", None)
    others = rules[:index] + rules[index + 1 :]
    _insert(call, others, record, index if priority is None else priority)
    call.tenant.rules = others
    return []


def _index(call: CmdletCall) -> int:
    found = call.find({one["Guid"]: one for one in call.tenant.rules})
    return call.tenant.rules.index(found)


def get_rule(call: CmdletCall) -> list[Record]:
    """List the rules in their order, or show one."""
    rules = [call.tenant.rules[_index(call)]] if call.given.get("Identity") else call.tenant.rules
    records = _records(call.tenant, rules)
    if state := call.given.get("State"):
        records = [one for one in records if one["State"] == state]
    if text := call.given.get("Filter"):
        found = re.fullmatch(r"\s*(Name|Description)\s+-like\s+'([^']*)'\s*", text, re.IGNORECASE)
        if not found:
            body = {"error": {"code": "NotSimulated", "message": f"The filter {text} is not simulated."}}
            raise Refusal(Answer(status=501, body=body))
        name = found[1].capitalize()
        records = [one for one in records if fnmatch.fnmatch(one[name].lower(), found[2].lower())]
    return records


def _records(tenant: Tenant, rules: list[Record]) -> list[Record]:
    places = {one["Guid"]: place for place, one in enumerate(tenant.rules)}
    groups = {key: address for key, one in tenant.groups.items() if (address := group_address(one))}
    connectors = {key: one["Name"] for key, one in tenant.outbound_connectors.items()}
    return [shown(one, places[one["Guid"]], groups, connectors) for one in rules]


def remove_rule(call: CmdletCall) -> list[Record]:
    """Remove a rule; those below it move up."""
    call.refuse_while_dehydrated()
    index = _index(call)
    call.tenant.rules = call.tenant.rules[:index] + call.tenant.rules[index + 1 :]
    return []


def _switch(call: CmdletCall, state: str) -> list[Record]:
    call.refuse_while_dehydrated()
    index = _index(call)
    changed = {**call.tenant.rules[index], "State": state, "WhenChanged": exchange_time(call.now)}
    if call.given.get("Mode"):
        changed["Mode"] = call.given["Mode"]
    call.tenant.rules[index] = changed
    return []


def enable_rule(call: CmdletCall) -> list[Record]:
    """Switch a rule on, perhaps in another mode."""
    return _switch(call, "Enabled")


def disable_rule(call: CmdletCall) -> list[Record]:
    """Switch a rule off."""
    return _switch(call, "Disabled")


CMDLETS: dict[str, Cmdlet] = {
    "New-TransportRule": new_rule,
    "Set-TransportRule": set_rule,
    "Get-TransportRule": get_rule,
    "Remove-TransportRule": remove_rule,
    "Enable-TransportRule": enable_rule,
    "Disable-TransportRule": disable_rule,
}
