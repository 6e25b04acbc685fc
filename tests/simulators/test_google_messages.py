"""Messages in Gmail: read in every form, searched, labelled, thrown away and deleted."""

from __future__ import annotations

import base64
import json
from email.message import EmailMessage
from typing import Any

import pytest

from tests.simulators.google_box import RISKY, Box
from tests.simulators.google_caller import refusal


def test_a_message_in_four_formats(box: Box) -> None:
    (key,) = box.deliver(subject="Größe", body="Line one\r\nLine two\r\n")
    minimal = box.get(f"/messages/{key}", format="minimal")
    assert "payload" not in minimal
    assert minimal["snippet"] == "Line one Line two"
    assert isinstance(minimal["internalDate"], str)
    full = box.get(f"/messages/{key}")
    assert base64.urlsafe_b64decode(full["payload"]["body"]["data"]) == b"Line one\r\nLine two\r\n"
    raw = base64.urlsafe_b64decode(box.get(f"/messages/{key}", format="raw")["raw"]).decode()
    assert raw.endswith("\r\n\r\nLine one\r\nLine two\r\n")
    some = box.get(f"/messages/{key}", format="metadata", metadataHeaders=["subject", "Message-ID"])
    assert [one["name"] for one in some["payload"]["headers"]] == ["Message-ID", "Subject"]


@pytest.mark.parametrize(("key", "status"), [("19aabbccddeeff00", 404), ("not hex", 400)])
def test_a_message_that_is_not_there(box: Box, key: str, status: int) -> None:
    assert box.ask("GET", f"/messages/{key}").status_code == status


def test_listing_pages_newest_first(box: Box) -> None:
    made = box.deliver(count=5)
    first = box.get("/messages", maxResults=2)
    box.deliver()  # what arrives in between does not shift the pages
    second = box.get("/messages", maxResults=2, pageToken=first["nextPageToken"])
    third = box.get("/messages", maxResults=2, pageToken=second["nextPageToken"])
    assert [one["id"] for page in (first, second, third) for one in page["messages"]] == made[::-1]
    assert "nextPageToken" not in third
    assert box.ask("GET", "/messages", maxResults=2, pageToken=first["nextPageToken"], q="in:inbox").status_code == 400
    assert box.ask("GET", "/messages", maxResults=501).status_code == 400


def test_searching(box: Box) -> None:
    (old,) = box.deliver()
    box.later(3 * 86_400)
    (new,) = box.deliver()
    label = box.post("/labels", RISKY)["id"]
    box.post(f"/messages/{new}/modify", {"addLabelIds": [label], "removeLabelIds": ["INBOX"]})

    def found(**query: Any) -> list[str]:
        return [one["id"] for one in box.get("/messages", **query).get("messages", [])]

    since = int(box.get(f"/messages/{new}", format="minimal")["internalDate"]) // 1000
    assert found() == [new, old]
    assert found(q="newer_than:2d") == found(q="newer_than:5h") == found(q=f"after:{since}") == [new]
    assert found(q="in:inbox newer_than:9d") == found(labelIds="INBOX") == [old]
    assert found(q='label:"risky (by trend micro)"') == found(q="label:Risky-(by-Trend-Micro)") == [new]
    box.post(f"/messages/{new}/trash")
    assert found() == [old]
    assert found(includeSpamTrash="true") == [new, old]
    assert found(labelIds="TRASH") == [new]
    assert box.ask("GET", "/messages", q="from:ann").status_code == 501


def test_metadata_scope_reads_no_bodies(box: Box) -> None:
    (key,) = box.deliver()
    scopes = ["https://www.googleapis.com/auth/gmail.metadata"]

    def ask(path: str, **query: Any) -> int:
        path = f"/users/me{path}"
        return box.google.gmail("GET", path, subject=box.address, scopes=scopes, params=query).status_code

    assert (ask("/messages", q="in:inbox"), ask(f"/messages/{key}")) == (403, 403)
    assert (ask("/messages"), ask(f"/messages/{key}", format="metadata")) == (200, 200)


def test_labels_of_a_message_change_once(box: Box) -> None:
    (key,) = box.deliver()
    label = box.post("/labels", RISKY)["id"]
    start = box.position()
    for _ in range(2):
        changed = box.post(f"/messages/{key}/modify", {"addLabelIds": [label]})
        assert changed["labelIds"].count(label) == 1
    (record,) = [one for one in box.history(start) if "labelsAdded" in one]
    assert record["labelsAdded"][0]["labelIds"] == [label]
    assert "INBOX" in changed["labelIds"]


