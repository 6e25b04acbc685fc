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
from shared.web.messages import Request, Response, problem
from shared.web.operators import operator

log = logging.getLogger(__name__)


class Auth(Enum):
    """What lets a request in."""

    OPERATOR = "a bearer token or a console session"
    LINK = "the signed link in its path"
    STATE = "the signed state in its query"
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
    _route("list_policies", f"GET {_ONE}/policies", api.list_policies, Auth.OPERATOR),
    _route("put_policy", f"PUT {_ONE}/policies/{{name}}", api.put_policy, Auth.OPERATOR),
    _route("delete_policy", f"DELETE {_ONE}/policies/{{name}}", api.delete_policy, Auth.OPERATOR),
    _route("consent_callback", "GET /api/consent/{platform}", api.consent, Auth.STATE),
    _route("page_style", "GET /style.css", pages.style, Auth.NOBODY),
    _route("page_sign_in", "GET /sign-in/{token}", pages.sign_in, Auth.LINK),
    _route("page_connect", "GET /connect/{token}", pages.connect, Auth.LINK),
    _route("page_index", "GET /", pages.index, Auth.OPERATOR),
    _route("page_connection", "GET /connections/{id}", pages.connection, Auth.OPERATOR),
    _route("page_action", "POST /connections/{id}/{action}", pages.act, Auth.OPERATOR),
)


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)) + "$")


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
    return pages.refused(error) if for_people else problem(error)


async def _answer(app: App, request: Request) -> Response:
    other_methods: list[str] = []
    for route in ROUTES:
        matched = _pattern(route.path).match(request.path)
        if not matched:
            continue
        if route.method != request.method:
            other_methods.append(route.method)
            continue
        actor = await operator(app, request) if route.auth is Auth.OPERATOR else ""
        return await route.handler(app, replace(request, args=matched.groupdict(), actor=actor))
    if other_methods:
        raise Refused(405, "method_not_allowed", f"Here only {', '.join(other_methods)} is understood.")
    raise Refused(404, "no_such_page", "There is nothing at this address.")
