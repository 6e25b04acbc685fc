"""Faults put in the way of chosen requests: what they match, how often, and how the answer is spoiled."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.simulators.wire import Answer

MATCHES = frozenset({"host", "method", "path", "cmdlet", "tenant"})
# Answered without looking at the request; the platform does nothing.
INSTEAD = frozenset({"status", "html", "nul403", "empty403", "throttle"})
# What happens on the way; the host sees a request as any other, or none at all.
ON_THE_WAY = frozenset({"drop_before", "drop_after", "delay", "truncated_json"})
KINDS = INSTEAD | ON_THE_WAY


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
    def parse(cls, body: Any, quirks: Collection[str] = ()) -> Fault:
        """Read a fault as the control API takes it; anything unknown is a `ValueError`.

        `quirks` are kinds that hosts play themselves, beside those that are known here.
        """
        if not isinstance(body, dict) or set(body) - {"match", "skip", "times", "do"}:
            raise ValueError("A fault has match, skip, times and do, and nothing else.")
        match, do = body.get("match", {}), body.get("do", {})
        if set(match) - MATCHES:
            raise ValueError(f"A fault matches by {', '.join(sorted(MATCHES))}.")
        if do.get("kind") not in (known := KINDS.union(quirks)):
            raise ValueError(f"Kinds of fault: {', '.join(sorted(known))}.")
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


def instead(do: Mapping[str, Any], worded: Callable[[Mapping[str, Any]], Answer]) -> Answer:
    """Return the answer of a platform that never looked at the request; what only it can say, `worded` says."""
    match do["kind"]:
        case "html":
            page = "<html><head><title>Service unavailable</title></head><body>Try again later.</body></html>"
            return Answer(status=200, body=page, content_type="text/html")
        case "nul403":
            return Answer(status=403, body=b"\0" * 4096, content_type="text/html")
        case "empty403":
            return Answer(status=403, content_type="text/html")
        case "status" if "body" in do:
            return plain(do)
    return worded(do)


def plain(do: Mapping[str, Any]) -> Answer:
    """Return the status, body and headers that a fault names, with a body that is no vendor's if it names none."""
    body = do.get("body", {"error": {"code": "UnknownError", "message": "Simulated fault."}})
    return Answer(status=int(do.get("status", 503)), body=body, headers=dict(do.get("headers", {})))


def cut(answer: Answer) -> Answer:
    """Return an answer of which only the first half arrives."""
    whole = answer.payload()
    answer.body = whole[: max(1, len(whole) // 2)]
    return answer
