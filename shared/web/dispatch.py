"""How a request finds its route, what lets it in, and what becomes of an error."""

import asyncio
import logging
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import Any
from uuid import uuid4

from shared.flows.app import App
from shared.foundation.errors import FootprintError, Permanent, Refused
from shared.foundation.telemetry import about, ids, span
from shared.web.actors import administrators_only
from shared.web.http import KEY_HEADER, Request, Response, Strict
from shared.web.preconditions import precondition, unless_seen
from shared.web.problems import problem
from shared.web.routes import ROUTES, WITH_BODY, Auth, Route

Handler = Callable[..., Awaitable[Response]]
"""Of an App, a Request, and if they are named so a `query` and a `body`, each of the model it is annotated with, what
was `seen` of what is to be changed, and the ETag of what was `planned`."""

log = logging.getLogger(__name__)

# Somebody without the right, or with a link or an id that is not theirs: told in the log, whichever account it was.
TURNED_AWAY = frozenset({401, 403, 404, 410})
# Browsers come by https for two years, whatever an address says.
HTTPS_ONLY = "max-age=63072000"
# What remains of the body is not read, so no other request can follow on the same connection.
UNREAD = frozenset({408, 413})


@cache
def handler(name: str) -> Handler:
    """The function that a route names."""
    module, _, function = name.rpartition(".")
    found: Handler = getattr(import_module(f"shared.web.{module}"), function)
    return found


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))


async def answer(app: App, request: Request) -> Response:
    """Answer any request. Never raises: an error becomes a problem document, or a page for people.

    The answer's `X-Request-Id` is what its log lines bear.
    """
    number, only_head = uuid4().hex, request.method == "HEAD"
    request = replace(request, method="GET") if only_head else request
    here = _at(request.path)
    route, args = next((one for one in here if one[0].method == request.method), (None, {}))
    # Addresses are no names: there are too many of them, and some hold a link's secret.
    with about(request=number), span("request", route.name if route else "none", request.headers) as measured:
        if route is None:
            told = _told(app, request, _no_route([one.method for one, _ in here]))
        else:
            told = await _safely(app, route, request, lambda: _answer(app, route, replace(request, args=args)))
        measured.note(status=told.status)
    more = {"X-Request-Id": number}
    if app.settings.public_url.startswith("https:"):
        more["Strict-Transport-Security"] = HTTPS_ONLY
    if only_head:
        more["Content-Length"] = str(len(told.body))
    return replace(told, headers={**told.headers, **more}, body=b"" if only_head else told.body)


def _at(path: str) -> list[tuple[Route, dict[str, str]]]:
    """The routes of a path, whatever their method, with the path's named parts. A name counts before a part."""
    literal = [route for route in ROUTES if route.path == path]
    found = [(route, _pattern(route.path).fullmatch(path)) for route in literal or ROUTES]
    return [(route, matched.groupdict()) for route, matched in found if matched]


def largest_body(method: str, path: str) -> int:
    """How many bytes of a body are read of a request, the same for every caller."""
    return next((route.largest_body for route, _ in _at(path) if route.method == method), 0)


def _no_route(understood: list[str]) -> Refused:
    if not understood:
        return Refused(404, "no_such_page", "This page does not exist.")
    return Refused(405, "method_not_allowed", "This method is not allowed for this path.")


