"""Refusals of Graph, in its one error shape."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from infra.local.simulators.wire import Answer, Refusal


def graph_refusal(status: int, code: str, text: str, **more: Any) -> Refusal:
    """Return a refusal; the inner error is completed with the request's identities on its way out."""
    inner = {"date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "request-id": str(uuid.uuid4())}
    return Refusal(Answer(status=status, body={"error": {"code": code, "message": text, **more, "innerError": inner}}))


def bad_request(text: str, **more: Any) -> Refusal:
    """A value, or a body, Graph does not take."""
    return graph_refusal(400, "Request_BadRequest", text, **more)


def unsupported_query(text: str) -> Refusal:
    """A query option, or a combination of them, Graph does not take here."""
    return graph_refusal(400, "Request_UnsupportedQuery", text)


def missing(identity: str) -> Refusal:
    """No such object, or none that may be seen yet."""
    text = f"Resource '{identity}' does not exist or one of its queried reference-property objects are not present."
    return graph_refusal(404, "Request_ResourceNotFound", text)


def denied(text: str = "Insufficient privileges to complete the operation.") -> Refusal:
    """The token is good, and does not carry a permission that suffices."""
    return graph_refusal(403, "Authorization_RequestDenied", text)


# What Graph says with a status of "not now", or of one object (learn.microsoft.com/graph/errors).
WORDS = {
    400: ("Request_BadRequest", "The object cannot be added."),
    403: ("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    404: (
        "Request_ResourceNotFound",
        "Resource does not exist or one of its queried reference-property objects are not.",
    ),
    409: ("Directory_ConcurrencyViolation", "The object was changed by another request at the same time."),
    423: ("resourceLocked", "The resource that is being accessed is locked."),
    424: ("failedDependency", "A request that this one depends on has failed."),
    500: ("InternalServerError", "The service failed."),
}


def in_words(status: int) -> Refusal:
    """Refuse with Graph's words for a status."""
    return graph_refusal(status, *WORDS[status])


def not_simulated(what: str) -> Refusal:
    """Something the real Graph has and this one does not."""
    return graph_refusal(501, "NotSimulated", f"{what} is not simulated.")


def throttled(retry_after: str | None) -> Answer:
    """429, with a Retry-After that may be fractional, or without one."""
    inner = {"code": "429", "message": "Please retry after", "status": "429"}
    error = {"code": "TooManyRequests", "message": "Too many requests", "innerError": inner}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer(status=429, body={"error": error}, headers=headers)