@pytest.mark.parametrize(
    "body",
    [
        {"addLabelIds": ["Label_99"]},
        {"removeLabelIds": ["SENT"]},
        {"addLabelIds": ["STARRED"], "removeLabelIds": ["STARRED"]},
        {"addLabelIds": ["STARRED"] * 101},
        {},
    ],
)
def test_impossible_changes_of_labels(box: Box, body: Any) -> None:
    (key,) = box.deliver()
    status, reason, message = refusal(box.ask("POST", f"/messages/{key}/modify", body))
    assert (status, reason) == (400, "invalidArgument")
    if "Label_99" in str(body):
        assert message == "Invalid label: Label_99"


def test_many_messages_at_once(box: Box) -> None:
    keys = box.deliver(count=3)
    answer = box.ask("POST", "/messages/batchModify", {"ids": [*keys, "19aa"], "addLabelIds": ["STARRED"]})
    assert (answer.status_code, answer.content) == (204, b"")
    assert len(box.get("/messages", labelIds="STARRED")["messages"]) == 3
    too_many = {"ids": ["19aa"] * 1001, "addLabelIds": ["STARRED"]}
    assert box.ask("POST", "/messages/batchModify", too_many).status_code == 400


def test_trash_and_back(box: Box) -> None:
    (key,) = box.deliver()
    assert "TRASH" in box.post(f"/messages/{key}/trash")["labelIds"]
    assert "TRASH" not in box.post(f"/messages/{key}/untrash")["labelIds"]


# Labels


def test_a_message_that_is_given_whole_is_printed_from_its_bytes(box: Box) -> None:
    message = EmailMessage()
    message["From"] = "Grüne Wiese <wiese@elsewhere.example>"
    message["Subject"] = "A very long subject " * 8
    message["Authentication-Results"] = "mx.google.com; spf=pass"
    message["Authentication-Results"] = "mx.google.com; spf=fail"
    message.set_content("Plain")
    message.add_alternative("<p>Page</p>", subtype="html")
    message.add_attachment(b"PK\x03\x04" + b"\0" * 6000, maintype="application", subtype="zip", filename="a.zip")
    raw = message.as_bytes()
    (key,) = box.deliver(raw=base64.urlsafe_b64encode(raw).decode())
    found = box.get(f"/messages/{key}", format="raw")
    assert base64.urlsafe_b64decode(found["raw"]) == raw
    assert found["sizeEstimate"] == len(raw)
    some = box.get(f"/messages/{key}", format="metadata", metadataHeaders=["authentication-results", "Subject"])
    headers = [(one["name"], one["value"]) for one in some["payload"]["headers"]]
    assert [name for name, _ in headers] == ["Subject", "Authentication-Results", "Authentication-Results"]
    assert headers[0][1].count("A very long subject") == 8
    assert "\n" not in headers[0][1]
    full = box.get(f"/messages/{key}")["payload"]
    assert [one["mimeType"] for one in full["parts"]] == ["multipart/alternative", "application/zip"]
    assert [one["partId"] for one in full["parts"][0]["parts"]] == ["0.0", "0.1"]
    assert base64.urlsafe_b64decode(full["parts"][0]["parts"][1]["body"]["data"]).strip() == b"<p>Page</p>"
    assert full["parts"][1]["body"]["size"] == 6004
    assert "attachmentId" in full["parts"][1]["body"]
    boxes = json.loads(box.google.snapshot())["mailboxes"].values()
    (shown,) = [one for mailbox in boxes for one in mailbox["messages"] if one["id"] == key]
    assert shown["subject"].startswith("A very long subject")


def test_what_lies_in_the_trash_or_among_the_spam_for_thirty_days_is_gone(box: Box) -> None:
    trashed, spam, kept, back = box.deliver(4)
    box.post(f"/messages/{trashed}/trash")
    box.post(f"/messages/{spam}/modify", {"addLabelIds": ["SPAM"], "removeLabelIds": ["INBOX"]})
    box.post(f"/messages/{back}/trash")
    box.later(29 * 86_400)
    box.post(f"/messages/{back}/untrash")
    start = box.position()
    box.later(2 * 86_400)
    assert box.ask("GET", f"/messages/{trashed}").status_code == 404
    assert box.ask("GET", f"/messages/{spam}").status_code == 404
    assert {box.get(f"/messages/{one}")["id"] for one in (kept, back)} == {kept, back}
    deleted = {
        one["messagesDeleted"][0]["message"]["id"]
        for one in box.history(start, historyTypes="messageDeleted")
        if "messagesDeleted" in one
    }
    assert deleted == {trashed, spam}


def test_a_message_is_moved_and_deleted_by_its_owner(box: Box) -> None:
    (key,) = box.deliver()
    box.google.administer("move-message", user=box.address, message=key, add=["TRASH"], remove=["INBOX"])
    assert "TRASH" in box.get(f"/messages/{key}")["labelIds"]
    box.google.administer("delete-message", user=box.address, message=key)
    assert box.ask("GET", f"/messages/{key}").status_code == 404
