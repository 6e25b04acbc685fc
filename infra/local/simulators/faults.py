"""Faults put in the way of chosen requests: what they match, how often, and how the answer is spoiled."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from infra.local.simulators.google.api.refusals import NAMES, refused
from infra.local.simulators.wire import Answer

# The hosts of Google, which have refusals of their own.
GOOGLE = frozenset({"accounts", "oauth2", "admin", "gmail", "cloudidentity", "appsmarket", "iam", "www"})
MATCHES = frozenset({"host", "method", "path", "cmdlet", "tenant"})
# Answered without looking at the request; the platform does nothing.
INSTEAD = frozenset({"status", "html", "nul403", "empty403", "throttle"})
# The platform does its work and the answer is spoiled on its way out.
AFTERWARDS = frozenset({"truncated_json", "foreign_next_link", "empty_page_with_next_link", "empty_listing"})
# The host itself has to misbehave.
INSIDE = frozenset({"page_cut", "half_listing", "batch_inner_429", "empty_page_with_next_token"})
KINDS = INSTEAD | AFTERWARDS | INSIDE | {"drop_before", "drop_after", "delay"}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a request is about, as far as can be told before it is answered."""

    host: str
    method: str
    path: str
    cmdlet: str | None
    tenant: str | None


@dataclass(kw_only=True)
class Fault:
    """One fault: requests it applies to, how many of them pass first, and how many it then hits."""

    match: dict[str, str]
    do: dict[str, Any]
    skip: int = 0
    times: int = 1

    @classmethod
    def parse(cls, body: Any) -> Fault:
        """Read a fault as the control API takes it; anything unknown is a `ValueError`."""
        if not isinstance(body, dict) or set(body) - {"match", "skip", "times", "do"}:
            raise ValueError("A fault has match, skip, times and do, and nothing else.")
        match, do = body.get("match", {}), body.get("do", {})
        if set(match) - MATCHES:
            raise ValueError(f"A fault matches by {', '.join(sorted(MATCHES))}.")
        if do.get("kind") not in KINDS:
            raise ValueError(f"Kinds of fault: {', '.join(sorted(KINDS))}.")
        re.compile(match.get("path", ""))
        return cls(match=match, do=do, skip=int(body.get("skip", 0)), times=int(body.get("times", 1)))

    def copy(self) -> Fault:
        """Return an independent copy, counters included."""
        return dataclasses.replace(self)

    def hits(self, subject: Subject) -> bool:
        """Say whether this fault applies now, and count the request."""
        if self.times <= 0 or not self._matches(subject):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True

    def _matches(self, subject: Subject) -> bool:
        for name, wanted in self.match.items():
            value = getattr(subject, name)
            if name == "path":
                if not re.search(wanted, value):
                    return False
            elif value is None or value.lower() != wanted.lower():
                return False
        return True


def first_hit(faults: Iterable[Fault], subject: Subject) -> dict[str, Any] | None:
    """Return what the first fault that applies wants done."""
    return next((fault.do for fault in faults if fault.hits(subject)), None)


def instead(do: dict[str, Any], host: str) -> Answer:
    """Return the answer of a platform that never looked at the request."""
    match do["kind"]:
        case "html":
            page = "<html><head><title>Service unavailable</title></head><body>Try again later.</body></html>"
            return Answer(status=200, body=page, content_type="text/html")
        case "nul403":
            return Answer(status=403, body=b"\0" * 4096, content_type="text/html")
        case "empty403":
            return Answer(status=403, content_type="text/html")
        case "throttle" if host in GOOGLE:
            return _google_throttled(do, host)
        case "throttle":
            return _throttled(do.get("retry_after"), host)
        case _ if host in GOOGLE and "body" not in do:
            status = int(do.get("status", 503))
            answer = refused(status, "backendError", "Backend Error", name=NAMES.get(status)).answer
            answer.headers.update(do.get("headers", {}))
            return answer
        case _:
            body = do.get("body", {"error": {"code": "UnknownError", "message": "Simulated fault."}})
            return Answer(status=int(do.get("status", 503)), body=body, headers=dict(do.get("headers", {})))


def _throttled(retry_after: str | None, host: str) -> Answer:
    """429, with a Retry-After that may be fractional, or without one."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if host == "login":
        text = "AADSTS90055: The request was throttled because the server is busy."
        return Answer(
            status=429,
            body={"error": "temporarily_unavailable", "error_description": text, "error_codes": [90055]},
            headers=headers,
        )
    inner = {"code": "429", "message": "Please retry after", "status": "429"}
    error = {"code": "TooManyRequests", "message": "Too many requests", "innerError": inner}
    return Answer(status=429, body={"error": error}, headers=headers)


def _google_throttled(do: dict[str, Any], host: str) -> Answer:
    """A rate limit is a 403 as often as a 429, and the token endpoint has its own shape for it."""
    status = int(do.get("as", 403))
    if host in ("oauth2", "accounts"):
        return Answer(status=status, body={"error": "rate_limit_exceeded", "error_description": "Rate Limit Exceeded"})
    name = "PERMISSION_DENIED" if status == 403 else "RESOURCE_EXHAUSTED"
    text, reason = "User Rate Limit Exceeded", "userRateLimitExceeded" if status == 403 else "rateLimitExceeded"
    answer = refused(status, reason, text, domain="usageLimits", name=name if host != "admin" else None).answer
    if do.get("retry_after") is not None:
        answer.headers["Retry-After"] = str(do["retry_after"])
    return answer


def afterwards(do: dict[str, Any], answer: Answer, url: str) -> Answer:
    """Spoil an answer of a platform that did its work. `url` leads to the same request again."""
    if do["kind"] == "truncated_json":
        whole = answer.payload()
        answer.body = whole[: max(1, len(whole) // 2)]
        return answer
    if not isinstance(answer.body, dict) or answer.listing not in answer.body:
        return answer
    if answer.listing != "value":
        if do["kind"] == "empty_listing":
            answer.body = {**answer.body, answer.listing: []}
            answer.body.pop("nextPageToken", None)
        return answer  # Google's pages lead on by token; there is no link that could go elsewhere.
    body = dict(answer.body)
    match do["kind"]:
        case "foreign_next_link":
            body["@odata.nextLink"] = f"https://graph.example.net/next?of={url.rpartition('/')[2]}"
            body.pop("@odata.deltaLink", None)
        case "empty_page_with_next_link":
            body |= {"value": [], "@odata.nextLink": url}
            body.pop("@odata.deltaLink", None)
        case "empty_listing":
            body["value"] = []
            body.pop("@odata.nextLink", None)
    answer.body = body
    return answer
