"""A request and an answer that belong to no host."""

import hashlib
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from shared.connections.record import Connection
from shared.foundation.errors import Refused
from shared.web.actors import Actor

Model = TypeVar("Model", bound=BaseModel)
Content = TypeVar("Content")
MESSAGE_TYPE = "message/rfc822"
# What a client sends with a request that it may send again, in lower case.
KEY_HEADER = "idempotency-key"
# Of input with more mistakes, so many are told.
MAX_ERRORS = 20
# A character that no text has and not every database takes, as JSON says it.
NUL = re.compile(rb"(?<!\\)(\\\\)*\\u0000")

DATA_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
PAGE_HEADERS = {
    **DATA_HEADERS,
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    # Without any, a browser would send our own forms with the origin “null”.
    "Referrer-Policy": "same-origin",
}


class Strict(BaseModel):
    """What somebody sends us, as query or as body: a name that we do not know is a mistake, and is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came in. Header names are lower case; `args` are the path's named parts.

    `actor` and `connection` are there on routes for viewers and operators: the connection is the one of the path, and
    the actor may see it. Before that, and on other routes, there are none.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    args: Mapping[str, str] = field(default_factory=dict)
    known: Actor | None = None
    found: Connection | None = None
    refused: Refused | None = None
    """Why nothing more of it is read, if something of it cannot be, or must not."""

    @property
    def actor(self) -> Actor:
        """Who sends this."""
        if self.known is None:
            raise TypeError("the caller is not known yet")
        return self.known

    @property
    def connection(self) -> Connection:
        """The connection that the path names."""
        if self.found is None:
            raise TypeError("the connection's customer is not known yet")
        return self.found

    def model(self, kind: type[Model]) -> Model:
        """The JSON body as a model; none is an empty object.

        Raises Refused 415 `not_json`, or 400 with the field that is wrong.
        """
        media = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if self.body and media != "application/json":
            raise Refused(415, "not_json", "Send the body as JSON, and say so: Content-Type: application/json.")
        if NUL.search(self.body):
            raise Refused(400, "not_valid", "body: contains the character U+0000.")
        found = checked(lambda: kind.model_validate_json(self.body or b"{}", strict=True))
        if self.body:
            json.loads(self.body, object_pairs_hook=_each_once)
        return found

    def message(self) -> bytes:
        """The body as a message, as it stands. Raises Refused 415 `not_a_message`."""
        media = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != MESSAGE_TYPE or not self.body:
            raise Refused(415, "not_a_message", "Send a message as it is, and say so: Content-Type: message/rfc822.")
        return self.body

    def parameters(self, kind: type[Model]) -> Model:
        """The query as a model. Raises Refused 400 with the name that is wrong."""
        return checked(lambda: kind.model_validate(dict(self.query)))

    def address(self, proxies: int) -> str:
        """Where it comes from, so that one sender is one address; empty if no proxy says it.

        The last that X-Forwarded-For names was added by the host, which is reached in no other way; `proxies` so many
        before it by our own. What stands further left is anybody's to write. Of IPv6 a sender has 64 bits to choose.
        """
        named = self.headers.get("x-forwarded-for", "").split(",")
        text = named[max(-len(named), -1 - proxies)].strip()
        # Azure adds the port as well.
        if text.startswith("["):
            text = text[1:].partition("]")[0]
        elif text.count(":") == 1:
            text = text.partition(":")[0]
        try:
            found = ipaddress.ip_address(text)
        except ValueError:
            return ""
        return text if found.version == 4 else str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))

    def cookie(self, name: str) -> str:
        """One cookie, or empty."""
        pairs = (part.strip().partition("=") for part in self.headers.get("cookie", "").split(";"))
        return next((value for key, _, value in pairs if key == name), "")


def received(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Request:
    """A request as a host has it: the path decoded, the query as it was sent, header names in lower case."""
    mistake, named = "", dict[str, str]()
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
    except ValueError:
        pairs, mistake = [], "query: not UTF-8."
    for name, value in pairs:
        if name in named:
            mistake = f"{name[:80]}: given twice."
        named[name] = value
    if any("\0" in text for text in (path, *named, *named.values())):
        mistake = "The address holds the character U+0000."
    refused = Refused(400, "not_valid", mistake) if mistake else None
    return Request(method=method, path=path, query=named, headers=headers, body=body, refused=refused)


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    """Refuse what names one thing twice: who reads it before or after us may go by the other one (RFC 8259, 4)."""
    named = set[str]()
    for name, _ in pairs:
        if name in named:
            raise Refused(400, "not_valid", f"{name[:80]}: given twice.", fields=[(name[:80], "given twice.")])
        named.add(name)


def checked(validate: Callable[[], Model]) -> Model:
    """What a model makes of something sent to us. Raises Refused 400 with each field that is wrong."""
    try:
        return validate()
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        fields = [_wrong(one) for one in found[:MAX_ERRORS]]
        told = [f"{where}: {why}" for where, why in fields]
        more = [f"And {len(found) - MAX_ERRORS} more."] if len(found) > MAX_ERRORS else []
        raise Refused(400, "not_valid", " ".join([*told, *more]), fields=fields) from None


def _wrong(error: ErrorDetails) -> tuple[str, str]:
    """The field that is wrong, and why."""
    # A field that should not be there is named as it was sent, but not at any length.
    where = ".".join(str(part)[:80] for part in error["loc"]) or "body"
    # What we say ourselves needs no word for what kind of error it is.
    return where, f"{error['msg'].removeprefix('Value error, ')}."


@dataclass(frozen=True, kw_only=True)
class Response:
    """What goes out. Its kind says what it is to be described as; `media` of one that holds a file."""

    media: ClassVar[str] = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Json(Response, Generic[Content]):
    """200, with this content."""

    media = "application/json"


class Kept(Json[Content]):
    """200, with this content, as a file to keep."""


class Created(Json[Content]):
    """201: created."""


class Accepted(Json[Content]):
    """202: noted, and done in a while; the connection tells how it goes."""


class Elsewhere(Response):
    """303: look there instead, with a GET."""


class Nothing(Response):
    """204: done, and nothing is to be said of it."""


class Csv(Response):
    """A file for spreadsheets."""

    media = "text/csv"


class Ndjson(Response):
    """A file with an object in each line."""

    media = "application/x-ndjson"


class Text(Response):
    """Plain text."""

    media = "text/plain"


class Html(Response):
    """A file for browsers."""

    media = "text/html"


class Zip(Response):
    """An archive."""

    media = "application/zip"


def as_json(content: Content, **more: str) -> Json[Content]:
    """A JSON answer with its tag, and with more headers."""
    return Json(headers=_json_headers(ETag=etag(content), **more), body=_text(content).encode())


def as_file(content: Content, name: dict[str, str]) -> Kept[Content]:
    """A JSON answer with its tag that a browser saves; `name` is the header that names it."""
    return Kept(headers=_json_headers(ETag=etag(content)) | name, body=_text(content).encode())


def created(content: Content) -> Created[Content]:
    """The same of what was just made."""
    return Created(status=201, headers=_json_headers(ETag=etag(content)), body=_text(content).encode())


def accepted(content: Content) -> Accepted[Content]:
    """A JSON answer to what will be done."""
    return Accepted(status=202, headers=_json_headers(), body=_text(content).encode())


def _json_headers(**more: str) -> dict[str, str]:
    return {**DATA_HEADERS, "Content-Type": "application/json", **more}


def etag(content: Any) -> str:
    """The tag of some content, with its quotation marks: the same wherever the content is."""
    text = _text(content, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _text(content: Any, **how: Any) -> str:
    """Some content as JSON, with the models in it."""
    return json.dumps(content, default=lambda model: model.model_dump(mode="json"), **how)


def attachment(whose: str, name: str) -> dict[str, str]:
    """The header that names a download: whose it is, in letters that every file system takes, and what."""
    slug = re.sub(r"[^a-z0-9]+", "-", whose.lower()).strip("-")[:60].strip("-")
    return {
        "Content-Disposition": f'attachment; filename="{slug}-{name}"' if slug else f'attachment; filename="{name}"'
    }


def redirect(url: str, **headers: str) -> Elsewhere:
    """See there instead, with a GET."""
    return Elsewhere(status=303, headers={"Location": url, "Cache-Control": "no-store", **headers})
