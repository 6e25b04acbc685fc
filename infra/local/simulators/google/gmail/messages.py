"""Gmail's messages: finding them, reading them in four formats, and changing their labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from infra.local.simulators.google.api import paging
from infra.local.simulators.google.api.host import Asked
from infra.local.simulators.google.api.refusals import refused
from infra.local.simulators.google.gmail import mime
from infra.local.simulators.google.gmail.mailbox import FIXED, Mailbox, relabelled
from infra.local.simulators.wire import Record, Refusal

LABELS_AT_ONCE = 100
MESSAGES_AT_ONCE = 1_000
# These may read bodies and search; the metadata scope alone may not.
READERS = frozenset(
    {
        "https://mail.google.com/",
        "https://www.googleapis.com/auth/gmail.modify",
        "https://www.googleapis.com/auth/gmail.readonly",
    }
)
TERM = re.compile(r'(newer_than|after|in|label):("[^"]*"|\S+)(?:\s+|$)')
AGE = re.compile(r"(\d+)([dh])")


def _list(asked: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    search = asked.one("q").strip()
    if search and not asked.scopes & READERS:
        raise refused(403, "forbidden", "Metadata scope does not support 'q' parameter", name="PERMISSION_DENIED")
    wanted = _conditions(asked, search, box)
    labels = set(asked.query.get("labelIds", ()))
    for one in labels:
        if not box.knows_label(one):
            raise invalid(f"Invalid label: {one}")
    hidden = {"SPAM", "TRASH"} - labels if asked.one("includeSpamTrash") != "true" else set()
    question = ("messages", search, sorted(labels), sorted(hidden))
    before = box.history_id + 1
    if given := asked.one("pageToken"):
        try:
            before = paging.place(question, given)
        except ValueError as error:
            raise invalid("Invalid pageToken") from error
    found = [
        one
        for one in reversed([*box.messages.values()])
        if one["arrival"] < before
        and labels.issubset(one["labelIds"])
        and hidden.isdisjoint(one["labelIds"])
        and all(condition(one) for condition in wanted)
    ]
    size = min(500, int(asked.one("maxResults", "100")))
    page: dict[str, Any] = {"resultSizeEstimate": len(found)}
    if found:
        page["messages"] = [{"id": one["id"], "threadId": one["threadId"]} for one in found[:size]]
    if len(found) > size:
        page["nextPageToken"] = paging.token(question, found[size - 1]["arrival"])
    return box, page


def _conditions(asked: Asked, search: str, box: Mailbox) -> list[Callable[[Record], bool]]:
    """Read the search box's language as far as it is simulated; the rest must not be silently wrong."""
    found = []
    while search:
        term = TERM.match(search)
        condition = _condition(asked, term[1], term[2].strip('"'), box) if term else None
        if term is None or condition is None:
            raise refused(501, "notImplemented", f"The search {search!r} is not simulated.", name="UNIMPLEMENTED")
        found.append(condition)
        search = search[term.end() :]
    return found


def _condition(asked: Asked, name: str, value: str, box: Mailbox) -> Callable[[Record], bool] | None:
    if name == "newer_than" and (age := AGE.fullmatch(value)):
        span = timedelta(days=int(age[1])) if age[2] == "d" else timedelta(hours=int(age[1]))
        limit = int((asked.now - span).timestamp() * 1000)
        return lambda one: bool(one["internalDate"] >= limit)
    if name == "after" and value.isdigit():
        return lambda one: bool(one["internalDate"] >= int(value) * 1000)
    if name == "in" and value == "inbox":
        return lambda one: "INBOX" in one["labelIds"]
    if name == "label":
        named = _spelt(value)
        known = [one["id"] for one in box.labels.values() if _spelt(one["name"]) == named]
        chosen = known[0] if known else value.upper()
        return lambda one: chosen in one["labelIds"]
    return None


def _spelt(name: str) -> str:
    return re.sub(r"[\s/]", "-", name).casefold()


