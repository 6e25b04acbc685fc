"""Carries one message to a user as Gmail's settings say: where it ends, and how often it was scanned.

It is written apart from the product's model of the mail flow, so that tests can hold the two against each other.
Sources: support.google.com/a/answer/1346934 (content compliance), /a/answer/60730 (inbound gateway), /a/answer/2614757
(hosts), /a/answer/2364632 (blocked senders), /a/answer/182442 (services by unit). A refusal is taken to come before
quarantine, and that before a delivery that is modified; which of two routes wins is nowhere said, so it is the first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from infra.local.simulators.google.customer import Customer
from infra.local.simulators.wire import Record

COMPLIANCE, STATES = "settings/gmail.content_compliance", "settings/gmail.rule_states"
SERVICE, BLOCKED = "settings/gmail.service_status", "settings/gmail.blocked_sender_lists"
ALLOWED = "settings/gmail.email_spam_filter_ip_allowlist"
MAX_PASSES = 4
End = Literal["mailbox", "refused", "held", "elsewhere", "loop"]


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One message from outside to one user. `server` is the address it came from last."""

    recipient: str
    sender: str = "ann@partner.example"
    server: str = "192.0.2.200"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    spam: bool = False  # by Gmail's own filter


@dataclass(frozen=True, kw_only=True)
class Console:
    """What was typed that no API shows: for whom a rule is, by its name or id, and which route it takes."""

    rule: str
    identity: str
    members: frozenset[str]
    route: str


@dataclass(frozen=True, kw_only=True)
class Scanner:
    """A scanning service: its host, the address it returns mail from, and the header it puts on it."""

    host: str
    address: str
    domain: str
    header: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Carried:
    """Where a message ended, how often it was scanned, and how Gmail's filter met it."""

    end: End
    scans: int
    trusted: bool = False  # it bypassed the spam filter
    misjudged: bool = False  # it was judged by the scanner's address
    copied: bool = False  # a copy was delivered before it was scanned
    stripped: bool = False  # its attachments were removed


def carry(customer: Customer, mail: Mail, console: Console, scanner: Scanner) -> Carried:
    """Carry a message to its end."""
    carried = Carried(end="mailbox", scans=0)
    for _ in range(MAX_PASSES):
        carried = dataclasses.replace(carried, misjudged=carried.misjudged or _misjudged(customer, mail, scanner))
        if _refused(customer, mail, scanner):
            return dataclasses.replace(carried, end="refused")
        acting = [one for one in _rules(customer, mail.recipient) if _acts(one, mail, console)]
        kinds = {one["consequence"]["ruleConsequenceType"] for one in acting}
        if kinds & {"REJECT", "QUARANTINE"}:
            return dataclasses.replace(carried, end="refused" if "REJECT" in kinds else "held")
        first = not carried.scans
        done = [one["consequence"]["primaryDelivery"] for one in acting]
        ours = [one for one in acting if _is_theirs(one, console)]
        carried = dataclasses.replace(
            carried,
            trusted=carried.trusted or (first and _bypasses(customer, mail, done)),
            copied=carried.copied or (first and any(_copies(one) for one in ours)),
            stripped=carried.stripped or (first and any(one["removeAttachments"] for one in done)),
        )
        if any(one["changeEnvelopeRecipient"] for one in done):
            return dataclasses.replace(carried, end="elsewhere")
        mail = _stamped(mail, done)
        routed = [one for one in acting if _routes(one["consequence"]["primaryDelivery"], mail)]
        if not routed:
            return carried
        route = next((one for one in customer.routes.values() if one["name"] == console.route), None)
        if route is None:
            return dataclasses.replace(carried, end="refused")
        if routed[0] not in ours or route["host"] != scanner.host:
            return dataclasses.replace(carried, end="elsewhere")
        carried = dataclasses.replace(carried, scans=carried.scans + 1)
        name, value = scanner.header
        mail = dataclasses.replace(mail, server=scanner.address, headers={**mail.headers, name: value})
    return dataclasses.replace(carried, end="loop")


def _bypasses(customer: Customer, mail: Mail, done: list[Record]) -> bool:
    """Whether a rule or the email allowlist takes a message past the spam filter."""
    lists = _settings(customer, mail.recipient, ALLOWED)
    ranges = [one for value in lists for one in value.get("allowedIpAddresses", ())]
    return any(one["bypassSpamFilter"] for one in done) or any(_within(mail.server, one) for one in ranges)


