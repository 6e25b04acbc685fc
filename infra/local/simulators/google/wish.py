"""One action of a customer's administrator or of its people, as it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.local.simulators.google.activities import event, log
from infra.local.simulators.google.customer import Customer
from infra.local.simulators.google.state import Google
from infra.local.simulators.wire import Record


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One action as it was asked for."""

    google: Google
    customer: Customer
    body: Mapping[str, Any]
    actor: Record | None
    now: datetime

    @property
    def user(self) -> Record:
        """The user it is about, deleted or not."""
        key = self.body["user"]
        found = self.customer.user(key) or self.customer.deleted_users.get(key) or self.customer.deleted_user(key)
        if found is None:
            raise ValueError(f"There is no user {key!r}.")
        return found

    def log(self, kind: str, name: str, **parameters: str | list[str]) -> None:
        """Write into the admin log what was done."""
        log(self.customer, "admin", event(kind, name, **parameters), actor=self.actor, now=self.now)
