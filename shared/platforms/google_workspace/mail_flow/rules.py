"""What one Gmail rule does to incoming mail: our own, and others'.

The fields are those of a rule in the Policy API, as cisagov/ScubaGoggles shows them from a real organisation. What
they do is told by support.google.com/a/answer/1346934 (content compliance: inbound mail, expressions, reject,
quarantine, change route, bypass the spam filter, account types, address lists). Under which names a rule tells its
envelope filter and the route that it changes to is documented nowhere: a field that is not known here and differs
from what it was makes the verdict unknown. Which of several rules that match has precedence is not documented either.
"""

import json
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from shared.engine.effects import Effect
from shared.platforms.google_workspace.mail_flow.service import Service, is_range
from shared.platforms.google_workspace.mail_flow.snapshot import Record

MODIFY, REJECT, QUARANTINE = "MODIFY_MESSAGE", "REJECT", "QUARANTINE"
HELD = {REJECT: "refuses mail", QUARANTINE: "holds mail in quarantine"}
EVERY_SENDER, LISTED_SENDERS = "NO_EFFECT", "ONLY_LIST"
# Fields that change no way of protected mail: names, marks on messages, and mail of other kinds.
HARMLESS = frozenset(
    {
        "ruleId",
        "description",
        "condition.affectOutboundMessages",
        "condition.affectInternalSendingMessages",
        "condition.affectInternalReceivingMessages",
        "condition.accountTypeGroup",
        "condition.accountTypeUnrecognized",
        "consequence.primaryDelivery.addXGmOriginalToHeader",
        "consequence.primaryDelivery.addXGmSpamHeader",
        "consequence.primaryDelivery.addCustomHeaders",
        "consequence.primaryDelivery.customHeaders",
        "consequence.primaryDelivery.prependCustomSubject",
        "consequence.primaryDelivery.customSubject",
        "consequence.primaryDelivery.requireTls",
    }
)
# Settings whose rules mean what a message says although they have no expressions: words, and kinds of attachments.
# support.google.com/a/answer/1347146 and /a/answer/2364580
BY_CONTENT = frozenset({"settings/gmail.objectionable_content", "settings/gmail.attachment_compliance"})
# Where an expression may look, and our header is not: the subject, the body, addresses.
PARTS = frozenset({"SUBJECT", "BODY", "SENDER", "RECIPIENT", "RECIPIENTS", "ENVELOPE"})
# Fields that `_own` reads.
JUDGED = frozenset(
    {
        "matchExpressions",
        "matchAnyExpression",
        "condition.affectInboundMessages",
        "condition.accountTypeUser",
        "condition.addressListOption",
        "consequence.ruleConsequenceType",
        "consequence.deliverToAdditionalRecipients",
        "consequence.primaryDelivery.changeDefaultRoute",
        "consequence.primaryDelivery.normalRouting",
        "consequence.primaryDelivery.rerouteSpam",
        "consequence.primaryDelivery.changeEnvelopeRecipient",
        "consequence.primaryDelivery.bypassSpamFilter",
        "consequence.primaryDelivery.removeAttachments",
    }
)


class Share(IntEnum):
    """Of how much of the mail something holds; ordered, so that all conditions together hold of the least."""

    NONE = 0
    SOME = 1
    ALL = 2


class Harm(NamedTuple):
    """One effect of a rule, of how much of the mail, and what the rule does, in words behind its name."""

    effect: Effect
    share: Share
    done: str


def own(rule: Record, wanted: Record | None, root: str | None, service: Service) -> list[Harm]:
    """What is wrong with our rule, the worst first. `wanted` is the rule when it last did its work, if that is known.

    `root` is the unit in which it should stand, None where that cannot be told.
    """
    record, condition, delivery = _parts(rule["rule"])
    if rule["unit"] in rule["off"]:
        return [Harm(Effect.UNSCANNED, Share.ALL, "was disabled")]
    if condition.get("affectInboundMessages") is False:
        return [Harm(Effect.UNSCANNED, Share.ALL, "is not about incoming mail any more")]
    if condition.get("accountTypeUser") is False:
        return [Harm(Effect.UNSCANNED, Share.ALL, "is not about users any more")]
    first, returned = _matches(record, service)
    if first is Share.NONE:
        return [Harm(Effect.UNSCANNED, Share.ALL, "has expressions that new mail does not match")]
    then = _parts(wanted["rule"]) if wanted else None
    narrowed = [*_narrowed(rule, root, first, then, service)]
    kind = record.get("consequence", {}).get("ruleConsequenceType")
    if kind in HELD:
        return [Harm(Effect.BOUNCED_OR_DELAYED, first, f"{HELD[kind]} instead of routing it"), *narrowed]
    if kind != MODIFY or "changeDefaultRoute" not in delivery:
        return [Harm(Effect.UNKNOWN, first, f"does something that is not known: {kind}"), *narrowed]
    if delivery.get("changeEnvelopeRecipient"):
        return [Harm(Effect.BOUNCED_OR_DELAYED, first, "sends mail to another recipient"), *narrowed]
    if not _routes(delivery):
        narrowed = [Harm(Effect.UNSCANNED, Share.ALL, "does not change the route any more")]
    return [*narrowed, *_done_besides(delivery, record, returned, then, service)]