def _misjudged(customer: Customer, mail: Mail, scanner: Scanner) -> bool:
    gateway = customer.gateway["ips"] if customer.gateway else ()
    return mail.server == scanner.address and not any(_within(mail.server, one) for one in gateway)


def _refused(customer: Customer, mail: Mail, scanner: Scanner) -> bool:
    """Whether Gmail is off for the user, or the sender is blocked."""
    for value in _settings(customer, mail.recipient, SERVICE)[:1]:
        if value.get("serviceState") == "DISABLED":
            return True
    lists = _settings(customer, mail.recipient, BLOCKED)
    entries = [entry for value in lists for entry in value.get("blockedSenders", ())]
    # A sender, or a list of some with a name of its own.
    named = [[one] if isinstance(one, str) else one.get("addresses", ()) for one in entries]
    blocked = {text for some in named for text in some}
    names = {mail.sender, mail.sender.rpartition("@")[2], mail.server}
    return bool(blocked & (names | ({scanner.domain} if mail.server == scanner.address else set())))


def _path(customer: Customer, address: str) -> list[str]:
    """The units above a user, the nearest first."""
    user = customer.user(address)
    path = str(user["orgUnitPath"]) if user else "/"
    by_path = {one["orgUnitPath"]: key.removeprefix("id:") for key, one in customer.org_units.items()}
    paths = [path]
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        paths.append(path)
    return [by_path[one] for one in paths if one in by_path]


def _settings(customer: Customer, address: str, kind: str) -> list[Record]:
    """The values of a setting for a user, the nearest unit's first."""
    found = {
        one["policyQuery"]["orgUnit"].removeprefix("orgUnits/"): one["setting"]["value"]
        for one in customer.policies.values()
        if one["setting"]["type"] == kind
    }
    return [found[unit] for unit in _path(customer, address) if unit in found]


def _rules(customer: Customer, address: str) -> Iterator[Record]:
    """The rules that hold for a user: all units' above, but for what is switched off."""
    states: dict[str, bool] = {}
    for value in reversed(_settings(customer, address, STATES)):
        states |= {one["ruleId"]: one["enabled"] for one in value["ruleStates"]}
    for value in _settings(customer, address, COMPLIANCE):
        yield from (one for one in value["contentComplianceRules"] if states.get(one["ruleId"], True))


def _acts(rule: Record, mail: Mail, console: Console) -> bool:
    condition = rule["condition"]
    if not condition["affectInboundMessages"] or not condition["accountTypeUser"]:
        return False
    if _is_theirs(rule, console) and mail.recipient not in console.members:
        return False
    listed = mail.sender == "ann@partner.example"
    if condition["addressListOption"] == ("BYPASS_LIST" if listed else "ONLY_LIST"):
        return False
    held = [_matches(one, mail) for one in rule["matchExpressions"]]
    return not held or (any(held) if rule["matchAnyExpression"] else all(held))


def _copies(rule: Record) -> bool:
    return bool(rule["consequence"]["deliverToAdditionalRecipients"])


def _is_theirs(rule: Record, console: Console) -> bool:
    return bool(console.rule == rule["description"] or console.identity == rule["ruleId"])


def _matches(expression: Record, mail: Mail) -> bool:
    content = str(expression["matchContent"])
    match expression["matchExpressionType"], expression.get("matchType", ""):
        case "SIMPLE_CONTENT", _:
            return content in mail.body
        case "ADVANCED_CONTENT", kind:
            lines = [f"{name}: {value}".lower() for name, value in mail.headers.items()]
            # No message here has a subject.
            there = expression.get("location") != "SUBJECT" and any(content.lower() in one for one in lines)
        case _, kind:
            there = _within(mail.server, content)
    return not there if kind.startswith("NOT_") else there


def _within(address: str, ranges: str) -> bool:
    return ip_address(address) in ip_network(ranges, strict=False)


def _routes(delivery: Mapping[str, Any], mail: Mail) -> bool:
    changes = delivery["changeDefaultRoute"] and not delivery["normalRouting"]
    return bool(changes and (delivery["rerouteSpam"] or not mail.spam))


def _stamped(mail: Mail, done: list[Record]) -> Mail:
    """The message with the headers that rules add; other rules read it as it came."""
    lines = [one for delivery in done for one in delivery.get("customHeaders", ())]
    pairs = (one.split(": ", 1) if isinstance(one, str) else (one["name"], one["value"]) for one in lines)
    added = {str(name): str(value) for name, value in pairs}
    return dataclasses.replace(mail, headers={**mail.headers, **added}) if added else mail