def _get(asked: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    message = _message(asked, box)
    shape = asked.one("format", "full")
    if shape in ("full", "raw") and not asked.scopes & READERS:
        raise refused(
            403, "forbidden", f"Metadata scope doesn't allow format {shape.upper()}", name="PERMISSION_DENIED"
        )
    raw = mime.raw_of(message)
    printed = {
        "id": message["id"],
        "threadId": message["threadId"],
        "labelIds": list(message["labelIds"]),
        "snippet": " ".join(message["body"].split())[:100],
        "sizeEstimate": len(raw),
        "historyId": str(message["historyId"]),
        "internalDate": str(message["internalDate"]),
    }
    if shape == "raw":
        printed["raw"] = mime.encoded(raw)
    elif shape == "full":
        printed["payload"] = mime.payload_of(message)
    elif shape != "minimal":
        headers = mime.headers_of(message)
        if names := {one.lower() for one in asked.query.get("metadataHeaders", ())}:
            headers = [one for one in headers if one["name"].lower() in names]
        printed["payload"] = {"mimeType": "text/plain", "headers": headers}
    return box, printed


def _modify(asked: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    message = _message(asked, box)
    return _changed(asked, box, message["id"], *_labels(asked, box))


def _trash(asked: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    return _changed(asked, box, _message(asked, box)["id"], ("TRASH",), ("INBOX",))


def _untrash(asked: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    return _changed(asked, box, _message(asked, box)["id"], (), ("TRASH",))


def _batch_modify(asked: Asked, box: Mailbox) -> tuple[Mailbox, None]:
    ids = asked.body.get("ids") or ()
    if not ids or len(ids) > MESSAGES_AT_ONCE:
        raise invalid("No message ids specified." if not ids else "Too many ids: at most 1000 are allowed.")
    add, remove = _labels(asked, box)
    known = [one for one in dict.fromkeys(ids) if one in box.messages]  # Those that are gone are passed over.
    behaviour = asked.customer.behaviour
    return relabelled(box, known, add=add, remove=remove, now=asked.now, behaviour=behaviour), None


def _changed(
    asked: Asked, box: Mailbox, key: str, add: tuple[str, ...], remove: tuple[str, ...]
) -> tuple[Mailbox, Mapping[str, Any]]:
    box = relabelled(box, [key], add=add, remove=remove, now=asked.now, behaviour=asked.customer.behaviour)
    message = box.messages[key]
    return box, {"id": key, "threadId": message["threadId"], "labelIds": list(message["labelIds"])}


def _labels(asked: Asked, box: Mailbox) -> tuple[tuple[str, ...], tuple[str, ...]]:
    add, remove = tuple(asked.body.get("addLabelIds") or ()), tuple(asked.body.get("removeLabelIds") or ())
    if max(len(add), len(remove)) > LABELS_AT_ONCE:
        raise invalid("Too many labels: at most 100 can be added or removed at once.")
    if not add and not remove:
        raise invalid("No label add or removes specified")
    for one in (*add, *remove):
        if one in FIXED or not box.knows_label(one):
            raise invalid(f"Invalid label: {one}")
    if both := set(add).intersection(remove):
        raise invalid(f"Cannot both add and remove the same label: {min(both)}")
    return add, remove


def _message(asked: Asked, box: Mailbox) -> Record:
    key = asked.args["id"]
    if not re.fullmatch(r"[0-9a-f]{1,16}", key):
        raise invalid("Invalid id value")
    if key not in box.messages:
        raise refused(404, "notFound", "Requested entity was not found.", name="NOT_FOUND")
    return box.messages[key]


def invalid(message: str) -> Refusal:
    """Return Gmail's refusal of a value."""
    return refused(400, "invalidArgument", message, name="INVALID_ARGUMENT")


WORK = {
    "gmail.users.messages.list": _list,
    "gmail.users.messages.get": _get,
    "gmail.users.messages.modify": _modify,
    "gmail.users.messages.batchModify": _batch_modify,
    "gmail.users.messages.trash": _trash,
    "gmail.users.messages.untrash": _untrash,
}
