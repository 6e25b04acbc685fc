"""Every route as data. A route that names no auth would not be typed.

A handler is named, not imported: the hosts read this at every cold start, and a request needs only its own.
"""

from dataclasses import dataclass
from enum import Enum


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
    handler: str
    """Its module in `shared.web` and its name there: an async function of an App and a Request to a Response."""
    auth: Auth


def _route(name: str, line: str, handler: str, auth: Auth) -> Route:
    method, path = line.split()
    return Route(name=name, method=method, path=path, handler=handler, auth=auth)


_ONE = "/api/connections/{id}"

ROUTES: tuple[Route, ...] = (
    _route("health", "GET /api/health", "api.overview.health", Auth.NOBODY),
    _route("create_connection", "POST /api/connections", "api.acts.create", Auth.OPERATOR),
    _route("list_connections", "GET /api/connections", "api.overview.every", Auth.OPERATOR),
    _route("get_connection", f"GET {_ONE}", "api.overview.one", Auth.OPERATOR),
    _route("get_plan", f"GET {_ONE}/plan", "api.records.plan", Auth.OPERATOR),
    _route("sync", f"POST {_ONE}/sync", "api.acts.sync", Auth.OPERATOR),
    _route("reconcile", f"POST {_ONE}/reconcile", "api.acts.reconcile", Auth.OPERATOR),
    _route("grant", f"POST {_ONE}/grant", "api.acts.grant_again", Auth.OPERATOR),
    _route("revoke", f"POST {_ONE}/revoke", "api.acts.revoke_access", Auth.OPERATOR),
    _route("attest_step", f"POST {_ONE}/steps/{{key}}", "api.acts.attest", Auth.OPERATOR),
    _route("get_changes", f"GET {_ONE}/changes", "api.records.changes", Auth.OPERATOR),
    _route("get_ledger", f"GET {_ONE}/ledger", "api.records.ledger", Auth.OPERATOR),
    _route("get_certificate", f"GET {_ONE}/certificate", "api.records.certificate", Auth.OPERATOR),
    _route("list_reports", f"GET {_ONE}/reports", "api.reports.every", Auth.OPERATOR),
    _route("get_report_settings", f"GET {_ONE}/reports/settings", "api.reports.settings", Auth.OPERATOR),
    _route("put_report_settings", f"PUT {_ONE}/reports/settings", "api.reports.put_settings", Auth.OPERATOR),
    _route("get_report", f"GET {_ONE}/reports/{{report}}", "api.reports.one", Auth.OPERATOR),
    _route("get_report_html", f"GET {_ONE}/reports/{{report}}/html", "api.reports.as_html", Auth.OPERATOR),
    _route("get_report_csv", f"GET {_ONE}/reports/{{report}}/csv", "api.reports.as_csv", Auth.OPERATOR),
    _route("list_operations", f"GET {_ONE}/operations", "api.records.operations", Auth.OPERATOR),
    _route("match_operations", f"GET {_ONE}/operations/matched", "api.records.matched", Auth.OPERATOR),
    _route("list_policies", f"GET {_ONE}/policies", "api.policies.list_policies", Auth.OPERATOR),
    _route("get_policy", f"GET {_ONE}/policies/{{name}}", "api.policies.get_policy", Auth.OPERATOR),
    _route("put_policy", f"PUT {_ONE}/policies/{{name}}", "api.policies.put_policy", Auth.OPERATOR),
    _route("delete_policy", f"DELETE {_ONE}/policies/{{name}}", "api.policies.delete_policy", Auth.OPERATOR),
    _route("list_quarantine", f"GET {_ONE}/quarantine", "api.quarantine.list_items", Auth.OPERATOR),
    _route("get_export", f"GET {_ONE}/quarantine/export", "api.quarantine.get_export", Auth.OPERATOR),
    _route("make_export", f"POST {_ONE}/quarantine/export", "api.quarantine.make_export", Auth.OPERATOR),
    _route("release_item", f"POST {_ONE}/quarantine/{{item}}/release", "api.quarantine.release_item", Auth.OPERATOR),
    _route("consent_callback", "GET /api/consent/{platform}", "api.callbacks.consent", Auth.STATE),
    _route("notification", "POST /api/notifications/{source}", "api.callbacks.notified", Auth.SIGNED),
    _route("page_style", "GET /style.css", "pages.style", Auth.NOBODY),
    _route("page_sign_in", "GET /sign-in/{token}", "pages.sign_in", Auth.LINK),
    _route("page_connect", "GET /connect/{token}", "pages.connect", Auth.LINK),
    _route("page_index", "GET /", "pages.index", Auth.OPERATOR),
    _route("page_connection", "GET /connections/{id}", "pages.connection", Auth.OPERATOR),
    _route("page_action", "POST /connections/{id}/{action}", "pages.act", Auth.OPERATOR),
)
