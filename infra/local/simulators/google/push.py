"""Pub/Sub's push subscription: the bodies, the signed token, and delivery that goes on until it is acknowledged."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from infra.local.simulators.google import application
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.state import PUSH_AUDIENCE, Endpoint, Google
from infra.local.simulators.wire import Answer, Record

SUBSCRIPTION = f"projects/{application.PROJECT}/subscriptions/gmail-push"
ACKNOWLEDGED = frozenset({102, 200, 201, 202, 204})
KEPT = 7 * 86_400  # seconds of the simulated clock
MAX_PAUSE_SECONDS = 10  # real seconds
POLL = 0.05  # real seconds; nothing tells the loop of a delivery made in another thread
PUSHES_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Pending:
    """One copy of a push that nobody has acknowledged yet."""

    customer: Customer
    user: str
    push: Record

    @property
    def key(self) -> tuple[str, int]:
        """What tells this copy from every other push."""
        return self.push["messageId"], self.push["copy"]


def aim(google: Google, body: Any) -> Answer:
    """Do `POST /_sim/push-endpoint`."""
    url = body["url"]
    if url is not None and urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
        raise ValueError("Pushes go to this machine only.")
    google.push_endpoint = Endpoint(url=url, audience=body.get("audience") or url or PUSH_AUDIENCE)
    return Answer(body=dataclasses.asdict(google.push_endpoint))


def take(google: Google) -> Answer:
    """Do `GET /_sim/pushes`: hand over what is pending, as it would have been posted."""
    endpoint = google.push_endpoint
    found = pending(google)
    pushes = []
    for one in found:
        pushes.append({"headers": headers(google, endpoint.audience), "body": body_of(one)})
        _acknowledge(one)
    return Answer(body={"pushes": pushes})


def pending(google: Google) -> list[Pending]:
    """Return the pushes to deliver, in the order in which they will be tried. What is too old is dropped."""
    limit = google.clock.seconds() - KEPT
    found = []
    for one in _all_pending(google):
        if one.push["at"] < limit:
            _acknowledge(one)
        else:
            found.append(one)
    found.sort(key=lambda one: (one.push["at"], one.push["historyId"], one.push["copy"]))
    if any(one.customer.behaviour.push_shuffle for one in found):
        found.reverse()
    return found


def headers(google: Google, audience: str) -> dict[str, str]:
    """Return the headers of a push: it proves itself with a token of the subscription's service account."""
    now = int(google.clock.seconds())
    claims = {
        "aud": audience,
        "azp": application.PUSH_SUBJECT,
        "email": application.PUSH_ACCOUNT,
        "email_verified": True,
        "sub": application.PUSH_SUBJECT,
        "iss": "https://accounts.google.com",
        "iat": now,
        "exp": now + 3600,
    }
    return {"authorization": f"Bearer {google.signer.sign(claims)}", "content-type": "application/json"}


def body_of(one: Pending) -> str:
    """Return the wrapped body, with each of its names in both spellings."""
    number: int | str = one.push["historyId"]
    # Seen both ways; the parity of the number decides, so that a duplicate says the same.
    if one.push["historyId"] % 2:
        number = str(number)
    known = one.customer.users.get(one.user) or one.customer.deleted_users.get(one.user) or {}
    data = json.dumps({"emailAddress": known.get("primaryEmail", ""), "historyId": number}, separators=(",", ":"))
    published = datetime.fromtimestamp(one.push["at"], UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = {
        "data": base64.b64encode(data.encode()).decode(),
        "messageId": one.push["messageId"],
        "message_id": one.push["messageId"],
        "publishTime": published,
        "publish_time": published,
    }
    return json.dumps({"message": message, "subscription": SUBSCRIPTION}, separators=(",", ":"))


class Pusher:
    """Posts what is pending to the endpoint, again and again until it is acknowledged or too old."""

    def __init__(self, google: Google, lock: AbstractContextManager[Any]) -> None:
        self._google = google
        self._lock = lock
        self._pauses: dict[tuple[str, int], tuple[float, float]] = {}  # how long, and until when

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            while True:
                await self._round(client)
                await asyncio.sleep(POLL)

    async def _round(self, client: httpx.AsyncClient) -> None:
        endpoint = self._google.push_endpoint
        if endpoint.url is None:
            self._pauses.clear()
            return
        with self._lock:
            found = pending(self._google)
        now = asyncio.get_running_loop().time()
        due = [one for one in found if self._pauses.get(one.key, (0, 0))[1] <= now]
        await asyncio.gather(*(self._post(client, endpoint, one) for one in due[:PUSHES_AT_ONCE]))

    async def _post(self, client: httpx.AsyncClient, endpoint: Endpoint, one: Pending) -> None:
        with self._lock:
            content, given = body_of(one), headers(self._google, endpoint.audience)
        try:
            answer = await client.post(endpoint.url or "", content=content, headers=given)
            acknowledged = answer.status_code in ACKNOWLEDGED
        except httpx.HTTPError:  # Nobody listens, or nobody answers: the same as a refusal.
            acknowledged = False
        if acknowledged:
            self._pauses.pop(one.key, None)
            with self._lock:
                _acknowledge(one)
            return
        pause = min(MAX_PAUSE_SECONDS, 2 * self._pauses.get(one.key, (0.5, 0))[0])
        self._pauses[one.key] = (pause, asyncio.get_running_loop().time() + pause)


def _all_pending(google: Google) -> Iterator[Pending]:
    for customer in google.customers.values():
        for user, box in list(customer.mailboxes.items()):
            for push in box.pushes:
                yield Pending(customer=customer, user=user, push=push)


def _acknowledge(one: Pending) -> None:
    """Forget one copy. The cloud may have gone back to a saved moment meanwhile: then it is pending again."""
    box = one.customer.mailboxes.get(one.user)
    if box is not None:
        left = tuple(push for push in box.pushes if push != one.push)
        one.customer.mailboxes[one.user] = dataclasses.replace(box, pushes=left)