async def _safely(app: App, route: Route, request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
    """What `work` answers, or what its error is told as."""
    try:
        return await work()
    except Refused as error:
        if error.status in TURNED_AWAY:
            name, subject = (request.known.name, request.known.subject) if request.known else ("", "")
            log.warning(
                "request rejected",
                extra={"route": route.name, "code": error.code, "actor": name, "subject": subject},
            )
        return _told(app, request, error)
    except FootprintError as error:
        status = 502 if isinstance(error, Permanent) else 503
        after = getattr(error, "after", None)
        # What a platform or we failed at is told with whose it was; a refusal is about the request itself.
        whose = f"{request.found.name}: " if request.found else ""
        return _told(app, request, Refused(status, error.code, whose + error.sentence, after=after))
    except Exception:
        log.exception("unhandled exception in request", extra={"route": route.name})
        return _told(
            app,
            request,
            Refused(500, "internal_error", f"Internal error. Request ID {ids()['request']}: quote this ID to support."),
        )


def _told(app: App, request: Request, error: Refused) -> Response:
    for_people = not f"{request.path}/".startswith("/api/") or request.path.startswith("/api/consent/")
    if for_people:
        from shared.web import pages

        told = pages.refused(error, app, request)
    else:
        told = problem(error)
    more: dict[str, str] = {}
    if error.status == 401:
        more["WWW-Authenticate"] = "Bearer"
    if error.status == 405:
        methods = {route.method for route, _ in _at(request.path)}
        more["Allow"] = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    if error.status in UNREAD:
        more["Connection"] = "close"
    if error.after:
        more["Retry-After"] = str(math.ceil(error.after.total_seconds()))
    return replace(told, headers={**told.headers, **more})


async def _answer(app: App, route: Route, request: Request) -> Response:
    if request.refused:
        raise request.refused
    if len(request.body) > route.largest_body:
        from shared.web.bodies import too_large

        raise too_large(route.largest_body)
    if not route.needs_account:
        if route.cost and (wait := app.strangers.take(request.address(app.settings.api.proxies), route.cost)):
            raise _too_many(wait)
        if route.auth is Auth.SCANNER:
            from shared.flows.scanner_reports import verify

            verify(app, request.headers, request.body)
        return unless_seen(request, await call(app, route, request))
    from shared.engine.acting import acting
    from shared.web.accounts import actor

    try:
        who = await actor(app, request)
    except Refused:
        # A flood of wrong tokens ends in an answer that is not logged. An account of the same address is not counted.
        if wait := app.unproven.take(request.address(app.settings.api.proxies), 1):
            raise _too_many(wait) from None
        raise
    allowance = app.rates.take(who.subject, route.cost)
    request, wait = replace(request, known=who), allowance.wait if allowance else None
    with acting(who.subject):
        told = await _safely(app, route, request, lambda: _of_account(app, route, request, wait))
    return replace(told, headers={**told.headers, **(allowance.headers() if allowance else {})})


async def _of_account(app: App, route: Route, request: Request, wait: timedelta | None) -> Response:
    """Answer somebody who is known: unless they ask too much, may not do it, or may not see what it is about."""
    if wait is not None:
        raise _too_many(wait)
    if route.auth is not Auth.VIEWER and not request.actor.acts:
        raise Refused(403, "operators_only", "Your role is read-only. This action requires the role “operator”.")
    if route.auth is Auth.ADMIN and not request.actor.administers:
        raise administrators_only()
    if "id" in request.args:
        from shared.flows.access import found

        request = replace(request, found=await found(app, request.args["id"], request.actor.customer))
        from shared.connections.halts import heeded

        with heeded(app.database, app.clock, request.connection):
            return await _allowed(app, route, request)
    return await _allowed(app, route, request)


async def _allowed(app: App, route: Route, request: Request) -> Response:
    if route.may_be_repeated and KEY_HEADER in request.headers:
        from shared.web.idempotency import once

        return await once(app, request, lambda: _safely(app, route, request, lambda: _agreed(app, route, request)))
    return unless_seen(request, await _safely(app, route, request, lambda: _agreed(app, route, request)))


async def _agreed(app: App, route: Route, request: Request) -> Response:
    if route.needs_two:
        from shared.web.second_person import agreed

        await agreed(app, request, route.name.replace("_", " "))
    return await call(app, route, request)


def _too_many(wait: timedelta) -> Refused:
    seconds = math.ceil(wait.total_seconds())
    return Refused(429, "too_many_requests", f"Too many requests. Retry in {seconds} s.", after=wait)


async def call(app: App, route: Route, request: Request) -> Response:
    """Hand a request to its route's handler, with all that it takes."""
    function = handler(route.handler)
    if request.method == "PUT":
        # A policy's expressions are compiled where it is checked: off the loop, since that takes milliseconds for each.
        taken = await asyncio.to_thread(_taken, route, request, function.__annotations__)
    else:
        taken = _taken(route, request, function.__annotations__)
    return await function(app, request, **taken)


def _taken(route: Route, request: Request, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What a handler takes of a request. Raises Refused for what it does not take, if it is for an account."""
    taken: dict[str, Any] = {}
    least = Strict if route.needs_account and route.in_api else None
    if kind := wanted.get("query", least):
        taken["query"] = request.parameters(kind)
    if request.method in WITH_BODY and (kind := wanted.get("body", least)):
        taken["body"] = request.message() if kind is bytes else request.model(kind)
    if "seen" in wanted:
        taken["seen"] = precondition(request)
    if "planned" in wanted:
        taken["planned"] = request.headers.get("if-match")
    return {name: value for name, value in taken.items() if name in wanted}
