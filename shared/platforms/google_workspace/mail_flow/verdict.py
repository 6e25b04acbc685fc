"""What is wrong with the way of a customer's incoming mail, and what a change did to it.

The way is: the MX record, what Gmail refuses, our rule for the members of our group, our route to the scanner, back
through the inbound gateway, the rules once more, the mailbox.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from shared.engine.effects import WORST_FIRST, Effect
from shared.platforms.google_workspace.mail_flow.rules import Harm, Share, foreign, own
from shared.platforms.google_workspace.mail_flow.service import Protection, Service, is_everything
from shared.platforms.google_workspace.mail_flow.snapshot import (
    CHANGED,
    DELETED,
    GATEWAY_WORD,
    OURS,
    ROUTE_SETTING,
    Change,
    Key,
    Snapshot,
)

# Where Gmail takes mail: support.google.com/a/answer/174125 and, of before 2023, its list of legacy records.
GMAIL = (".google.com", ".googlemail.com")
# Settings whose name tells that they send mail another way, and whose content no API shows.
HIDDEN = ("MESSAGE_SECURITY_RULE", "ROUTING", "RECIPIENT_ADDRESS_MAP", "CATCH_ALL")
# A setting of Gmail as a whole, and the senders it refuses: support.google.com/a/answer/182442, /a/answer/2364632.
SERVICE, BLOCKED = "settings/gmail.service_status", "settings/gmail.blocked_sender_lists"
# Mail from these addresses passes the spam filter: support.google.com/a/answer/60751.
ALLOWED = "settings/gmail.email_spam_filter_ip_allowlist"
HELD_UP = Effect.BOUNCED_OR_DELAYED
Own = Literal["rule", "route", "gateway", "group", "group-members"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that harms incoming mail: which it is, what it does, to how many, and what happened to it.

    `own` names it where it is ours. `people` is how many are known to be touched, None where that is not known.
    """

    key: Key
    effect: Effect
    share: Share
    done: str
    own: Own | None = None
    people: int | None = None


def difference(wanted: Snapshot | None, now: Snapshot, service: Service, protection: Protection) -> list[Fault]:
    """What is wrong now and was not in the wanted state, the worst first.

    What is ours is judged by what it should be, whenever it came to be wrong. The customer's own things are judged by
    what they were; where that is not known yet nothing is said of them.
    """
    found = [*_ours(wanted, now, service, protection)]
    if wanted is not None:
        before = {(one.key, one.effect): one.share for one in _theirs(wanted, service, protection)}
        found += [
            one
            for one in _theirs(now, service, protection)
            if one.share > before.get((one.key, one.effect), Share.NONE)
        ]
        found += _hidden(wanted, now)
    return sorted(found, key=lambda one: (WORST_FIRST.index(one.effect), one.key))


def faults(now: Snapshot, service: Service, protection: Protection) -> list[Fault]:
    """What the customer's own things do to incoming mail as they are, ours left out."""
    return sorted(_theirs(now, service, protection), key=lambda one: (WORST_FIRST.index(one.effect), one.key))


def copies(snapshot: Snapshot, service: Service) -> dict[str, Any]:
    """Our rule, by its recorded id or by the name that we ask for it, wherever it stands."""
    return {
        key: one
        for key, one in snapshot.things["rule"].items()
        if key == service.rule_id or str(one["rule"].get("description", "")).strip() == service.rule
    }


def _ours(wanted: Snapshot | None, now: Snapshot, service: Service, protection: Protection) -> Iterator[Fault]:
    yield from _rule(wanted, now, service)
    routed = now.things["log"].get(f"{ROUTE_SETTING}/{service.route}")
    # Only while it is being set up does a change say nothing.
    told = None if wanted is None else wanted.things["log"].get(f"{ROUTE_SETTING}/{service.route}")
    key = ROUTE_SETTING, service.route
    if routed and routed.event == DELETED:
        done = "was removed"
        yield Fault(key=key, own="route", effect=Effect.BOUNCED_OR_DELAYED, share=Share.ALL, done=done)
    elif routed and routed.event == CHANGED and wanted is not None and routed != told:
        done = "was changed, and no API shows to what"
        yield Fault(key=key, own="route", effect=Effect.BOUNCED_OR_DELAYED, share=Share.ALL, done=done)
    gateway = newest_of_gateway(now)
    if gateway and gateway.event == DELETED:
        key, effect = (gateway.setting, gateway.name), Effect.RETURNED_MISJUDGED
        yield Fault(key=key, own="gateway", effect=effect, share=Share.ALL, done="was removed")
    yield from _group(now, service, protection)


def newest_of_gateway(snapshot: Snapshot) -> Change | None:
    """The last that was told of the inbound gateway; an organisation has one."""
    changes = [one for one in snapshot.things["log"].values() if GATEWAY_WORD in one.setting.upper()]
    return max(changes, key=lambda one: str(one.at), default=None)


