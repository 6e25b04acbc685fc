"""One person's Gmail: messages, labels, the history log and the watch. Pure: every change returns a new mailbox."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.local.simulators.google.behaviour import Behaviour
from infra.local.simulators.google.gmail.mime import described
from infra.local.simulators.wire import Record

CATEGORIES = ("PERSONAL", "SOCIAL", "PROMOTIONS", "UPDATES", "FORUMS")
# Labels the service sets and nobody else.
FIXED = frozenset({"SENT", "DRAFT", "CHAT"})
PLAIN = ("CHAT", "SENT", "INBOX", "IMPORTANT", "TRASH", "DRAFT", "SPAM", "STARRED", "UNREAD")
SYSTEM = (*PLAIN, *(f"CATEGORY_{one}" for one in CATEGORIES))
EMPTIED = frozenset({"TRASH", "SPAM"})
DISCARDED_DAYS = 30
FIRST_HISTORY_ID = 98_765
# Real ids jump; a client that counts on steps of one must fail here.
HISTORY_STEP = 7
# Every so many changes the log gets a record that says no more than which message it is about.
BARE_EVERY = 3


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """The state of one mailbox. Its mappings are never written to, so a copy of the reference is a copy."""

    messages: Mapping[str, Record] = field(default_factory=dict)  # in order of arrival
    labels: Mapping[str, Record] = field(default_factory=dict)  # those of the user, by id
    labels_made: int = 0
    history: tuple[Record, ...] = ()
    history_id: int = FIRST_HISTORY_ID
    oldest: int = FIRST_HISTORY_ID  # a history can be asked for from here on
    watch: Record | None = None
    pushes: tuple[Record, ...] = ()  # announced and not yet delivered
    pushed_at: float = 0
    spent: tuple[int, int] = (0, 0)  # the minute, and the quota units used in it

    def label_named(self, name: str) -> Record | None:
        """Return the user's label of that name in any letter case."""
        wanted = name.casefold()
        return next((one for one in self.labels.values() if one["name"].casefold() == wanted), None)

    def knows_label(self, label_id: str) -> bool:
        """Say whether a message could carry this label."""
        return label_id in SYSTEM or label_id in self.labels

    def snapshot(self) -> dict[str, Any]:
        """Return what its owner could compare before and after: messages with their labels, labels, the watch."""
        watch = self.watch and {key: value for key, value in self.watch.items() if key != "expiration"}
        return {
            "labels": [dict(one) for _, one in sorted(self.labels.items())],
            "messages": [
                {"id": key, "subject": one["subject"], "labelIds": sorted(one["labelIds"])}
                for key, one in self.messages.items()
            ],
            "watch": watch,
        }


def received(
    box: Mailbox, message: Mapping[str, Any], now: datetime, behaviour: Behaviour, *, salt: str
) -> tuple[Mailbox, str]:
    """Return the mailbox with one more message, and the message's id."""
    made = f"19{_digest(f'{salt} {box.history_id}')[:14]}"
    whole = message.get("raw")
    if whole is not None:
        message = {**message, **described(whole), "body": ""}
    body = str(message.get("body", "Good morning.\r\n"))
    record = {
        "id": made,
        "threadId": made,
        "labelIds": tuple(message.get("labelIds", ("UNREAD", "CATEGORY_PERSONAL", "INBOX"))),
        "internalDate": int(now.timestamp() * 1000),
        "from": str(message.get("from", "sender@elsewhere.example")),
        "to": str(message["to"]),
        "subject": str(message.get("subject", "")),
        "date": now.strftime("%a, %d %b %Y %H:%M:%S +0000"),
        "body": body,
        "arrival": box.history_id + HISTORY_STEP,
        **({"raw": whole} if whole is not None else {}),
    }
    box = dataclasses.replace(box, messages={**box.messages, made: record})
    return _logged(box, "messagesAdded", [made], (), now, behaviour), made


def relabelled(
    box: Mailbox, ids: Iterable[str], *, add: Iterable[str], remove: Iterable[str], now: datetime, behaviour: Behaviour
) -> Mailbox:
    """Return the mailbox with labels of some messages changed. What changes nothing is not logged."""
    added, removed = tuple(add), tuple(remove)
    messages = dict(box.messages)
    gained: dict[tuple[str, ...], list[str]] = {}
    lost: dict[tuple[str, ...], list[str]] = {}
    for key in ids:
        before = messages[key]["labelIds"]
        new = tuple(one for one in dict.fromkeys(added) if one not in before)
        old = tuple(one for one in dict.fromkeys(removed) if one in before)
        changed = {"labelIds": tuple(one for one in before if one not in old) + new}
        discarded = {} if EMPTIED.isdisjoint(new) else {"discarded": now.timestamp()}
        messages[key] = {**messages[key], **changed, **discarded}
        if new:
            gained.setdefault(new, []).append(key)
        if old:
            lost.setdefault(old, []).append(key)
    box = dataclasses.replace(box, messages=messages)
    for labels, keys in gained.items():
        box = _logged(box, "labelsAdded", keys, labels, now, behaviour)
    for labels, keys in lost.items():
        box = _logged(box, "labelsRemoved", keys, labels, now, behaviour)
    return box


