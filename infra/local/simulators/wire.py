"""What travels between a socket and a simulated host, free of any web framework."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

# One object of the simulated cloud. It is never changed in place but replaced, so that saving the whole
# cloud is a copy of references; the read-only type lets mypy hold everyone to that.
Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request as it arrived."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return a header's value; names are kept in lower case."""
        return self.headers.get(name.lower())

    def fields(self) -> list[tuple[str, str]]:
        """Return the fields of a form body, of which some may repeat."""
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    def form(self) -> dict[str, str]:
        """Return the fields of a form body by name."""
        return dict(self.fields())

    def json(self) -> Any:
        """Return the body as JSON; a body that is not JSON raises `ValueError`."""
        return json.loads(self.body or b"null")


@dataclass(kw_only=True)
class Answer:
    """One HTTP answer before it is turned into bytes."""

    status: int = 200
    body: Any = None  # JSON, unless it is bytes or str
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"

    def payload(self) -> bytes:
        """Return the body as it goes over the wire."""
        match self.body:
            case None:
                return b""
            case bytes():
                return self.body
            case str():
                return self.body.encode()
            case _:
                return json.dumps(self.body, separators=(",", ":")).encode()


@dataclass(frozen=True, kw_only=True)
class Call:
    """One recorded request to a platform, as tests and `on_request` see it."""

    host: str
    method: str
    path: str
    cmdlet: str | None
    status: int
    tenant: str | None
    query: str = ""
    body: bytes = b""


class Refusal(Exception):
    """A request the platform refuses; carries the answer in that platform's own shape."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer
