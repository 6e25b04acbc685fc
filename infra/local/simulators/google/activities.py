"""The audit log that Google keeps by itself: how an entry looks, and who is said to have done it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from infra.local.simulators.google.customer import Customer
from infra.local.simulators.wire import Record

ADDRESS = "203.0.113.9"


def event(kind: str, name: str, **parameters: str | list[str] | Mapping[str, str]) -> Record:
    """Return one event of an entry; a list becomes a multi-value, a mapping a nested message."""
    return {"type": kind, "name": name, "parameters": [_parameter(key, one) for key, one in parameters.items()]}


def _parameter(name: str, value: str | list[str] | Mapping[str, str]) -> Record:
    if isinstance(value, str):
        return {"name": name, "value": value}
    if isinstance(value, list):
        return {"name": name, "multiValue": value}
    nested = [{"name": key, "value": one} for key, one in value.items()]
    return {"name": name, "messageValue": {"parameter": nested}}


def log(
    customer: Customer, application: str, what: Record, *, actor: Record | None, now: datetime, client_id: str = ""
) -> None:
    """Append an entry. Under delegation the actor is the impersonated user, which is how Google sees it too."""
    number = len(customer.audit)
    digest = hashlib.blake2b(f"{customer.id} {number}".encode(), digest_size=8).digest()
    who: dict[str, Any] = {"callerType": "KEY", "key": "SYSTEM"}
    if actor is not None:
        who = {"callerType": "USER", "email": actor["primaryEmail"], "profileId": actor["id"]}
    if client_id:
        who["applicationInfo"] = {"oauthClientId": client_id, "impersonation": True}
    entry = {
        "kind": "admin#reports#activity",
        "id": {
            "time": when(now),
            "uniqueQualifier": str(int.from_bytes(digest, "big", signed=True)),
            "applicationName": application,
            "customerId": customer.id,
        },
        "etag": f'"{digest.hex()}"',
        "actor": who,
        "ipAddress": ADDRESS,
        "networkInfo": {"regionCode": "US"},
        "events": [what],
    }
    customer.audit.append(entry)


def when(moment: datetime) -> str:
    """Return a moment as the log writes it; written so, moments sort as text."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
