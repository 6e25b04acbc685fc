"""Google's refusals: the envelope all its JSON APIs share, with or without the newer word for the status."""

from __future__ import annotations

from collections.abc import Mapping
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


def explained(status: int, message: str, reason: str, name: str, **metadata: str) -> Refusal:
    """Return a refusal of the newer kind: no list of errors, and the reason in an ErrorInfo among the details.

    Shape: google.rpc.ErrorInfo (cloud.google.com/apis/design/errors); seen in pbmm-on-gcp-onboarding #432.
    """
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    info = {"@type": kind, "reason": reason, "domain": "googleapis.com", "metadata": metadata}
    refusal = refused(status, "", message, name=name)
    refusal.answer.body["error"]["details"] = [info]
    return refusal


def missing(what: str) -> Refusal:
    """Return Directory's refusal for something that is not there: userKey, groupKey, memberKey."""
    return refused(404, "notFound", f"Resource Not Found: {what}")


def forbidden() -> Refusal:
    """Return Directory's refusal for those who may not."""
    return refused(403, "forbidden", "Not Authorized to access this resource/api")


def invalid(what: str) -> Refusal:
    """Return Directory's refusal for a value it cannot make sense of."""
    return refused(400, "invalid", f"Invalid Input: {what}")


def unavailable(fault: Mapping[str, Any]) -> Answer:
    """Return the answer of a backend that failed, with the status and headers that a fault names."""
    status = int(fault.get("status", 503))
    answer = refused(status, "backendError", "Backend Error", name=NAMES.get(status)).answer
    answer.headers.update(fault.get("headers", {}))
    return answer


def throttled(host: str, fault: Mapping[str, Any]) -> Answer:
    """Return a rate limit: a 403 as often as a 429, and at the token endpoint in a shape of its own."""
    status = int(fault.get("as", 403))
    if host in ("oauth2", "accounts"):
        return Answer(status=status, body={"error": "rate_limit_exceeded", "error_description": "Rate Limit Exceeded"})
    name = "PERMISSION_DENIED" if status == 403 else "RESOURCE_EXHAUSTED"
    text, reason = "User Rate Limit Exceeded", "userRateLimitExceeded" if status == 403 else "rateLimitExceeded"
    answer = refused(status, reason, text, domain="usageLimits", name=name if host != "admin" else None).answer
    if fault.get("retry_after") is not None:
        answer.headers["Retry-After"] = str(fault["retry_after"])
    return answer
