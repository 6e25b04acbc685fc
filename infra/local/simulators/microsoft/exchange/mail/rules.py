"""Transport rules applied to one concrete message.

Source: learn.microsoft.com/exchange/security-and-compliance/mail-flow-rules/mail-flow-rules, conditions-and-exceptions
and mail-flow-rule-actions.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from infra.local.simulators.microsoft.exchange.mail.message import Mail
from infra.local.simulators.microsoft.exchange.rule_records import ACTIONS, CONDITIONS
from infra.local.simulators.microsoft.tenant import Tenant
from infra.local.simulators.wire import Record

UNITS = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}
PROGRAMS = (".exe", ".com", ".dll", ".scr", ".vbs")


class NotCarriedError(Exception):
    """A rule asks or does what this router has not learnt."""


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """A message after all rules."""

    mail: Mail
    rules: tuple[str, ...] = ()
    scl: int | None = None
    connector: str | None = None
    stopped_by: str | None = None  # "refused" or "held"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a predicate may look at."""

    tenant: Tenant
    mail: Mail
    rule: Record
    from_inside: bool
    to_inside: bool


def apply_rules(tenant: Tenant, mail: Mail, now: datetime, *, from_inside: bool, to_inside: bool) -> Sorted:
    """Apply the rules in the order of their priority until one of them ends it."""
    done = Sorted(mail=mail)
    for rule in tenant.rules:
        if not _in_force(rule, now):
            continue
        asked = Asked(tenant=tenant, mail=done.mail, rule=rule, from_inside=from_inside, to_inside=to_inside)
        if not _applies(asked):
            continue
        done = _act(rule, replace(done, rules=(*done.rules, rule["Name"])))
        if done.stopped_by == "refused" or rule["StopRuleProcessing"]:
            break
    return done


def _in_force(rule: Record, now: datetime) -> bool:
    if rule["State"] != "Enabled" or rule["Mode"] != "Enforce":
        return False
    if rule["ActivationDate"] and now < _moment(rule["ActivationDate"]):
        return False
    return not (rule["ExpiryDate"] and _moment(rule["ExpiryDate"]) <= now)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _applies(asked: Asked) -> bool:
    for name in CONDITIONS:
        if name in asked.rule and not _holds(asked, name, asked.rule[name], ""):
            return False
    for name in CONDITIONS:
        twin = f"ExceptIf{name}"
        if twin in asked.rule and name not in COMPANIONS and _holds(asked, name, asked.rule[twin], "ExceptIf"):
            return False
    return True


def _holds(asked: Asked, name: str, value: Any, prefix: str) -> bool:
    if name in COMPANIONS:
        return True
    if name not in PREDICATES:
        raise NotCarriedError(name)
    return PREDICATES[name](asked, value, prefix)


def _author(asked: Asked) -> list[str]:
    where = asked.rule["SenderAddressLocation"]
    found = [asked.mail.author] if where != "Envelope" else []
    return [*found, asked.mail.envelope_sender] if where != "Header" else found


def _domain_is(address: str, wanted: tuple[str, ...]) -> bool:
    labels = address.rpartition("@")[2].lower().split(".")
    parents = {".".join(labels[place:]) for place in range(len(labels))}
    return any(one.lower() in parents for one in wanted)


def _member(tenant: Tenant, address: str, groups: tuple[str, ...]) -> bool:
    """By the primary address, in groups within groups too. A group that was deleted has no members."""
    waiting, seen = list(groups), set[str]()
    while waiting:
        group = waiting.pop()
        if group in seen or group not in tenant.groups:
            continue
        seen.add(group)
        for member in tenant.members.get(group, ()):
            if member in tenant.groups:
                waiting.append(member)
            elif (tenant.users.get(member, {}).get("mail") or "").lower() == address.lower():
                return True
    return False


def in_ranges(server: str | None, texts: tuple[str, ...]) -> bool:
    """Tell whether an address lies in one of some ranges."""
    if server is None:
        return False
    address = ipaddress.IPv4Address(server)
    for text in texts:
        if "-" in text:
            first, last = (ipaddress.IPv4Address(part.strip()) for part in text.split("-"))
            if first <= address <= last:
                return True
        elif address in ipaddress.IPv4Network(text, strict=False):
            return True
    return False


