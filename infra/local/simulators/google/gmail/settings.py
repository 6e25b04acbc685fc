"""Gmail's settings in the admin console: compliance rules, hosts, the inbound gateway, and what the log says of them.

Only the rules show in an API. Routes and the gateway leave no more than an entry in the audit log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from infra.local.simulators.google.activities import event, log
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.wire import Record

COMPLIANCE = "settings/gmail.content_compliance"
STATES = "settings/gmail.rule_states"
# A list setting's policies are merged whatever their order; single ones need it to know which one wins.
SORT_ORDER = 201.0
CONDITION = {
    "affectInboundMessages": True,
    "affectOutboundMessages": False,
    "affectInternalSendingMessages": False,
    "affectInternalReceivingMessages": False,
    "addressListOption": "NO_EFFECT",
    "accountTypeUser": True,
    "accountTypeGroup": False,
    "accountTypeUnrecognized": False,
}
DELIVERY = {
    "addXGmOriginalToHeader": False,
    "addXGmSpamHeader": True,
    "addCustomHeaders": False,
    "prependCustomSubject": False,
    "changeDefaultRoute": False,
    "rerouteSpam": False,
    "normalRouting": True,
    "changeEnvelopeRecipient": False,
    "bypassSpamFilter": False,
    "removeAttachments": False,
    "requireTls": False,
}
# What "Change route" with "Also reroute spam" sets.
REROUTES = {"changeDefaultRoute": True, "rerouteSpam": True, "normalRouting": False}


def add_rule(
    customer: Customer,
    name: str,
    org_unit: str,
    actor: Record | None,
    now: datetime,
    content: Mapping[str, Any] | None = None,
) -> str:
    """Make a content compliance rule for a part of the organisation, and return its identity.

    Without `content` it is about all incoming mail of users, and lets it go its way. Which fields a rule has is read
    from a real organisation's (cisagov/ScubaGoggles: sample report); which values a rule may take is not checked.
    """
    key, unit = _org_unit(customer, org_unit)
    identity = hashlib.blake2b(customer.new_id().encode(), digest_size=12).hexdigest()
    rule: Record = {
        "ruleId": f"{identity[:5]}-{identity[5:17]}:{identity[17:]}",
        "description": name,
        "condition": CONDITION,
        "matchExpressions": [],
        "matchAnyExpression": True,
        "consequence": {
            "ruleConsequenceType": "MODIFY_MESSAGE",
            "primaryDelivery": DELIVERY,
            "deliverToAdditionalRecipients": False,
        },
    }
    rule = _merged(rule, content or {})
    _change(customer, COMPLIANCE, "contentComplianceRules", key, [*_rules(customer, COMPLIANCE, key), rule])
    _log_rule(customer, "CREATE", rule, unit["orgUnitPath"], actor, now)
    return str(rule["ruleId"])


def rename_rule(customer: Customer, name: str, to: str, actor: Record | None, now: datetime) -> None:
    """Give rules of that name another one; their identity stays."""
    _edit(customer, name, lambda rule: {**rule, "description": to}, actor, now)


def aim_rule(customer: Customer, name: str, aims: Mapping[str, bool], actor: Record | None, now: datetime) -> None:
    """Set which messages rules of that name affect, such as `affectInboundMessages`."""
    _edit(customer, name, lambda rule: {**rule, "condition": {**rule["condition"], **aims}}, actor, now)


def edit_rule(customer: Customer, name: str, content: Mapping[str, Any], actor: Record | None, now: datetime) -> None:
    """Set fields of rules of that name, nested as in the rule; the others stay."""
    _edit(customer, name, lambda rule: _merged(rule, content), actor, now)


def _merged(record: Record, changes: Mapping[str, Any]) -> Record:
    inside = {
        key: _merged(record[key], value)
        if isinstance(value, Mapping) and isinstance(record.get(key), Mapping)
        else value
        for key, value in changes.items()
    }
    return {**record, **inside}


def _edit(
    customer: Customer, name: str, edited: Callable[[Record], Record], actor: Record | None, now: datetime
) -> None:
    for key, rule in _named(customer, name):
        changed = edited(rule)
        kept = [changed if one is rule else one for one in _rules(customer, COMPLIANCE, key)]
        _change(customer, COMPLIANCE, "contentComplianceRules", key, kept)
        _log_rule(customer, "CHANGE", changed, customer.org_units[key]["orgUnitPath"], actor, now)


def switch_rule(customer: Customer, name: str, state: str, actor: Record | None, now: datetime) -> None:
    """Enable or disable rules of that name. The rule itself stays as it is; its state is a setting of its own."""
    for key, rule in _named(customer, name):
        _set_state(customer, key, rule["ruleId"], {"ruleId": rule["ruleId"], "enabled": state == "enabled"})
        what = event(
            "APPLICATION_SETTINGS",
            "CHANGE_APPLICATION_SETTING",
            APPLICATION_NAME="Gmail",
            SETTING_NAME="RuleState rule_state[0] enabled",
            NEW_VALUE=str(state == "enabled").lower(),
            ORG_UNIT_NAME=customer.org_units[key]["orgUnitPath"],
            SETTING_METADATA={"rule_key": rule["ruleId"]},
        )
        log(customer, "admin", what, actor=actor, now=now)


def delete_rule(customer: Customer, name: str, actor: Record | None, now: datetime) -> None:
    """Delete the rules of that name, wherever they are, with their states."""
    for key, rule in _named(customer, name):
        left = [one for one in _rules(customer, COMPLIANCE, key) if one is not rule]
        _change(customer, COMPLIANCE, "contentComplianceRules", key, left)
        _set_state(customer, key, rule["ruleId"], None)
        _log_rule(customer, "DELETE", rule, customer.org_units[key]["orgUnitPath"], actor, now)


def add_route(customer: Customer, name: str, host: str, actor: Record | None, now: datetime) -> None:
    """Add a mail route to the hosts."""
    customer.routes[customer.new_id()] = {"name": name, "host": host, "port": 25}
    _log_setting(customer, "CREATE", "EMAIL_ROUTE", name, "/", actor, now)


def remove_route(customer: Customer, name: str, actor: Record | None, now: datetime) -> None:
    """Remove a mail route."""
    found = [key for key, one in customer.routes.items() if one["name"] == name]
    if not found:
        raise ValueError(f"There is no route {name!r}.")
    for key in found:
        del customer.routes[key]
    _log_setting(customer, "DELETE", "EMAIL_ROUTE", name, "/", actor, now)


def edit_route(customer: Customer, name: str, host: str, actor: Record | None, now: datetime) -> None:
    """Let a mail route lead to another host."""
    found = [key for key, one in customer.routes.items() if one["name"] == name]
    if not found:
        raise ValueError(f"There is no route {name!r}.")
    for key in found:
        customer.routes[key] = {**customer.routes[key], "host": host}
    _log_setting(customer, "CHANGE", "EMAIL_ROUTE", name, "/", actor, now)


def add_routing(customer: Customer, name: str, actor: Record | None, now: datetime) -> None:
    """Add a routing rule, of which no more is seen anywhere than its entry in the log."""
    _log_setting(customer, "CREATE", "MESSAGE_SECURITY_RULE", name, "/", actor, now)


def set_setting(
    customer: Customer, kind: str, value: Mapping[str, Any], org_unit: str, actor: Record | None, now: datetime
) -> None:
    """Set a setting of Gmail that is no list of rules, such as `gmail.service_status`, for one unit."""
    key, unit = _org_unit(customer, org_unit)
    policy = _policy(customer, f"settings/{kind}", key) or _new_policy(customer, f"settings/{kind}", key)
    customer.policies[policy["name"]] = {**policy, "setting": {"type": f"settings/{kind}", "value": dict(value)}}
    what = event(
        "APPLICATION_SETTINGS",
        "CHANGE_APPLICATION_SETTING",
        APPLICATION_NAME="Gmail",
        SETTING_NAME=kind.removeprefix("gmail."),
        ORG_UNIT_NAME=unit["orgUnitPath"],
    )
    log(customer, "admin", what, actor=actor, now=now)


def set_gateway(customer: Customer, gateway: Record | None, actor: Record | None, now: datetime) -> None:
    """Set the inbound gateway, which there is once for the whole organisation, or remove it."""
    if gateway is None and customer.gateway is None:
        raise ValueError("There is no inbound gateway.")
    verb = "DELETE" if gateway is None else ("CHANGE" if customer.gateway else "CREATE")
    customer.gateway = gateway
    _log_setting(customer, verb, "INBOUND_GATEWAY", "Inbound gateway", "/", actor, now)


def _org_unit(customer: Customer, wanted: str) -> tuple[str, Record]:
    for key, one in customer.org_units.items():
        if wanted in (key, one["orgUnitId"], one["orgUnitPath"]):
            return key, one
    raise ValueError(f"There is no organisational unit {wanted!r}.")


def _named(customer: Customer, name: str) -> list[tuple[str, Record]]:
    """Return the rules of a name, each with the unit it belongs to."""
    units = customer.org_units
    found = [(key, one) for key in units for one in _rules(customer, COMPLIANCE, key) if one["description"] == name]
    if not found:
        raise ValueError(f"There is no rule {name!r}.")
    return found


def _rules(customer: Customer, kind: str, unit: str) -> list[Record]:
    policy = _policy(customer, kind, unit)
    return [one for value in policy["setting"]["value"].values() for one in value] if policy else []


def _policy(customer: Customer, kind: str, unit: str) -> Record | None:
    of_unit = f"orgUnits/{_bare(unit)}"
    matching = (
        one
        for one in customer.policies.values()
        if one["setting"]["type"] == kind and one["policyQuery"].get("orgUnit") == of_unit
    )
    return next(matching, None)


def _change(customer: Customer, kind: str, key: str, unit: str, rules: list[Record]) -> None:
    """Store the rules of one unit; its policy comes with the first of them and goes with the last."""
    policy = _policy(customer, kind, unit) or _new_policy(customer, kind, unit)
    if rules or customer.behaviour.empty_rule_policy_kept:
        setting = {"type": kind, "value": {key: rules}}
        customer.policies[policy["name"]] = {**policy, "setting": setting}
    else:
        customer.policies.pop(policy["name"], None)


def _new_policy(customer: Customer, kind: str, unit: str) -> dict[str, Any]:
    # The same unit gets the same name again, so that a rule that came and went leaves no trace.
    name = hashlib.blake2b(f"{customer.id} {kind} {unit}".encode(), digest_size=15).hexdigest()
    query = f"entity.org_units.exists(org_unit, org_unit.org_unit_id == orgUnitId('{_bare(unit)}'))"
    return {
        "name": f"policies/ahp{name}",
        "customer": f"customers/{customer.id}",
        "policyQuery": {"query": query, "orgUnit": f"orgUnits/{_bare(unit)}", "sortOrder": SORT_ORDER},
        "type": "ADMIN",
    }


def _bare(unit: str) -> str:
    return unit.removeprefix("id:")


def _set_state(customer: Customer, unit: str, rule: str, state: Record | None) -> None:
    others = [one for one in _rules(customer, STATES, unit) if one["ruleId"] != rule]
    if state is not None or len(others) < len(_rules(customer, STATES, unit)):
        _change(customer, STATES, "ruleStates", unit, others if state is None else [*others, state])


def _log_rule(
    customer: Customer, verb: str, rule: Mapping[str, Any], path: str, actor: Record | None, now: datetime
) -> None:
    """The console writes two entries: of the old kind with the name, of the newer kind with the identity."""
    _log_setting(customer, verb, "CONTENT_COMPLIANCE", rule["description"], path, actor, now)
    what = event(
        "APPLICATION_SETTINGS",
        f"{verb}_APPLICATION_SETTING",
        APPLICATION_NAME="Gmail",
        SETTING_NAME="ContentCompliance content_compliance_rules",
        ORG_UNIT_NAME=path,
        SETTING_METADATA={"rule_key": rule["ruleId"]},
    )
    log(customer, "admin", what, actor=actor, now=now)


def _log_setting(
    customer: Customer, verb: str, setting: str, name: str, path: str, actor: Record | None, now: datetime
) -> None:
    what = event(
        "EMAIL_SETTINGS",
        f"{verb}_GMAIL_SETTING",
        SETTING_NAME=setting,
        USER_DEFINED_SETTING_NAME=name,
        ORG_UNIT_NAME=path,
    )
    log(customer, "admin", what, actor=actor, now=now)
