"""Whose mailbox opens to whom, and what a minute of calls may cost."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.simulators.google_box import Box
from tests.simulators.google_caller import refusal


@pytest.mark.parametrize("user", ["admin@orchard.example", "nobody@elsewhere.example", "olive@orchard.example"])
def test_no_other_mailbox_opens(box: Box, user: str) -> None:
    answer = box.google.gmail("GET", f"/users/{user}/profile", subject=box.address)
    assert refusal(answer) == (403, "forbidden", f"Delegation denied for {user}")


def test_own_address_opens_as_me_does(box: Box) -> None:
    named = box.google.gmail("GET", f"/users/{box.address.upper()}/profile", subject=box.address)
    assert named.json() == box.get("/profile")
    assert isinstance(named.json()["historyId"], str)


def test_mail_service_off_and_on(box: Box) -> None:
    box.google.administer("mail-off", user=box.address)
    assert refusal(box.ask("GET", "/profile")) == (400, "failedPrecondition", "Mail service not enabled")
    box.google.administer("mail-on", user=box.address)
    assert box.ask("GET", "/profile").status_code == 200


def test_service_account_for_itself_has_no_mailbox(box: Box) -> None:
    answer = box.google.gmail("GET", "/users/me/profile", subject=None)
    assert refusal(answer) == (400, "failedPrecondition", "Precondition check failed.")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/messages", {"raw": "YQ=="}, 501),
        ("POST", "/messages/import", {"raw": "YQ=="}, 501),
        ("DELETE", "/messages/19aa", None, 403),  # our scope does not reach so far
        ("GET", "/messages/19aa/attachments/x", None, 501),
    ],
)
def test_what_is_not_simulated_or_not_granted_says_so(box: Box, method: str, path: str, body: Any, status: int) -> None:
    assert box.ask(method, path, body).status_code == status


# Messages


@pytest.mark.parametrize(
    ("knob", "status", "reason"), [(403, 403, "rateLimitExceeded"), (429, 429, "userRateLimitExceeded")]
)
def test_a_minute_is_spent(box: Box, knob: int, status: int, reason: str) -> None:
    box.google.behave(quota_status=knob)
    (key,) = box.deliver()
    box.later(60 - time.time() % 60)  # not so near a minute's end that it would begin anew
    answers = [box.ask("POST", "/watch", {"topicName": box.topic}) for _ in range(59)]
    answers += [box.ask("GET", f"/messages/{key}", format="minimal") for _ in range(6)]
    assert [one.status_code for one in answers] == [200] * 64 + [status]
    code, why, message = refusal(answers[-1])
    assert (code, why) == (status, reason)
    assert re.fullmatch(r"User-rate limit exceeded\.  Retry after \d{4}-\d\d-\d\dT\d\d:\d\d:00\.000Z", message)
    assert "retry-after" not in answers[-1].headers
    assert Box(box.google, "admin@orchard.example").ask("GET", "/profile").status_code == 200
    box.later(60)
    assert box.ask("GET", "/profile").status_code == 200


def test_the_project_has_a_minute_too(box: Box) -> None:
    box.later(60 - time.time() % 60)
    minute = int(box.google.sims.cloud.clock.seconds()) // 60
    box.google.customer_state().spent = (minute, 1_199_999)
    assert box.ask("GET", "/profile").status_code == 200
    status, reason, message = refusal(box.ask("GET", "/profile"))
    assert (status, reason) == (403, "rateLimitExceeded")
    assert message.startswith("Project-rate limit exceeded.  Retry after ")


# Whole messages, and what becomes of those in the trash