def _words_in(text: str, words: tuple[str, ...]) -> bool:
    return any(re.search(rf"(^|\W){re.escape(word)}($|\W)", text, re.IGNORECASE) for word in words)


def _patterns_in(text: str, patterns: tuple[str, ...]) -> bool:
    return any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)


def _header(found: Callable[[str, tuple[str, ...]], bool], other: str) -> Callable[[Asked, Any, str], bool]:
    def test(asked: Asked, name: str, prefix: str) -> bool:
        value = asked.mail.headers.get(name.lower())
        return value is not None and found(value, asked.rule[prefix + other])

    return test


def _larger(asked: Asked, limit: str, _prefix: str) -> bool:
    number, unit = re.fullmatch(r"([0-9.]+)\s*([KMG]?B)?", limit.upper()).groups()  # type: ignore[union-attr]  # it fits
    return asked.mail.size > float(number) * UNITS[unit or "B"]


def _scope(inside: bool, value: str) -> bool:  # noqa: FBT001 - one of two ends
    if value in ("InOrganization", "NotInOrganization"):
        return inside == (value == "InOrganization")
    raise NotCarriedError(value)


COMPANIONS = frozenset({"HeaderContainsWords", "HeaderMatchesPatterns"})
PREDICATES: dict[str, Callable[[Asked, Any, str], bool]] = {
    "FromScope": lambda asked, value, _: _scope(asked.from_inside, value),
    "SentToScope": lambda asked, value, _: _scope(asked.to_inside, value),
    "SenderDomainIs": lambda asked, value, _: any(_domain_is(one, value) for one in _author(asked)),
    "RecipientDomainIs": lambda asked, value, _: _domain_is(asked.mail.recipient, value),
    "From": lambda asked, value, _: bool({one.lower() for one in value} & {one.lower() for one in _author(asked)}),
    "SentTo": lambda asked, value, _: asked.mail.recipient.lower() in {one.lower() for one in value},
    "FromMemberOf": lambda asked, value, _: any(_member(asked.tenant, one, value) for one in _author(asked)),
    "SentToMemberOf": lambda asked, value, _: _member(asked.tenant, asked.mail.recipient, value),
    "SenderIpRanges": lambda asked, value, _: in_ranges(asked.mail.server, value),
    "HeaderContainsMessageHeader": _header(_words_in, "HeaderContainsWords"),
    "HeaderMatchesMessageHeader": _header(_patterns_in, "HeaderMatchesPatterns"),
    "SubjectContainsWords": lambda asked, value, _: _words_in(asked.mail.subject, value),
    "SubjectMatchesPatterns": lambda asked, value, _: _patterns_in(asked.mail.subject, value),
    "FromAddressContainsWords": lambda asked, value, _: any(_words_in(one, value) for one in _author(asked)),
    "MessageSizeOver": _larger,
    "MessageTypeMatches": lambda asked, value, _: asked.mail.kind == value,
    "AttachmentHasExecutableContent": lambda asked, value, _: (
        bool(value) == any(one.endswith(PROGRAMS) for one in asked.mail.attachments)
    ),
}  # fmt: skip

REFUSING = frozenset(
    {
        "DeleteMessage", "RejectMessageReasonText", "RejectMessageEnhancedStatusCode", "RedirectMessageTo",
        "Disconnect", "SmtpRejectMessageRejectText", "SmtpRejectMessageRejectStatusCode",
    }
)  # fmt: skip
HOLDING = frozenset({"Quarantine", "ModerateMessageByUser", "ModerateMessageByManager"})


def _act(rule: Record, done: Sorted) -> Sorted:
    """Carry out all actions of a rule."""
    actions = ACTIONS & rule.keys()
    mail = done.mail
    if "PrependSubject" in actions:
        mail = replace(mail, subject=rule["PrependSubject"] + mail.subject)
    if "RemoveHeader" in actions:
        mail = mail.with_header(rule["RemoveHeader"], None)
    if "SetHeaderName" in actions:
        mail = mail.with_header(rule["SetHeaderName"], rule["SetHeaderValue"])
    stopped = done.stopped_by or ("held" if actions & HOLDING else None)
    if actions & REFUSING:
        stopped = "refused"
    return replace(
        done, mail=mail, stopped_by=stopped, scl=rule.get("SetSCL", done.scl),
        connector=rule.get("RouteMessageOutboundConnector", done.connector),
    )  # fmt: skip
