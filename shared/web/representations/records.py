"""The records of a connection as JSON: the entries of its ledger and its log of calls."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from shared.connections.call_log import LoggedOperation
from shared.engine.chain import Act, Image, LedgerEntry
from shared.web.schema import Next, When, example


@example(
    {
        "connection": "5f0c1d9be7a84c0f9a3be1f0c2d4a6b8",
        "number": 12,
        "at": "2026-11-24T09:14:31+00:00",
        "generation": 1,
        "key": "rule",
        "act": "create",
        "actor": None,
        "subject": None,
        "state": "done",
        "intent": 11,
        "identity": "8c1f2a",
        "before": None,
        "after": {"enabled": True},
        "request_id": "c7d0",
        "note": None,
        "previous_hash": "0" * 64,
        "hash": "1" * 64,
        "salts": {"identity": "2" * 32, "after": "3" * 32},
        "erased": None,
    }
)
class LedgerEntryJson(TypedDict):
    """An entry of the ledger, with its place in the chain."""

    connection: str
    number: int
    at: When
    generation: int
    key: Annotated[str, Field(description="what it is about: a row of the published table, with its element")]
    act: Act
    actor: Annotated[str | None, Field(description="who acted, or asked for it; null is the service itself")]
    subject: Annotated[str | None, Field(description="the account of that: its issuer, and the issuer's id of it")]
    state: Annotated[str, Field(description="`intended` before a call, then what came of it")]
    intent: Annotated[int | None, Field(description="the number of the entry whose outcome this is")]
    identity: Annotated[str | None, Field(description="the platform's own id of the object")]
    before: Image | None
    after: Image | None
    request_id: Annotated[str | None, Field(description="the platform's id of the call")]
    note: str | None
    previous_hash: str
    hash: Annotated[str, Field(description="SHA-256 of the entry with `previous_hash`, so that none can be changed")]
    salts: Annotated[
        dict[str, str] | None,
        Field(description="by field: the salt of a text that stands in the hash as HMAC-SHA256 of salt and text"),
    ]
    erased: Annotated[dict[str, str] | None, Field(description="by field: that HMAC of a text that was emptied")]


class OperationJson(TypedDict):
    """A call made with the service's own account."""

    id: str
    connection: str
    at: When
    run: Annotated[str, Field(description="what it was a part of")]
    client: str
    subject: Annotated[str | None, Field(description="who was impersonated")]
    method: Annotated[str, Field(description="the platform's own name for it")]
    target: Annotated[str | None, Field(description="the id of the object")]
    status: int | None
    reason: str | None
    attempt: int
    milliseconds: int
    quota: int


class LedgerPage(TypedDict):
    """Some of the ledger, in order."""

    entries: list[LedgerEntryJson]
    next: Next


class OperationPage(TypedDict):
    """Some of the log of calls, in order."""

    operations: list[OperationJson]
    next: Next


def ledger_entry(entry: LedgerEntry) -> LedgerEntryJson:
    """An entry of the ledger, in the order of its table's columns."""
    return {
        "connection": entry.connection,
        "number": entry.number,
        "at": entry.at.isoformat(),
        "generation": entry.generation,
        "key": entry.key,
        "act": entry.act,
        "actor": entry.actor,
        "subject": entry.subject,
        "state": entry.state,
        "intent": entry.intent,
        "identity": entry.identity,
        "before": entry.before,
        "after": entry.after,
        "request_id": entry.request_id,
        "note": entry.note,
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
        "salts": dict(entry.salts) if entry.salts is not None else None,
        "erased": dict(entry.erased) if entry.erased is not None else None,
    }


def operation(call: LoggedOperation, name: str) -> OperationJson:
    """A call of the log by its name outside, in the order of its table's columns."""
    return {
        "id": name,
        "connection": call.connection,
        "at": call.at.isoformat(),
        "run": call.run,
        "client": call.client,
        "subject": call.subject,
        "method": call.method,
        "target": call.target,
        "status": call.status,
        "reason": call.reason,
        "attempt": call.attempt,
        "milliseconds": call.milliseconds,
        "quota": call.quota,
    }
