"""How a request finds its route, what lets it in, and what becomes of an error."""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cache
from importlib import import_module
from uuid import uuid4

from shared.app import App
from shared.errors import FootprintError, Permanent, Refused
from shared.telemetry import about, span
from shared.web.messages import LARGEST_BODY, Request, Response, problem
from shared.web.routes import ROUTES, Auth, Route

Handler = Callable[[App, Request], Awaitable[Response]]

log = logging.getLogger(__name__)

# Somebody without the right, or with a link or an id that is not theirs: told in the log, whoever it was.
TURNED_AWAY = frozenset({401, 403, 404, 410})


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
    number = uuid4().hex
    found = next((route for route, _ in _at(request.path) if route.method == request.method), None)
    # Addresses are no names: there are too many of them, and some hold a link's secret.
    name = found.name if found else "none"
    with about(request=number), span("request", name, request.headers) as measured:
        response = await _safely(app, request, name)
        measured.note(status=response.status)
    return replace(response, headers={**response.headers, "X-Request-Id": number})


async def _safely(app: App, request: Request, name: str) -> Response:
    try:
        return await _answer(app, request)
    except Refused as error:
        return _told(request, error)
    except FootprintError as error:
        status = 502 if isinstance(error, Permanent) else 503
        return _told(request, Refused(status, error.code, error.sentence))
    except Exception:
        log.exception("request failed by our own mistake", extra={"route": name})
        return _told(
            request, Refused(500, "internal_error", "This failed by our own mistake. The log has the details.")
        )


def _told(request: Request, error: Refused) -> Response:
    for_people = not request.path.startswith("/api/") or request.path.startswith("/api/consent/")
    if for_people:
        from shared.web import pages

        told = pages.refused(error)
    else:
        told = problem(error)
    more: dict[str, str] = {}
    if error.status == 401:
        more["WWW-Authenticate"] = "Bearer"
    if error.status == 405:
        more["Allow"] = ", ".join(sorted({route.method for route, _ in _at(request.path)}))
    return replace(told, headers={**told.headers, **more})


def _at(path: str) -> list[tuple[Route, dict[str, str]]]:
    """The routes of a path, whatever their method, with the path's named parts."""
    found = [(route, _pattern(route.path).fullmatch(path)) for route in ROUTES]
    return [(route, matched.groupdict()) for route, matched in found if matched]


async def _answer(app: App, request: Request) -> Response:
    here = _at(request.path)
    if not here:
        raise Refused(404, "no_such_page", "There is nothing at this address.")
    if len(request.body) > LARGEST_BODY:
        raise Refused(413, "body_too_large", f"body: it is longer than {LARGEST_BODY // 1024} KiB.")
    for route, args in here:
        if route.method == request.method:
            return await _guarded(app, route, replace(request, args=args))
    raise Refused(405, "method_not_allowed", "This method is not understood here.")


async def _guarded(app: App, route: Route, request: Request) -> Response:
    actor = ""
    try:
        if route.auth is Auth.OPERATOR:
            from shared.web.operators import operator

            actor = await operator(app, request)
        return await handler(route.handler)(app, replace(request, actor=actor))
    except Refused as error:
        if error.status in TURNED_AWAY:
            log.warning("request turned away", extra={"route": route.name, "code": error.code, "actor": actor})
        raise
