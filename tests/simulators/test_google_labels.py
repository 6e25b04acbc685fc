"""Labels in Gmail: their names, what is refused, and what becomes of the messages that bear them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.simulators.google_box import RISKY, Box
from tests.simulators.google_caller import refusal

RED = {"backgroundColor": "#cc3a21", "textColor": "#ffffff"}


@pytest.mark.parametrize("reason", ["aborted", "duplicate", "alreadyExists"])
def test_label_names_conflict_in_any_letter_case(box: Box, reason: str) -> None:
    box.google.behave(label_conflict=reason)
    made = box.post("/labels", {**RISKY, "color": RED})
    assert (made["type"], made["color"]) == ("user", RED)
    again = box.ask("POST", "/labels", {**RISKY, "name": RISKY["name"].upper()})
    assert refusal(again) == (409, reason, "Label name exists or conflicts")
    other = box.post("/labels", {**RISKY, "name": "Other"})
    assert box.ask("PATCH", f"/labels/{other['id']}", {"name": RISKY["name"]}).status_code == 409
    assert box.ask("PATCH", f"/labels/{made['id']}", {"name": RISKY["name"].upper()}).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"color": {"backgroundColor": "#cc3a21"}},
        {"color": {"backgroundColor": "#cc3a22", "textColor": "#ffffff"}},
        {"name": "Inbox"},
        {"name": " Risky"},
        {"name": "Risky/"},
        {"name": ""},
        {"labelListVisibility": "sometimes"},
        {"messagesTotl": 1},
    ],
)
def test_impossible_labels(box: Box, changes: dict[str, Any]) -> None:
    assert box.ask("POST", "/labels", {**RISKY, **changes}).status_code == 400


def test_a_label_from_making_to_deleting(box: Box) -> None:
    (key,) = box.deliver()
    label = box.post("/labels", RISKY)["id"]
    box.post(f"/messages/{key}/modify", {"addLabelIds": [label]})
    counted = box.get(f"/labels/{label}")
    assert (counted["messagesTotal"], counted["messagesUnread"]) == (1, 1)
    box.google.administer("rename-label", user=box.address, name=RISKY["name"], to="Suspicious")
    listed = {one["id"]: one["name"] for one in box.get("/labels")["labels"]}
    assert (listed[label], listed["INBOX"]) == ("Suspicious", "INBOX")
    replaced = box.ask("PUT", f"/labels/{label}", {**RISKY, "id": label, "name": "Risky again"}).json()
    assert (replaced["id"], replaced["name"]) == (label, "Risky again")
    assert box.ask("DELETE", "/labels/INBOX").status_code == 400
    assert box.ask("DELETE", f"/labels/{label}").content == b""
    assert label not in box.get(f"/messages/{key}", format="minimal")["labelIds"]
    assert box.ask("GET", f"/labels/{label}").status_code == 404
    # An identity is never given twice.
    assert box.post("/labels", RISKY)["id"] != label


def test_a_mailbox_is_full_of_labels(box: Box) -> None:
    boxes = box.google.customer_state().mailboxes
    box.post("/labels", RISKY)
    key = next(reversed(boxes))
    many = {f"Label_{number}": {"id": f"Label_{number}", "name": f"Label {number}"} for number in range(10_000)}
    boxes[key] = dataclasses.replace(boxes[key], labels=many)
    assert refusal(box.ask("POST", "/labels", RISKY))[:2] == (400, "invalidArgument")


def test_a_label_deleted_by_its_owner(box: Box) -> None:
    (key,) = box.deliver()
    label = box.post("/labels", RISKY)["id"]
    box.google.administer("delete-label", user=box.address, name=RISKY["name"])
    answer = box.ask("POST", f"/messages/{key}/modify", {"addLabelIds": [label]})
    assert refusal(answer) == (400, "invalidArgument", f"Invalid label: {label}")


# Quota
