"""One user's mailbox for the tests, asked through the Gmail API as that user."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx

from tests.simulators.google_caller import GoogleCaller

RISKY = {"name": "Risky (by Trend Micro)", "labelListVisibility": "labelShow", "messageListVisibility": "show"}


class Box:
    """One user's mailbox, asked through the API as that user."""

    def __init__(self, google: GoogleCaller, address: str) -> None:
        self.google = google
        self.address = address
        self.topic = google.sims.settings["FOOTPRINT_GOOGLE__TOPIC"]

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return self.google.gmail(method, f"/users/me{path}", body, subject=self.address, params=query)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.ask("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        answer = self.ask("POST", path, body)
        assert answer.status_code in (200, 204), answer.text
        return dict(answer.json()) if answer.content else {}

    def later(self, seconds: float) -> None:
        """Let time pass; the tokens of before may not live so long."""
        self.google.advance(seconds)
        self.google.tokens.clear()

    def deliver(self, count: int = 1, **message: Any) -> list[str]:
        body = {"to": self.address, "from": "ann@elsewhere.example", "subject": "Hello", "count": count, **message}
        return list(self.google.of_tenant("mail", body).json()["ids"])

    def watch(self, **changes: Any) -> dict[str, Any]:
        return self.post("/watch", {"topicName": self.topic, "labelIds": ["INBOX"], **changes})

    def position(self) -> str:
        return str(self.get("/profile")["historyId"])

    def history(self, start: str, **query: Any) -> list[dict[str, Any]]:
        """Follow the history to its end."""
        found, token = [], ""
        while True:
            page = self.get("/history", startHistoryId=start, **query, **({"pageToken": token} if token else {}))
            found += page.get("history", [])
            if not (token := page.get("nextPageToken", "")):
                return found

    def pushes(self) -> list[dict[str, Any]]:
        found = self.google.control("GET", "/pushes").json()["pushes"]
        return [json.loads(one["body"]) for one in found]


def notice(push: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(push["message"]["data"])))


def empty_box(google: GoogleCaller) -> Box:
    """Let the administrator add a user, and return that user's mailbox."""
    google.administer("add-user", email="olive.spinel@orchard.example", name="Olive Spinel")
    return Box(google, "olive.spinel@orchard.example")
