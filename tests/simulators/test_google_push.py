"""What tells of new mail: the history, the watch and its pushes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import httpx
import jwt
import pytest

from tests.simulators.google_box import RISKY, Box, notice
from tests.simulators.google_caller import GoogleCaller, refusal

# History


def test_history_is_ascending_and_paged(box: Box) -> None:
    start = box.position()
    keys = box.deliver(count=4)
    records = box.history(start, maxResults=2)
    ids = [int(one["id"]) for one in records]
    assert ids == sorted(set(ids))
    assert [one["messagesAdded"][0]["message"]["id"] for one in records if "messagesAdded" in one] == keys
    # Some records say no more than which message they are about.
    assert any(set(one) == {"id", "messages"} for one in records)
    assert box.history(box.position()) == []
    box.google.behave(history_bare_records=False)
    assert len(box.history(start)) == 4


def test_history_by_kind_and_label(box: Box) -> None:
    box.google.behave(history_bare_records=False)
    start = box.position()
    (key,) = box.deliver()
    label = box.post("/labels", RISKY)["id"]
    box.post(f"/messages/{key}/modify", {"addLabelIds": [label], "removeLabelIds": ["INBOX"]})
    kinds = [next(iter(set(one) - {"id", "messages"})) for one in box.history(start)]
    assert kinds == ["messagesAdded", "labelsAdded", "labelsRemoved"]
    assert len(box.history(start, historyTypes=["messageAdded", "labelAdded"])) == 2
    assert len(box.history(start, labelId=label)) == 2
    assert len(box.history(start, labelId="INBOX", historyTypes="labelRemoved")) == 1


@pytest.mark.parametrize(("start", "status"), [("1", 404), ("999999999", 404), ("", 400), ("abc", 400)])
def test_history_from_nowhere(box: Box, start: str, status: int) -> None:
    box.deliver()
    assert box.ask("GET", "/history", startHistoryId=start).status_code == status


def test_history_is_forgotten(box: Box) -> None:
    start = box.position()
    box.deliver()
    body = {"tenant": box.google.tenant, "user": box.address}
    assert box.google.control("POST", "/forget-history", body).status_code == 200
    answer = box.ask("GET", "/history", startHistoryId=start)
    assert refusal(answer) == (404, "notFound", "Requested entity was not found.")
    assert box.history(box.position()) == []


def test_history_grows_old(box: Box) -> None:
    start = box.position()
    box.deliver()
    box.later(8 * 86_400)
    assert box.ask("GET", "/history", startHistoryId=start).status_code == 404


# The watch and its pushes


def test_a_watch_lasts_seven_days_and_is_extended(box: Box) -> None:
    first = box.watch()
    assert first["historyId"] == box.position()
    box.later(86_400)
    assert int(box.watch(labelFilterBehavior="INCLUDE")["expiration"]) - int(first["expiration"]) >= 86_400_000
    box.deliver()
    assert len(box.pushes()) == 1
    box.later(7 * 86_400)
    box.deliver()
    assert box.pushes() == []


@pytest.mark.parametrize(
    ("topic", "labels"), [("projects/another/topics/gmail", ["INBOX"]), ("gmail", ["INBOX"]), ("", []), (None, ["No"])]
)
def test_impossible_watches(box: Box, topic: str | None, labels: list[str]) -> None:
    body = {"topicName": box.topic if topic is None else topic, "labelIds": labels}
    assert refusal(box.ask("POST", "/watch", body))[:2] == (400, "invalidArgument")


def test_one_topic_at_a_time(box: Box) -> None:
    box.watch()
    other = {"topicName": f"{box.topic}-2", "labelIds": ["INBOX"]}
    assert box.ask("POST", "/watch", other).status_code == 400
    stopped = box.ask("POST", "/stop")
    assert (stopped.status_code, stopped.content) == (204, b"")
    assert box.ask("POST", "/watch", other).status_code == 200


def test_gmail_may_not_publish(box: Box) -> None:
    box.google.behave(topic_publisher=False)
    status, reason, message = refusal(box.ask("POST", "/watch", {"topicName": box.topic}))
    assert (status, reason) == (403, "forbidden")
    assert (
        message
        == f"Error sending test message to Cloud PubSub {box.topic} : User not authorized to perform this action."
    )


def test_which_changes_are_pushed(box: Box) -> None:
    (key,) = box.deliver()
    box.watch()
    box.deliver(labelIds=["SPAM"])
    assert box.pushes() == []
    box.post(f"/messages/{key}/modify", {"addLabelIds": ["STARRED"]})
    assert len(box.pushes()) == 1
    box.google.behave(push_label_changes=False)
    box.later(2)
    box.post(f"/messages/{key}/modify", {"removeLabelIds": ["STARRED"]})
    assert box.pushes() == []
    box.watch(labelFilterBehavior="exclude")
    box.deliver()
    assert box.pushes() == []
    box.deliver(labelIds=["SPAM"])
    assert len(box.pushes()) == 1


def test_shape_and_proof_of_a_push(box: Box) -> None:
    box.watch()
    box.deliver()
    (one,) = box.google.control("GET", "/pushes").json()["pushes"]
    body = json.loads(one["body"])
    message = body["message"]
    assert message["messageId"] == message["message_id"]
    assert message["publishTime"] == message["publish_time"]
    assert notice(body)["emailAddress"] == box.address
    assert int(notice(body)["historyId"]) <= int(box.position())
    token = one["headers"]["authorization"].removeprefix("Bearer ")
    settings = box.google.sims.settings
    keys = jwt.PyJWKSet.from_dict(httpx.get(settings["FOOTPRINT_GOOGLE__CERTS_URL"], trust_env=False).json())
    key = next(key for key in keys.keys if key.key_id == jwt.get_unverified_header(token)["kid"])
    audience = "http://127.0.0.1:8080/api/notifications/gmail"
    claims = jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer="https://accounts.google.com")
    assert claims["email"] == settings["FOOTPRINT_GOOGLE__PUSH_ACCOUNT"]
    assert claims["email_verified"] is True
    assert claims["exp"] - claims["iat"] == 3600


def test_pushes_are_dropped_doubled_and_shuffled(box: Box) -> None:
    box.watch()
    box.deliver(count=5)
    assert len(box.pushes()) == 1
    box.google.behave(push_drop=False, push_duplicates=2)
    box.deliver(count=5)
    pushes = box.pushes()
    assert (len(pushes), len({one["message"]["messageId"] for one in pushes})) == (15, 5)
    assert {type(notice(one)["historyId"]) for one in pushes} == {int, str}
    numbers = [int(notice(one)["historyId"]) for one in pushes]
    assert numbers == sorted(numbers)
    box.google.behave(push_shuffle=True)
    box.deliver(count=3)
    numbers = [int(notice(one)["historyId"]) for one in box.pushes()]
    assert numbers != sorted(numbers)


def test_pushes_are_kept_for_seven_days(box: Box) -> None:
    box.watch()
    box.deliver()
    saved = box.google.sims.cloud.save()
    assert len(box.pushes()) == 1
    for days, left in ((6.9, 1), (7.1, 0)):
        box.google.sims.cloud.restore(saved)
        box.later(days * 86_400)
        assert len(box.pushes()) == left


class Receiver(BaseHTTPRequestHandler):
    """Refuses the first push, and takes the rest."""

    answers: ClassVar[list[int]] = []
    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(self.answers.pop(0) if self.answers else 204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint(google: GoogleCaller) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Receiver.answers[:], Receiver.bodies[:] = [503], []
    yield f"http://127.0.0.1:{server.server_port}/api/notifications/gmail"
    google.control("POST", "/push-endpoint", {"url": None})
    server.shutdown()
    server.server_close()
    thread.join()


def test_pushes_are_posted_until_taken(box: Box, endpoint: str) -> None:
    box.watch()
    box.deliver()
    assert box.google.control("POST", "/push-endpoint", {"url": endpoint}).status_code == 200
    limit = time.monotonic() + 10
    while len(Receiver.bodies) < 2 and time.monotonic() < limit:
        time.sleep(0.02)
    first, second = Receiver.bodies
    assert first == second
    assert notice(json.loads(first))["emailAddress"] == box.address
    time.sleep(0.2)
    assert box.pushes() == []
    assert box.google.control("POST", "/push-endpoint", {"url": "http://example.com/"}).status_code == 400
