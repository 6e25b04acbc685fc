"""Gmail's labels: the system's, and those a user or an application made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from infra.local.simulators.google.api.host import Asked
from infra.local.simulators.google.api.refusals import refused
from infra.local.simulators.google.gmail.mailbox import SYSTEM, Mailbox, labelled, without_label
from infra.local.simulators.google.gmail.messages import invalid
from infra.local.simulators.wire import Record

LIMIT = 10_000
MAX_NAME_CHARS = 225
WRITABLE = ("name", "messageListVisibility", "labelListVisibility", "color")
# The HTTP status is always 409; its reason is reported differently from case to case.
CONFLICTS = {"aborted": "ABORTED", "duplicate": "ALREADY_EXISTS", "alreadyExists": "ALREADY_EXISTS"}
PALETTE = frozenset(
    """
    #000000 #434343 #666666 #999999 #cccccc #efefef #f3f3f3 #ffffff #fb4c2f #ffad47 #fad165 #16a766 #43d692 #4a86e8
    #a479e2 #f691b3 #f6c5be #ffe6c7 #fef1d1 #b9e4d0 #c6f3de #c9daf8 #e4d7f5 #fcdee8 #efa093 #ffd6a2 #fce8b3 #89d3b2
    #a0eac9 #a4c2f4 #d0bcf1 #fbc8d9 #e66550 #ffbc6b #fcda83 #44b984 #68dfa9 #6d9eeb #b694e8 #f7a7c0 #cc3a21 #eaa041
    #f2c960 #149e60 #3dc789 #3c78d8 #8e63ce #e07798 #ac2b16 #cf8933 #d5ae49 #0b804b #2a9c68 #285bac #653e9b #b65775
    #822111 #a46a21 #aa8831 #076239 #1a764d #1c4587 #41236d #83334c #464646 #e7e7e7 #0d3472 #b6cff5 #0d3b44 #98d7e4
    #3d188e #e3d7ff #711a36 #fbd3e0 #8a1c0a #f2b2a8 #7a2e0b #ffc8af #7a4706 #ffdeb5 #594c05 #fbe983 #684e07 #fdedc1
    #0b4f30 #b3efd3 #04502e #a2dcc1 #c2c2c2 #4986e7 #2da2bb #b99aff #994a64 #f691b2 #ff7537 #ffad46 #662e37 #ebdbde
    #cca6ac #094228 #42d692 #16a765
    """.split()  # noqa: SIM905 (a list would put every colour on its own line)
)


def _list(_: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    system = [{"id": one, "name": one, "type": "system"} for one in SYSTEM]
    return box, {"labels": [*system, *map(dict, box.labels.values())]}


def _get(asked: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    label = _label(asked, box)
    bearing = [one for one in box.messages.values() if label["id"] in one["labelIds"]]
    unread = sum("UNREAD" in one["labelIds"] for one in bearing)
    counts = {"messagesTotal": len(bearing), "messagesUnread": unread}
    return box, {**label, **counts, "threadsTotal": len(bearing), "threadsUnread": unread}


def _create(asked: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    if len(box.labels) >= LIMIT:
        raise invalid("Label limit reached: a mailbox holds at most 10000 labels.")
    visible = {"messageListVisibility": "show", "labelListVisibility": "labelShow"}
    return labelled(box, visible | _values(asked, box, {"name": ""}))


def _patch(asked: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    label = _own(asked, box)
    return _stored(box, {**label, **_values(asked, box, label)})


def _update(asked: Asked, box: Mailbox) -> tuple[Mailbox, Mapping[str, Any]]:
    label = _own(asked, box)
    visible = {"messageListVisibility": "show", "labelListVisibility": "labelShow"}
    values = _values(asked, box, {"id": label["id"], "name": ""})
    return _stored(box, {"id": label["id"], **visible, **values, "type": "user"})


def _delete(asked: Asked, box: Mailbox) -> tuple[Mailbox, None]:
    label = _own(asked, box)
    return without_label(box, label["id"], asked.now, asked.customer.behaviour), None


def _stored(box: Mailbox, label: Record) -> tuple[Mailbox, Record]:
    return dataclasses.replace(box, labels={**box.labels, label["id"]: label}), label


def _values(asked: Asked, box: Mailbox, label: Record) -> dict[str, Any]:
    """Return the writable fields of the body, checked against the other labels of the mailbox."""
    if asked.body.get("id") not in (None, label.get("id")) and "id" in label:
        raise invalid("Invalid label id")
    values = {key: asked.body[key] for key in WRITABLE if asked.body.get(key) is not None}
    name = str(values.get("name", label["name"]))
    reserved = name.upper() in SYSTEM
    if not name or name != name.strip() or name.strip("/") != name or len(name) > MAX_NAME_CHARS or reserved:
        raise invalid("Invalid label name")
    known = box.label_named(name)
    if known is not None and known["id"] != label.get("id"):
        reason = asked.customer.behaviour.label_conflict
        raise refused(409, reason, "Label name exists or conflicts", name=CONFLICTS[reason])
    if "color" in values:
        _check_colors(values["color"])
    return values


def _check_colors(color: Mapping[str, str]) -> None:
    for name in ("backgroundColor", "textColor"):
        value = color.get(name, "")
        if value not in PALETTE:
            raise invalid(f"Label color {value} is not on the allowed color palette")


def _label(asked: Asked, box: Mailbox) -> Record:
    key = asked.args["id"]
    if key in SYSTEM:
        return {"id": key, "name": key, "type": "system"}
    if key not in box.labels:
        raise refused(404, "notFound", "Requested entity was not found.", name="NOT_FOUND")
    return box.labels[key]


def _own(asked: Asked, box: Mailbox) -> Record:
    label = _label(asked, box)
    if label["type"] == "system":
        raise invalid(f"Invalid label: {label['id']} belongs to the system")
    return label


WORK = {
    "gmail.users.labels.list": _list,
    "gmail.users.labels.get": _get,
    "gmail.users.labels.create": _create,
    "gmail.users.labels.patch": _patch,
    "gmail.users.labels.update": _update,
    "gmail.users.labels.delete": _delete,
}
