"""What Gmail calls cost, and the refusal of those who spent their minute."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from infra.local.simulators.google.api.host import Asked
from infra.local.simulators.google.api.refusals import refused
from infra.local.simulators.google.gmail.mailbox import Mailbox
from infra.local.simulators.wire import Refusal

# The units of projects that began after 1 May 2026.
UNITS = {
    "gmail.users.getProfile": 1,
    "gmail.users.watch": 100,
    "gmail.users.stop": 50,
    "gmail.users.history.list": 2,
    "gmail.users.labels.list": 1,
    "gmail.users.labels.get": 1,
    "gmail.users.labels.create": 5,
    "gmail.users.labels.patch": 5,
    "gmail.users.labels.update": 5,
    "gmail.users.labels.delete": 5,
    "gmail.users.messages.list": 5,
    "gmail.users.messages.get": 20,
    "gmail.users.messages.modify": 5,
    "gmail.users.messages.batchModify": 50,
    "gmail.users.messages.trash": 20,
    "gmail.users.messages.untrash": 20,
}
PER_USER = 6_000
PER_PROJECT = 1_200_000


def charged(asked: Asked, box: Mailbox) -> Mailbox:
    """Return the mailbox with this call paid for; without enough units left in this minute it is refused."""
    minute = int(asked.now.timestamp()) // 60
    units = UNITS[asked.method]
    user = units + (box.spent[1] if box.spent[0] == minute else 0)
    if user > PER_USER:
        raise exhausted(asked, minute, "User-rate limit exceeded.")
    project = units + sum(
        customer.spent[1] for customer in asked.google.customers.values() if customer.spent[0] == minute
    )
    if project > PER_PROJECT:
        raise exhausted(asked, minute, "Project-rate limit exceeded.")
    own = asked.customer.spent
    asked.customer.spent = (minute, units + (own[1] if own[0] == minute else 0))
    return dataclasses.replace(box, spent=(minute, user))


def exhausted(asked: Asked, minute: int, sentence: str) -> Refusal:
    """Return the refusal; when to come back stands nowhere but in its message, after two spaces."""
    end = datetime.fromtimestamp((minute + 1) * 60, UTC)
    message = f"{sentence}  Retry after {end:%Y-%m-%dT%H:%M:%S}.000Z"
    if asked.customer.behaviour.quota_status == 429:
        return refused(429, "userRateLimitExceeded", message, domain="usageLimits", name="RESOURCE_EXHAUSTED")
    return refused(403, "rateLimitExceeded", message, domain="usageLimits", name="PERMISSION_DENIED")