def without_messages(box: Mailbox, ids: Iterable[str], now: datetime, behaviour: Behaviour) -> Mailbox:
    """Return the mailbox with some messages deleted for good."""
    gone = list(ids)
    box = _logged(box, "messagesDeleted", gone, (), now, behaviour)
    return dataclasses.replace(box, messages={key: one for key, one in box.messages.items() if key not in gone})


def emptied(box: Mailbox, now: datetime, behaviour: Behaviour) -> Mailbox:
    """Return the mailbox without what has been in the trash, or among the spam, for thirty days."""
    limit = now.timestamp() - DISCARDED_DAYS * 86_400
    old = [
        key
        for key, one in box.messages.items()
        if one.get("discarded", now.timestamp()) <= limit and not EMPTIED.isdisjoint(one["labelIds"])
    ]
    return without_messages(box, old, now, behaviour) if old else box


def labelled(box: Mailbox, label: Mapping[str, Any]) -> tuple[Mailbox, Record]:
    """Return the mailbox with a new label of the user, and that label with its id."""
    number = box.labels_made + 1
    made = {"id": f"Label_{number}", **label, "type": "user"}
    return dataclasses.replace(box, labels={**box.labels, made["id"]: made}, labels_made=number), made


def without_label(box: Mailbox, label_id: str, now: datetime, behaviour: Behaviour) -> Mailbox:
    """Return the mailbox without a label, taken off every message that bore it."""
    bearing = [key for key, one in box.messages.items() if label_id in one["labelIds"]]
    box = relabelled(box, bearing, add=(), remove=(label_id,), now=now, behaviour=behaviour)
    return dataclasses.replace(box, labels={key: one for key, one in box.labels.items() if key != label_id})


def without_history(box: Mailbox) -> Mailbox:
    """Return the mailbox whose log begins now: every older id is too old."""
    return dataclasses.replace(box, history=(), oldest=box.history_id)


def oldest_kept(box: Mailbox, now: datetime, behaviour: Behaviour) -> int:
    """Return the id from which on the log is still complete."""
    limit = now.timestamp() - behaviour.history_days * 86_400
    return max([box.oldest, *(int(one["id"]) for one in box.history if one["at"] < limit)])


def _logged(
    box: Mailbox,
    kind: str,
    keys: list[str],
    labels: tuple[str, ...],
    now: datetime,
    behaviour: Behaviour,
) -> Mailbox:
    records = list(box.history)
    number = box.history_id
    messages = dict(box.messages)
    for key in keys:
        number += HISTORY_STEP
        message = messages[key] = {**messages[key], "historyId": number}
        about = {"id": key, "threadId": message["threadId"], "labelIds": message["labelIds"]}
        record = {"id": number, "kind": kind, "message": about, "labelIds": labels, "at": now.timestamp()}
        records.append(record)
        if len(records) % BARE_EVERY == 0:
            number += 1
            records.append({**record, "id": number, "kind": "messages"})
    box = dataclasses.replace(box, messages=messages, history=tuple(records), history_id=number)
    if kind != "messagesAdded" and not behaviour.push_label_changes:
        return box
    seen = {label for key in keys for label in messages[key]["labelIds"]}.union(labels)
    return _announced(box, keys[0], now, behaviour) if _watched(box, seen, now) else box


def _watched(box: Mailbox, labels: set[str], now: datetime) -> bool:
    if box.watch is None or box.watch["expiration"] <= now.timestamp() * 1000:
        return False
    chosen = set(box.watch["labelIds"])
    if not chosen:
        return True
    return labels.isdisjoint(chosen) if box.watch["behavior"] == "exclude" else not labels.isdisjoint(chosen)


def _announced(box: Mailbox, message: str, now: datetime, behaviour: Behaviour) -> Mailbox:
    """Queue a push; above one a second the platform drops them, and the history is all that remains."""
    moment = now.timestamp()
    if behaviour.push_drop and 0 <= moment - box.pushed_at < 1:
        return box
    number = int(_digest(f"{message} {box.history_id}")[:13], 16)
    push = {"historyId": box.history_id, "messageId": str(number), "at": moment}
    copies = tuple({**push, "copy": number} for number in range(1 + behaviour.push_duplicates))
    return dataclasses.replace(box, pushes=box.pushes + copies, pushed_at=moment)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
