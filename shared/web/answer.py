"""Every route as data, and how a request finds its own. A route that names no auth would not be typed."""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache

from shared.errors import FootprintError, Permanent, Refused
from shared.platform import App
from shared.web import api, pages
from shared.web.messages import LARGEST_BODY, Request, Response, problem
from shared.web.operators import operator

log = logging.getLogger(__name__)


class Auth(Enum):
    """What lets a request in."""

    OPERATOR = "a bearer token or a console session"
    LINK = "the signed link in its path"
    STATE = "the signed state in its query"
    SIGNED = "the platform's own signature"
    NOBODY = "nothing: it tells nothing and changes nothing"


@dataclass(frozen=True, kw_only=True)
class Route:
    """One route. `{name}` in a path stands for one segment."""

    name: str
    method: str
    path: str
    handler: Callable[[App, Request], Awaitable[Response]]
    auth: Auth


def _route(name: str, line: str, handler: Callable[[App, Request], Awaitable[Response]], auth: Auth) -> Route:
    method, path = line.split()
    return Route(name=name, method=method, path=path, handler=handler, auth=auth)


_ONE = "/api/connections/{id}"

ROUTES: tuple[Route, ...] = (
    _route("health", "GET /api/health", api.health, Auth.NOBODY),
    _route("create_connection", "POST /api/connections", api.create, Auth.OPERATOR),
    _route("list_connections", "GET /api/connections", api.every, Auth.OPERATOR),
    _route("get_connection", f"GET {_ONE}", api.one, Auth.OPERATOR),
    _route("get_plan", f"GET {_ONE}/plan", api.plan, Auth.OPERATOR),
    _route("sync", f"POST {_ONE}/sync", api.sync, Auth.OPERATOR),
    _route("reconcile", f"POST {_ONE}/reconcile", api.reconcile, Auth.OPERATOR),
    _route("grant", f"POST {_ONE}/grant", api.grant_again, Auth.OPERATOR),
    _route("revoke", f"POST {_ONE}/revoke", api.revoke_access, Auth.OPERATOR),
    _route("attest_step", f"POST {_ONE}/steps/{{key}}", api.attest, Auth.OPERATOR),
    _route("get_changes", f"GET {_ONE}/changes", api.changes, Auth.OPERATOR),
    _route("get_ledger", f"GET {_ONE}/ledger", api.ledger, Auth.OPERATOR),
    _route("get_certificate", f"GET {_ONE}/certificate", api.certificate, Auth.OPERATOR),
    _route("list_reports", f"GET {_ONE}/reports", api.reports, Auth.OPERATOR),
    _route("list_operations", f"GET {_ONE}/operations", api.operations, Auth.OPERATOR),
    _route("match_operations", f"GET {_ONE}/operations/matched", api.matched, Auth.OPERATOR),
    _route("list_policies", f"GET {_ONE}/policies", api.list_policies, Auth.OPERATOR),
    _route("put_policy", f"PUT {_ONE}/policies/{{name}}", api.put_policy, Auth.OPERATOR),
    _route("delete_policy", f"DELETE {_ONE}/policies/{{name}}", api.delete_policy, Auth.OPERATOR),
    _route("consent_callback", "GET /api/consent/{platform}", api.consent, Auth.STATE),
    _route("notification", "POST /api/notifications/{source}", api.notified, Auth.SIGNED),
    _route("page_style", "GET /style.css", pages.style, Auth.NOBODY),
    _route("page_sign_in", "GET /sign-in/{token}", pages.sign_in, Auth.LINK),
    _route("page_connect", "GET /connect/{token}", pages.connect, Auth.LINK),
    _route("page_index", "GET /", pages.index, Auth.OPERATOR),
    _route("page_connection", "GET /connections/{id}", pages.connection, Auth.OPERATOR),
    _route("page_action", "POST /connections/{id}/{action}", pages.act, Auth.OPERATOR),
)


# Somebody without the right, or with a link or an id that is not theirs: told in the log, whoever it was.
TURNED_AWAY = frozenset({401, 403, 404, 410})


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))


async def answer(app: App, request: Request) -> Response:
    """Answer any request. Never raises: an error becomes a problem document, or a page for people."""
    try:
        return await _answer(app, request)
    except Refused as error:
        return _told(request, error)
    except FootprintError as error:
        status = 502 if isinstance(error, Permanent) else 503
        return _told(request, Refused(status, error.code, error.sentence))
    except Exception:
        log.exception("request failed by our own mistake", extra={"route": request.method})
        return _told(
            request, Refused(500, "internal_error", "This failed by our own mistake. The log has the details.")
        )


def _told(request: Request, error: Refused) -> Response:
    for_people = not request.path.startswith("/api/") or request.path.startswith("/api/consent/")
    told = pages.refused(error) if for_people else problem(error)
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
            actor = await operator(app, request)
        return await route.handler(app, replace(request, actor=actor))
    except Refused as error:
        if error.status in TURNED_AWAY:
            log.warning("request turned away", extra={"route": route.name, "code": error.code, "actor": actor})
        raise
