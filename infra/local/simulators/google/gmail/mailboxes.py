"""Gmail: whose mailbox a call is about, the profile, the watch and the history."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.simulators.google.api import paging
from infra.local.simulators.google.api.host import Asked, Handler
from infra.local.simulators.google.api.refusals import refused
from infra.local.simulators.google.application import PROJECT
from infra.local.simulators.google.gmail import labels, messages
from infra.local.simulators.google.gmail.mailbox import Mailbox, emptied, oldest_kept
from infra.local.simulators.google.quota import charged
from infra.local.simulators.wire import Record

# A call is worked on with the mailbox as it is, and returns it as it is then, with the answer.
Work = Callable[[Asked, Mailbox], tuple[Mailbox, Mapping[str, Any] | None]]
WATCH_LIFE = 7 * 86_400_000  # milliseconds
TOPIC = re.compile(rf"projects/{PROJECT}/topics/[A-Za-z][A-Za-z0-9._~+%-]{{2,254}}")
KINDS = {
    "messageAdded": "messagesAdded",
    "messageDeleted": "messagesDeleted",
    "labelAdded": "labelsAdded",
    "labelRemoved": "labelsRemoved",
}


def opened(work: Work) -> Handler:
    """Return a handler that finds the mailbox, takes the price of the call, and keeps what the work made of it."""

    def handler(asked: Asked) -> Mapping[str, Any] | None:
        user = _owner(asked)
        boxes = asked.customer.mailboxes
        # Paid for even if the work refuses.
        box = emptied(boxes.get(user["id"], Mailbox()), asked.now, asked.customer.behaviour)
        boxes[user["id"]] = charged(asked, box)
        boxes[user["id"]], answer = work(asked, boxes[user["id"]])
        return answer

    return handler


def _owner(asked: Asked) -> Record:
    if asked.actor is None:
        raise refused(400, "failedPrecondition", "Precondition check failed.", name="FAILED_PRECONDITION")
    wanted = asked.args["userId"]
    if wanted != "me" and wanted.lower() != asked.actor["primaryEmail"].lower():
        raise refused(403, "forbidden", f"Delegation denied for {wanted}", name="PERMISSION_DENIED")
    if not asked.actor.get("isMailboxSetup"):
        raise refused(400, "failedPrecondition", "Mail service not enabled", name="FAILED_PRECONDITION")
    return asked.actor


def _profile(asked: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    address = asked.actor["primaryEmail"] if asked.actor else ""
    count = len(box.messages)
    return box, {
        "emailAddress": address,
        "messagesTotal": count,
        "threadsTotal": count,
        "historyId": str(box.history_id),
    }


def _watch(asked: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    topic = asked.body.get("topicName") or ""
    if not TOPIC.fullmatch(topic):
        raise _invalid(f"Invalid topicName does not match projects/{PROJECT}/topics/*")
    chosen = tuple(asked.body.get("labelIds") or ())
    for one in chosen:
        if not box.knows_label(one):
            raise _invalid(f"Invalid label: {one}")
    now = int(asked.now.timestamp() * 1000)
    live = box.watch is not None and box.watch["expiration"] > now
    if live and box.watch is not None and box.watch["topicName"] != topic:
        raise _invalid("Only one user push notification client allowed per developer (call /stop then try again)")
    if not asked.customer.behaviour.topic_publisher:
        text = f"Error sending test message to Cloud PubSub {topic} : User not authorized to perform this action."
        raise refused(403, "forbidden", text, name="PERMISSION_DENIED")
    behavior = str(asked.body.get("labelFilterBehavior") or asked.body.get("labelFilterAction") or "include").lower()
    watch = {"topicName": topic, "labelIds": chosen, "behavior": behavior, "expiration": now + WATCH_LIFE}
    answer = {"historyId": str(box.history_id), "expiration": str(watch["expiration"])}
    return dataclasses.replace(box, watch=watch), answer


def _stop(_: Asked, box: Mailbox) -> tuple[Mailbox, None]:
    return dataclasses.replace(box, watch=None), None


def _history(asked: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    start = asked.one("startHistoryId")
    if not start.isascii() or not start.isdigit():
        raise _invalid("Invalid startHistoryId")
    if not oldest_kept(box, asked.now, asked.customer.behaviour) <= int(start) <= box.history_id:
        raise refused(404, "notFound", "Requested entity was not found.", name="NOT_FOUND")
    label = asked.one("labelId")
    if label and not box.knows_label(label):
        raise _invalid(f"Invalid label: {label}")
    kinds = {KINDS[one] for one in asked.query.get("historyTypes", ())} or set(KINDS.values())
    if asked.customer.behaviour.history_bare_records:
        kinds.add("messages")
    question = ("history", start, label, sorted(kinds))
    after = _place(question, asked.one("pageToken"), int(start))
    found = [
        one
        for one in box.history
        if one["id"] > after
        and one["kind"] in kinds
        and (not label or label in one["message"]["labelIds"] or label in one["labelIds"])
    ]
    size = min(500, int(asked.one("maxResults", "100")))
    page: dict[str, Any] = {"historyId": str(box.history_id)}
    if found:
        page["history"] = [_printed(one) for one in found[:size]]
    if len(found) > size:
        page["nextPageToken"] = paging.token(question, found[size - 1]["id"])
    return box, page


def _printed(record: Record) -> dict[str, Any]:
    about = record["message"]
    reference = {"id": about["id"], "threadId": about["threadId"]}
    printed: dict[str, Any] = {"id": str(record["id"]), "messages": [reference]}
    if record["kind"] != "messages":
        change: dict[str, Any] = {"message": {**reference, "labelIds": list(about["labelIds"])}}
        if record["kind"] in ("labelsAdded", "labelsRemoved"):
            change["labelIds"] = list(record["labelIds"])
        printed[record["kind"]] = [change]
    return printed


def _place(question: tuple[object, ...], given: str, start: int) -> int:
    try:
        return paging.place(question, given) if given else start
    except ValueError as error:
        raise _invalid("Invalid pageToken") from error


def _invalid(message: str) -> Exception:
    return refused(400, "invalidArgument", message, name="INVALID_ARGUMENT")


_WORK: Mapping[str, Work] = {
    "gmail.users.getProfile": _profile,
    "gmail.users.watch": _watch,
    "gmail.users.stop": _stop,
    "gmail.users.history.list": _history,
    **messages.WORK,
    **labels.WORK,
}
# What is not here is answered with 501: attachments, inserting, importing, deleting for good.
HANDLERS: Mapping[str, Handler] = {name: opened(work) for name, work in _WORK.items()}
