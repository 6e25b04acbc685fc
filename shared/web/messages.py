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

PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
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
        if len(self.body) > LARGEST_BODY:
            raise Refused(413, "body_too_large", "The body is too large.")
        try:
            return kind.model_validate_json(self.body or b"{}")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "body"
            raise Refused(400, "not_valid", f"{where}: {first['msg']}.") from None

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


def as_json(content: Any, status: int = 200) -> Response:
    """A JSON answer."""
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Response(status=status, headers=headers, body=json.dumps(content).encode())


def problem(error: Refused) -> Response:
    """A problem document (RFC 9457) with the error's stable code."""
    content = {"type": "about:blank", "title": error.code.replace("_", " "), "status": error.status,
               "detail": error.sentence, "code": error.code}  # fmt: skip
    headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(status=error.status, headers=headers, body=json.dumps(content).encode())


def redirect(url: str, **headers: str) -> Response:
    """See there instead, with a GET."""
    return Response(status=303, headers={"Location": url, "Cache-Control": "no-store", **headers})
