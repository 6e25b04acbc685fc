"""Google's refusals: the envelope all its JSON APIs share, with or without the newer word for the status."""

from __future__ import annotations

from typing import Any

from infra.local.simulators.wire import Answer, Refusal

# The word that goes with a status where an API has such words and nothing better is known.
NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}


def refused(status: int, reason: str, message: str, *, domain: str = "global", name: str | None = None) -> Refusal:
    """Return a refusal to raise. Without a reason it has no list of errors, as the newest APIs have none."""
    error: dict[str, Any] = {"code": status, "message": message}
    if reason:
        error["errors"] = [{"message": message, "domain": domain, "reason": reason}]
    if name is not None:
        error["status"] = name
    return Refusal(Answer(status=status, body={"error": error}, content_type="application/json; charset=UTF-8"))


def missing(what: str) -> Refusal:
    """Return Directory's refusal for something that is not there: userKey, groupKey, memberKey."""
    return refused(404, "notFound", f"Resource Not Found: {what}")


def forbidden() -> Refusal:
    """Return Directory's refusal for those who may not."""
    return refused(403, "forbidden", "Not Authorized to access this resource/api")


def invalid(what: str) -> Refusal:
    """Return Directory's refusal for a value it cannot make sense of."""
    return refused(400, "invalid", f"Invalid Input: {what}")