def _narrowed(
    rule: Record, root: str | None, first: Share, then: tuple[Record, ...] | None, service: Service
) -> Iterator[Harm]:
    _, condition, delivery = _parts(rule["rule"])
    if first is Share.SOME:
        yield Harm(Effect.UNSCANNED, Share.SOME, "has expressions that not all new mail matches")
    elif root is not None and rule["unit"] != root:
        yield Harm(Effect.UNSCANNED, Share.SOME, "holds for one organisational unit only")
    elif rule["off"]:
        yield Harm(Effect.UNSCANNED, Share.SOME, "is disabled in an organisational unit")
    elif _spares_without_secret(rule["rule"], service):
        yield Harm(Effect.UNSCANNED, Share.SOME, "leaves out whatever bears our header, without its secret too")
    elif condition.get("addressListOption", EVERY_SENDER) != EVERY_SENDER:
        yield Harm(Effect.UNSCANNED, Share.SOME, "leaves out the senders of an address list, or all others")
    elif then and then[2].get("rerouteSpam") and delivery.get("rerouteSpam") is False:
        yield Harm(Effect.UNSCANNED, Share.SOME, "does not route what Gmail takes for spam any more")
    elif rule["rule"].get("consequence", {}).get("deliverToAdditionalRecipients"):
        yield Harm(Effect.UNSCANNED, Share.SOME, "delivers copies to other recipients before they are scanned")


def _done_besides(
    delivery: Record, record: Record, returned: Share, then: tuple[Record, ...] | None, service: Service
) -> Iterator[Harm]:
    if delivery.get("removeAttachments"):
        yield Harm(Effect.BOUNCED_OR_DELAYED, Share.ALL, "removes attachments before they are scanned")
    if delivery.get("bypassSpamFilter"):
        yield Harm(Effect.TRUSTED_WITHOUT_US, Share.ALL, "lets mail bypass the spam filter")
    if then is None:
        return
    if returned > _matches(then[0], service)[1]:
        yield Harm(Effect.SCANNED_TWICE_OR_LOOP, returned, "routes mail that the scanner has returned")
    was, now = _flat(then[0]), _flat(record)
    names = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
    if strange := [name for name in names if name not in HARMLESS | JUDGED]:
        yield Harm(Effect.UNKNOWN, Share.SOME, f"was changed in what is not documented: {', '.join(strange)}")


def foreign(rule: Record, root: str | None, service: Service) -> list[Harm]:
    """What a rule of the customer's does to mail that is to be scanned or was; nothing if it leaves its way alone.

    What it does by content (words, attachments, senders) is their own wish, unless it lets mail pass the scanner or
    means the mail that the scanner returns.
    """
    record, condition, delivery = _parts(rule["rule"])
    skips = condition.get("affectInboundMessages") is False or condition.get("accountTypeUser") is False
    if skips or rule["unit"] in rule["off"]:
        return []
    expressions = record.get("matchExpressions") or ()
    first, returned = _matches(record, service)
    senders = condition.get("addressListOption", EVERY_SENDER)
    if senders != EVERY_SENDER:
        first, returned = min(first, Share.SOME), min(returned, Share.SOME)
    if root is not None and rule["unit"] != root:
        first, returned = min(first, Share.SOME), min(returned, Share.SOME)
    kind = record.get("consequence", {}).get("ruleConsequenceType")
    # Whom a list names was singled out by somebody; whom it leaves out is everybody else.
    whole = not expressions and rule["type"] not in BY_CONTENT and senders != LISTED_SENDERS
    if kind in HELD and whole:
        return [Harm(Effect.BOUNCED_OR_DELAYED, first, HELD[kind])]
    if kind in HELD:
        tells_apart = any(_about_us(one, service) or _sources(one) for one in expressions)
        if tells_apart and _matches(record, service)[0] is Share.ALL:
            return [Harm(Effect.BOUNCED_OR_DELAYED, first, f"{HELD[kind]} that comes from elsewhere")]
        if tells_apart and _matches(record, service)[1] is Share.ALL:
            return [Harm(Effect.BOUNCED_OR_DELAYED, returned, f"{HELD[kind]} that the scanner returns")]
        return []
    if kind != MODIFY:
        return [Harm(Effect.UNKNOWN, max(first, returned), f"does something that is not known: {kind}")]
    return list(_foreign_change(record, delivery, first, whole=whole, service=service))