def _rule(wanted: Snapshot | None, now: Snapshot, service: Service) -> Iterator[Fault]:
    before = copies(wanted, service) if wanted else {}
    root = now.root or next((one["unit"] for one in before.values()), None)
    found = copies(now, service)
    if not found:
        key = "rule", next(iter(before), OURS)
        yield Fault(key=key, own="rule", effect=Effect.UNSCANNED, share=Share.ALL, done="was removed")
        return
    first = next(iter(before.values()), None)
    harms = {key: own(one, before.get(key, first), root, service) for key, one in found.items()}
    # Where one of several does the work, the others do no harm.
    best = max(harms, key=lambda key: min(map(_mildness, harms[key]), default=(len(WORST_FIRST), 0)))
    for harm in harms[best]:
        yield _fault(("rule", best), harm, own="rule")


def _mildness(harm: Harm) -> tuple[int, int]:
    return WORST_FIRST.index(harm.effect), -harm.share


def _group(now: Snapshot, service: Service, protection: Protection) -> Iterator[Fault]:
    group = now.things["group"].get(OURS)
    key = "group", OURS
    if group is None:
        yield Fault(key=key, own="group", effect=Effect.UNSCANNED, share=Share.ALL, done="was removed")
    elif str(group["address"]).lower() != service.address.lower():
        done = f"has another address than the rule names ({service.address})"
        yield Fault(key=key, own="group", effect=Effect.UNSCANNED, share=Share.ALL, done=done)
    elif group["taken_out"]:
        number = int(group["taken_out"])
        yield Fault(
            key=key,
            own="group-members",
            effect=Effect.UNSCANNED,
            people=number,
            share=Share.ALL if number >= protection.number else Share.SOME,
            done="lacks members whom the policies name",
        )


def _theirs(snapshot: Snapshot, service: Service, protection: Protection) -> Iterator[Fault]:
    mine = copies(snapshot, service)
    for key, rule in snapshot.things["rule"].items():
        for harm in foreign(rule, snapshot.root, service):
            # One more of our rule's name may do its work, and does harm by what else it does.
            if key not in mine or (key != service.rule_id and len(mine) > 1 and harm.effect is HELD_UP):
                yield _fault(("rule", key), harm)
    yield from _exchangers(snapshot, service, protection)
    yield from _settings(snapshot, service, protection)


def _exchangers(snapshot: Snapshot, service: Service, protection: Protection) -> Iterator[Fault]:
    for domain, hosts in snapshot.things["mx"].items():
        touched = protection.people.get(domain, 0)
        if hosts is None or not (touched or domain in protection.also):
            continue
        key, whole = ("mx", domain), Share.ALL if touched == protection.number else Share.SOME
        fault = Fault(
            key=key, effect=Effect.UNSCANNED, share=whole, people=touched or None, done="leads elsewhere than to Gmail"
        )
        here = [is_gmail(one) for one in hosts]
        if not hosts:
            yield replace(fault, effect=Effect.BOUNCED_OR_DELAYED, done="is not there any more")
        elif service.host.lower() in hosts:
            yield replace(fault, effect=Effect.UNKNOWN, done="leads to the scanner itself")
        elif not any(here):
            yield fault
        elif not all(here):
            yield replace(fault, share=Share.SOME, people=None, done="names a host besides Gmail's")


def is_gmail(host: str) -> bool:
    """Whether a mail exchanger is Google's."""
    return host.lower().rstrip(".").endswith(GMAIL)


def _settings(snapshot: Snapshot, service: Service, protection: Protection) -> Iterator[Fault]:
    for key, value in snapshot.things["setting"].items():
        kind, _, unit = key.partition(" ")
        share = Share.ALL if unit == snapshot.root else Share.SOME
        fault = Fault(key=("setting", key), effect=Effect.BOUNCED_OR_DELAYED, share=share, done="")
        if kind == SERVICE and value.get("serviceState") == "DISABLED":
            yield replace(fault, done="turns Gmail off")
        elif kind == ALLOWED and any(map(is_everything, _named(value))):
            yield replace(
                fault, effect=Effect.TRUSTED_WITHOUT_US, done="lets mail from everywhere pass the spam filter"
            )
        elif kind == BLOCKED and any(map(service.is_ours, _named(value))):
            yield replace(fault, done="blocks what the scanner returns")
        elif kind == BLOCKED and (blocked := _named(value) & protection.people.keys()):
            yield replace(fault, share=Share.SOME, done=f"blocks the organisation's own domain {sorted(blocked)[0]}")


def _named(value: Any) -> set[str]:
    return {one.removeprefix("@").lower() for one in json.dumps(value).split('"')}


def _hidden(wanted: Snapshot, now: Snapshot) -> Iterator[Fault]:
    """Routing that was added or changed, and that nothing shows."""
    for about, change in now.things["log"].items():
        routing = any(word in change.setting.upper() for word in HIDDEN)
        if routing and change.event != DELETED and change != wanted.things["log"].get(about):
            done = "was changed" if change.event == CHANGED else "was added"
            key = "log", about
            yield Fault(key=key, effect=Effect.UNKNOWN, share=Share.SOME, done=f"{done}, and no API shows what it does")


def _fault(key: Key, harm: Harm, own: Own | None = None) -> Fault:
    return Fault(key=key, own=own, effect=harm.effect, share=harm.share, done=harm.done)
