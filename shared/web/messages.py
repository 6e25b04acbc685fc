"""A request and an answer that belong to no host."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from shared.errors import Refused

Model = TypeVar("Model", bound=BaseModel)
# Larger than anything that is sent to us in earnest.
LARGEST_BODY = 256 * 1024

DATA_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
PAGE_HEADERS = {
    **DATA_HEADERS,
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came in. Header names are lower case; `args` are the path's named parts."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    args: Mapping[str, str] = field(default_factory=dict)
    actor: str = ""

    def model(self, kind: type[Model]) -> Model:
        """The JSON body as a model. Raises Refused 400 with the field that is wrong."""
        try:
            return kind.model_validate_json(self.body or b"{}")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            # A field that should not be there is named as it was sent, but not at any length.
            where = ".".join(str(part)[:80] for part in first["loc"]) or "body"
            # What we say ourselves needs no word for what kind of error it is.
            raise Refused(400, "not_valid", f"{where}: {first['msg'].removeprefix('Value error, ')}.") from None

    def form(self) -> dict[str, str]:
        """The fields of a posted form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def cookie(self, name: str) -> str:
        """One cookie, or empty."""
        pairs = (part.strip().partition("=") for part in self.headers.get("cookie", "").split(";"))
        return next((value for key, _, value in pairs if key == name), "")


@dataclass(frozen=True, kw_only=True)
class Response:
    """What goes out."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def as_json(content: Any, status: int = 200, **more: str) -> Response:
    """A JSON answer, with more headers."""
    headers = {**DATA_HEADERS, "Content-Type": "application/json", **more}
    return Response(status=status, headers=headers, body=json.dumps(content).encode())


def problem(error: Refused) -> Response:
    """A problem document (RFC 9457) with the error's stable code."""
    content = {"type": "about:blank", "title": error.code.replace("_", " "), "status": error.status,
               "detail": error.sentence, "code": error.code}  # fmt: skip
    headers = {**DATA_HEADERS, "Content-Type": "application/problem+json"}
    return Response(status=error.status, headers=headers, body=json.dumps(content).encode())


def redirect(url: str, **headers: str) -> Response:
    """See there instead, with a GET."""
    return Response(status=303, headers={"Location": url, "Cache-Control": "no-store", **headers})
