"""The HTTP side of the Functions host: its routes, and requests and answers as its worker takes and gives them.

What surprises is the real host's: a wrong method is a 404, an empty query parameter is lost, one that is given twice
is joined by a comma, a body without a length is lost, a cookie's value is escaped, and a function with an empty route
answers at its name.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from tests.hosts.azure_host.messages import RpcHttp, RpcHttpCookie, TypedData
from tests.hosts.azure_host.worker import Function, NotStarted, Outcome

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Invoke = Callable[..., Awaitable[Outcome]]

PART = re.compile(r"\{(?P<all>\*?)(?P<name>\w+)(:(?P<constraint>\w+)(\((?P<limit>\d+)\))?)?(?P<optional>\??)\}")
CONSTRAINTS: dict[str, Callable[[str, int], bool]] = {
    "maxlength": lambda value, limit: len(value) <= limit,
    "minlength": lambda value, limit: len(value) >= limit,
    "int": lambda value, _: re.fullmatch(r"-?\d+", value) is not None,
    "alpha": lambda value, _: re.fullmatch(r"[A-Za-z]*", value) is not None,
}
# The host's own.
RESERVED = ("admin", "runtime")
HOMEPAGE = b"<!DOCTYPE html><title>Functions</title><p>The host's own page: no function has this address."


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where a function answers."""

    function: Function
    methods: frozenset[str]
    parts: tuple[str, ...]

    def match(self, path: list[str]) -> dict[str, str] | None:
        """What the template's names stand for in this path, or None when it is another's."""
        values: dict[str, str] = {}
        for number, part in enumerate(self.parts):
            named = PART.fullmatch(part)
            given = path[number : number + 1]
            if named is None:
                if [one.lower() for one in given] != [part.lower()]:
                    return None
            elif named["all"]:
                values[named["name"]] = "/".join(path[number:])
                return values
            elif given:
                check = CONSTRAINTS.get(named["constraint"] or "")
                if check and not check(given[0], int(named["limit"] or 0)):
                    return None
                values[named["name"]] = given[0]
            elif not named["optional"]:
                return None
        return values if len(path) <= len(self.parts) else None


def routes(functions: Iterable[Function], prefix: str) -> list[Route]:
    """The routes of the HTTP functions, literal parts first where several fit."""
    found = [_route(function, prefix) for function in functions if function.trigger["type"] == "httpTrigger"]
    return sorted(found, key=lambda route: [part.startswith("{") + part.startswith("{*") for part in route.parts])


def _route(function: Function, prefix: str) -> Route:
    template = function.trigger.get("route") or function.name
    parts = tuple(part for part in f"{prefix}/{template}".split("/") if part)
    for part in parts:
        named = PART.fullmatch(part)
        if ("{" in part or "}" in part) and (named is None or named["constraint"] not in {None, *CONSTRAINTS}):
            raise NotStarted(f"{function.name}: {part!r} in its route is not simulated")
    if parts and parts[0].lower() in RESERVED:
        raise NotStarted(f"{function.name}: its route conflicts with one or more built in routes")
    methods = frozenset(method.upper() for method in function.trigger.get("methods") or ("GET", "POST"))
    return Route(function=function, methods=methods, parts=parts)


def typed(
    method: str,
    url: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    params: dict[str, str] | None = None,
    body: bytes | str = b"",
) -> TypedData:
    """A request as the worker takes it."""
    return TypedData(
        http=RpcHttp(
            method=method,
            url=url,
            headers=_joined((name.lower(), value) for name, value in headers),
            params=params or {},
            query={name: value for name, value in _joined(_query(url)).items() if value},
            body=TypedData(bytes=body.encode() if isinstance(body, str) else body) if body else None,
        )
    )


def _query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(url.partition("?")[2], keep_blank_values=True)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def site(table: list[Route], invoke: Invoke, *, homepage: bool) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """The routes as an ASGI application."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        # A slash that is escaped is no slash, and stays escaped.
        path = [
            unquote(part.replace("%2F", "%252F").replace("%2f", "%252f"))
            for part in scope["raw_path"].decode("latin-1").split("/")
            if part
        ]
        matched = ((route, route.match(path)) for route in table if scope["method"] in route.methods)
        route, params = next(((route, values) for route, values in matched if values is not None), (None, None))
        if route is not None:
            request = await _request(scope, receive, params or {})
            traceparent = request.http.headers.get("traceparent", "")
            status, headers, body = _answer(await invoke(route.function, request, traceparent=traceparent))
        elif not path:
            status, headers, body = (200, [("content-type", "text/html")], HOMEPAGE) if homepage else (204, [], b"")
        else:
            status, headers, body = 404, [], b""
        if status != 204:
            headers = [*headers, ("content-length", str(len(body)))]
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    return serve


async def _request(scope: Scope, receive: Receive, params: dict[str, str]) -> TypedData:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    named = dict(headers)
    body = b""
    more = int(named.get("content-length", 0)) > 0
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    query = scope["query_string"].decode("latin-1")
    url = f"{scope['scheme']}://{named.get('host', '')}{scope['raw_path'].decode('latin-1')}"
    return typed(scope["method"], f"{url}?{query}" if query else url, headers=headers, params=params, body=body)


def _answer(outcome: Outcome) -> tuple[int, list[tuple[str, str]], bytes]:
    if outcome.error or outcome.value is None:
        return 500, [], b""
    if outcome.value.kind == "string":
        return 200, [("content-type", "text/plain; charset=utf-8")], outcome.value.string.encode()
    http = outcome.value.http
    # The length is the host's business, whatever the function says.
    headers = [(name, value) for name, value in http.headers.items() if name.lower() != "content-length"]
    headers += [("set-cookie", _cookie(cookie)) for cookie in http.cookies or []]
    return int(http.status_code), headers, getattr(http.body, "bytes", b"")


def _cookie(cookie: RpcHttpCookie) -> str:
    shown = f"{cookie.name}={quote(cookie.value, safe='-_.~')}"
    if cookie.expires:
        shown += f"; expires={format_datetime(datetime.fromtimestamp(cookie.expires.value.seconds, UTC), usegmt=True)}"
    if cookie.max_age:
        shown += f"; max-age={int(cookie.max_age.value)}"
    for name, given in (("domain", cookie.domain), ("path", cookie.path)):
        if given and given.value:
            shown += f"; {name}={given.value}"
    if cookie.secure and cookie.secure.value:
        shown += "; secure"
    if cookie.same_site:
        shown += f"; samesite={cookie.same_site.name.removeprefix('Explicit').lower()}"
    return shown + ("; httponly" if cookie.http_only and cookie.http_only.value else "")