def _foreign_change(record: Record, delivery: Record, first: Share, *, whole: bool, service: Service) -> Iterator[Harm]:
    if service.return_secret in json.dumps(record.get("consequence", {})):
        yield Harm(Effect.UNSCANNED, first, "puts the mark of scanned mail on mail that was not scanned")
    elif _routes(delivery):
        yield Harm(Effect.UNKNOWN, first, "changes the route too, and which of two rules has precedence is not known")
    elif whole and delivery.get("changeEnvelopeRecipient"):
        yield Harm(Effect.BOUNCED_OR_DELAYED, first, "sends mail to another recipient")
    elif whole and delivery.get("bypassSpamFilter"):
        yield Harm(Effect.TRUSTED_WITHOUT_US, first, "lets mail bypass the spam filter")


def routes(rule: Record) -> bool:
    """Whether a rule, as it was read, sends incoming mail another way."""
    record, condition, delivery = _parts(rule["rule"])
    acts = rule["unit"] not in rule["off"] and condition.get("affectInboundMessages") is not False
    return acts and record.get("consequence", {}).get("ruleConsequenceType") == MODIFY and _routes(delivery)


def _routes(delivery: Record) -> bool:
    return bool(delivery.get("changeDefaultRoute")) and not delivery.get("normalRouting")


def _matches(record: Record, service: Service) -> tuple[Share, Share]:
    """Of how much new mail, and of how much returned mail, the expressions hold."""
    pairs = [_holds(one, service) for one in record.get("matchExpressions") or ()]
    joined = max if record.get("matchAnyExpression") else min
    first, returned = (joined((pair[place] for pair in pairs), default=Share.ALL) for place in (0, 1))
    return first, returned


def _holds(expression: Any, service: Service) -> tuple[Share, Share]:
    """Only its mark and its source tell returned mail from new mail; all else depends on what a message says."""
    words = [word for text in _texts(expression) for word in text.upper().split("_")]
    denied = "NOT" in words
    if _about_us(expression, service):
        seen = _reads_headers(expression) and _marks(expression, service)
        if not denied and "CONTAINS" in words:
            return Share.NONE, Share.ALL if seen else Share.NONE
        return Share.ALL, Share.NONE if seen else Share.ALL
    if sources := _sources(expression):
        ours = any(service.returns_from(one) for one in sources)
        if denied:
            return (Share.ALL, Share.NONE) if ours else (Share.SOME, Share.ALL)
        return Share.SOME, Share.ALL if ours else Share.NONE
    return Share.SOME, Share.SOME


def _spares_without_secret(record: Record, service: Service) -> bool:
    """Whether our rule is content with the name of our header, which anybody can write."""
    expressions = record.get("matchExpressions") or ()
    marking = [one for one in expressions if _about_us(one, service) and _marks(one, service)]
    return bool(marking) and not any(service.return_secret in json.dumps(one) for one in marking)


def _reads_headers(expression: Any) -> bool:
    """Whether an expression looks where our header is. support.google.com/a/answer/1346934 names the locations."""
    location = str(expression.get("location", "")).upper().split("_") if isinstance(expression, Mapping) else []
    return "HEADERS" in location or not PARTS.intersection(location)


def _marks(expression: Any, service: Service) -> bool:
    """Whether what an expression asks for stands in the header of returned mail."""
    line = f"{service.return_header}: {service.return_secret}".lower()
    header = service.return_header.lower()
    texts = [text.lower().strip() for text in _texts(expression)]
    return any(service.return_secret in text or (header in text and text in line) for text in texts)


def _about_us(expression: Any, service: Service) -> bool:
    return service.return_header.lower() in json.dumps(expression).lower()


def _sources(expression: Any) -> list[str]:
    """The addresses and ranges that an expression names."""
    return [text for text in _texts(expression) if is_range(text)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [text for one in inside for text in _texts(one)]


def _parts(record: Record) -> tuple[Record, Record, Record]:
    """The record, its condition and its primary delivery."""
    return record, record.get("condition", {}), record.get("consequence", {}).get("primaryDelivery", {})


def _flat(record: Record, before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found
