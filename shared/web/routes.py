"""Every route as data. A route that names no auth would not be typed.

A handler is named, not imported: the hosts read this at every cold start, and a request needs only its own.
"""

from dataclasses import dataclass
from enum import Enum


class Auth(Enum):
    """What lets a request in."""

    VIEWER = "a bearer token or a console session, of whatever role"
    OPERATOR = "a bearer token or a console session with the role operator"
    ADMIN = "a bearer token or a console session with the role admin"
    BREAK_GLASS = "the deployment's sealed secret, while the issuer is down"
    LINK = "the signed link in its path"
    INVITED = "the cookie of a browser that has opened an invitation's link; without it, a field for the link's code"
    STATE = "the signed state in its query, in the browser that began"
    SIGNED = "the platform's own signature"
    SCANNER = "the scanner's signature"
    NOBODY = "none"


@dataclass(frozen=True, kw_only=True)
class Route:
    """One route. `{name}` in a path stands for one segment."""

    name: str
    method: str
    path: str
    handler: str
    """Its module in `shared.web` and its name there, where it says what it takes and what it answers."""
    auth: Auth
    cost: int = 1
    """How many requests it counts as, of those that an account, or else an address, may send in a minute."""
    largest_body: int
    """How many bytes of a body it takes, from every caller alike."""

    @property
    def in_api(self) -> bool:
        """Whether it is part of the API, and no page."""
        return self.path.startswith("/api/")

    @property
    def needs_account(self) -> bool:
        """Whether only an account is let in, whatever its role."""
        return self.auth in (Auth.VIEWER, Auth.OPERATOR, Auth.ADMIN)

    @property
    def needs_two(self) -> bool:
        """Whether it takes a second administrator where a setting asks for one. Ending a session is no harm."""
        return self.auth is Auth.ADMIN and self.method != "GET" and self.name != "end_session"

    @property
    def may_be_repeated(self) -> bool:
        """Whether it acts, and takes a key by which the same request is known again."""
        return self.in_api and self.auth in (Auth.OPERATOR, Auth.ADMIN) and self.method == "POST"


KIB = 1024
# Methods whose requests have a body.
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# Larger than anything that is sent to us in earnest: a connection with its policies.
MAX_BODY_BYTES = 256 * KIB
# A message to be tried.
MAX_MESSAGE_BYTES = 4 * 1024 * KIB
# A button's form, or the few words that go with an order.
MAX_ORDER_BYTES = 4 * KIB

# What looks at a tenant makes many calls there, so it counts as so many requests.
COST_OF_A_LOOK = 10
# What is answered from memory, and what only the platform can sign, which has few addresses and much to tell.
FREE = 0


def _route(
    name: str, line: str, handler: str, auth: Auth, cost: int = 1, *, largest_body: int = MAX_ORDER_BYTES
) -> Route:
    method, path = line.split()
    most = largest_body if method in WITH_BODY else 0
    return Route(name=name, method=method, path=path, handler=handler, auth=auth, cost=cost, largest_body=most)


_ONE = "/api/connections/{id}"

ROUTES: tuple[Route, ...] = (
    _route("health", "GET /api/health", "api.connections.health", Auth.NOBODY, FREE),
    _route("ready", "GET /api/health/ready", "api.health.ready", Auth.NOBODY),
    _route("metrics", "GET /api/metrics", "api.health.metrics", Auth.VIEWER, COST_OF_A_LOOK),
    _route("get_sign_in", "GET /api/sign-in", "api.signing_in.how", Auth.NOBODY),
    _route("describe", "GET /api/openapi.json", "api.description.document", Auth.NOBODY, FREE),
    _route(
        "create_connection", "POST /api/connections", "api.actions.create", Auth.OPERATOR, largest_body=MAX_BODY_BYTES
    ),
    _route("list_connections", "GET /api/connections", "api.connections.every", Auth.VIEWER),
    _route("get_connection", f"GET {_ONE}", "api.connections.one", Auth.VIEWER),
    _route("edit_connection", f"PATCH {_ONE}", "api.edits.edit", Auth.OPERATOR, largest_body=16 * KIB),
    _route("erase_connection", f"DELETE {_ONE}", "api.records.erase", Auth.ADMIN),
    *(
        # Each may hold a policy.
        _route(name, line, handler, Auth.OPERATOR, COST_OF_A_LOOK, largest_body=MAX_BODY_BYTES)
        for name, line, handler in (
            ("plan_batch", "POST /api/batches/plan", "api.batches.plan"),
            ("create_batch", "POST /api/batches", "api.batches.create"),
            ("page_batch_create", "POST /batches", "pages.batches.create"),
        )
    ),
    _route("list_batches", "GET /api/batches", "api.batches.every", Auth.VIEWER),
    _route("get_batch", "GET /api/batches/{batch}", "api.batches.one", Auth.VIEWER),
    _route("stop_batch", "POST /api/batches/{batch}/stop", "api.batches.stop", Auth.OPERATOR),
    _route("list_users", f"GET {_ONE}/users", "api.directory.users", Auth.VIEWER),
    _route("list_groups", f"GET {_ONE}/groups", "api.directory.groups", Auth.VIEWER),
    _route("get_plan", f"GET {_ONE}/plan", "api.records.plan", Auth.VIEWER, COST_OF_A_LOOK),
    _route("sync", f"POST {_ONE}/sync", "api.actions.sync", Auth.OPERATOR),
    _route("reconcile", f"POST {_ONE}/reconcile", "api.actions.reconcile", Auth.OPERATOR),
    _route("renew_invitation", f"POST {_ONE}/invitation", "api.actions.renew_invitation", Auth.OPERATOR),
    _route("end_invitation", f"DELETE {_ONE}/invitation", "api.actions.end_invitation", Auth.OPERATOR),
    _route("grant", f"POST {_ONE}/grant", "api.actions.grant_again", Auth.OPERATOR),
    _route("pause", f"PUT {_ONE}/pause", "api.pause.put", Auth.OPERATOR),
    _route("resume", f"DELETE {_ONE}/pause", "api.pause.end", Auth.OPERATOR),
    _route("move_tenant", f"POST {_ONE}/move", "api.actions.move_tenant", Auth.ADMIN),
    _route("revoke", f"POST {_ONE}/revoke", "api.actions.revoke_access", Auth.OPERATOR),
    _route("tell_in_flight", f"POST {_ONE}/in-flight", "api.in_flight.told", Auth.OPERATOR),
    _route("send_marked_message", f"POST {_ONE}/marked-messages", "api.marked_messages.send", Auth.OPERATOR),
    _route("list_marked_messages", f"GET {_ONE}/marked-messages", "api.marked_messages.listed", Auth.VIEWER),
    _route("attest_step", f"POST {_ONE}/steps/{{key}}", "api.actions.attest", Auth.OPERATOR),
    _route("list_findings", f"GET {_ONE}/findings", "api.findings.listed", Auth.VIEWER),
    _route("say_of_findings", f"POST {_ONE}/findings", "api.findings.say", Auth.OPERATOR, largest_body=64 * KIB),
    _route("withdraw_choice", f"DELETE {_ONE}/findings/{{choice}}", "api.findings.withdraw", Auth.OPERATOR),
    _route("list_snapshots", f"GET {_ONE}/snapshots", "api.snapshots.listed", Auth.VIEWER),
    _route("get_snapshot", f"GET {_ONE}/snapshots/{{number}}", "api.snapshots.one", Auth.OPERATOR),
    _route("get_undo", f"GET {_ONE}/snapshots/{{number}}/undo", "api.snapshots.undo", Auth.OPERATOR),
    _route("get_changes", f"GET {_ONE}/changes", "api.records.changes", Auth.VIEWER),
    _route("get_ledger", f"GET {_ONE}/ledger", "api.records.ledger", Auth.VIEWER),
    _route("get_certificate", f"GET {_ONE}/certificate", "api.records.certificate", Auth.VIEWER),
    _route("list_reports", f"GET {_ONE}/reports", "api.reports.every", Auth.VIEWER),
    _route("get_report_settings", f"GET {_ONE}/reports/settings", "api.reports.settings", Auth.VIEWER),
    _route(
        "put_report_settings",
        f"PUT {_ONE}/reports/settings",
        "api.reports.put_settings",
        Auth.OPERATOR,
        largest_body=16 * KIB,
    ),
    _route("get_report", f"GET {_ONE}/reports/{{report}}", "api.reports.one", Auth.VIEWER),
    _route("get_report_html", f"GET {_ONE}/reports/{{report}}/html", "api.reports.as_html", Auth.VIEWER),
    _route("get_report_csv", f"GET {_ONE}/reports/{{report}}/csv", "api.reports.as_csv", Auth.VIEWER),
    _route("list_operations", f"GET {_ONE}/operations", "api.records.operations", Auth.VIEWER),
    _route("match_operations", f"GET {_ONE}/operations/matched", "api.records.matched", Auth.VIEWER, COST_OF_A_LOOK),
    _route("get_whole_ledger", "GET /api/ledger", "api.records.whole_ledger", Auth.VIEWER),
    _route("create_webhook", "POST /api/webhooks", "api.webhooks.create", Auth.OPERATOR),
    _route("list_webhooks", "GET /api/webhooks", "api.webhooks.every", Auth.VIEWER),
    _route("delete_webhook", "DELETE /api/webhooks/{webhook}", "api.webhooks.delete", Auth.OPERATOR),
    _route("rotate_webhook", "POST /api/webhooks/{webhook}/rotate", "api.webhooks.rotate", Auth.OPERATOR),
    _route("list_deliveries", "GET /api/webhooks/{webhook}/deliveries", "api.webhooks.deliveries", Auth.VIEWER),
    _route(
        "replay_delivery",
        "POST /api/webhooks/{webhook}/deliveries/{event}/replay",
        "api.webhooks.replay",
        Auth.OPERATOR,
    ),
    _route("create_witness", "POST /api/witnesses", "api.witnesses.create", Auth.OPERATOR),
    _route("list_witnesses", "GET /api/witnesses", "api.witnesses.every", Auth.VIEWER),
    _route("delete_witness", "DELETE /api/witnesses/{witness}", "api.witnesses.delete", Auth.OPERATOR),
    _route("list_policies", f"GET {_ONE}/policies", "api.policies.list_policies", Auth.VIEWER),
    _route("get_policy", f"GET {_ONE}/policies/{{name}}", "api.policies.get_policy", Auth.VIEWER),
    _route(
        "put_policy",
        f"PUT {_ONE}/policies/{{name}}",
        "api.policies.put_policy",
        Auth.OPERATOR,
        largest_body=MAX_BODY_BYTES,
    ),
    _route(
        "try_policy",
        f"POST {_ONE}/policies/{{name}}/try",
        "api.policies.try_policy",
        Auth.VIEWER,
        COST_OF_A_LOOK,
        largest_body=MAX_MESSAGE_BYTES,
    ),
    _route("delete_policy", f"DELETE {_ONE}/policies/{{name}}", "api.policies.delete_policy", Auth.OPERATOR),
    _route("list_quarantine", f"GET {_ONE}/quarantine", "api.quarantine.list_items", Auth.VIEWER),
    _route("get_export", f"GET {_ONE}/quarantine/export", "api.quarantine.get_export", Auth.ADMIN),
    _route("make_export", f"POST {_ONE}/quarantine/export", "api.quarantine.make_export", Auth.ADMIN),
    _route("release_item", f"POST {_ONE}/quarantine/{{item}}/release", "api.quarantine.release_item", Auth.OPERATOR),
    _route("erase_person", "POST /api/people/erase", "api.people.erase", Auth.ADMIN, COST_OF_A_LOOK),
    _route("list_sessions", "GET /api/sessions", "api.sessions.every", Auth.ADMIN),
    _route("end_session", "DELETE /api/sessions/{session}", "api.sessions.end", Auth.ADMIN),
    _route("list_halts", "GET /api/halts", "api.halts.every", Auth.VIEWER),
    _route("halt", "PUT /api/halts/{scope}", "api.halts.put", Auth.ADMIN),
    _route("lift_halt", "DELETE /api/halts/{scope}", "api.halts.lift", Auth.ADMIN),
    _route("consent_callback", "GET /api/consent/{platform}", "api.callbacks.consent", Auth.STATE),
    _route(
        "notification",
        "POST /api/notifications/{source}",
        "api.callbacks.notified",
        Auth.SIGNED,
        FREE,
        largest_body=64 * KIB,
    ),
    _route("report_sighting", "POST /api/scanner/sightings", "api.marked_messages.seen", Auth.SCANNER, FREE),
    _route("report_in_flight", "POST /api/scanner/in-flight", "api.marked_messages.in_flight", Auth.SCANNER, FREE),
    _route("signing_keys", "GET /.well-known/jwks.json", "keys.published", Auth.NOBODY, FREE),
    _route("page_runbook", "GET /runbook", "pages.runbook.index", Auth.NOBODY),
    _route("page_runbook_code", "GET /runbook/{code}", "pages.runbook.one", Auth.NOBODY),
    _route("page_style", "GET /style.css", "pages.assets.style", Auth.NOBODY, FREE),
    _route("page_script", "GET /console.js", "pages.assets.script", Auth.NOBODY, FREE),
    _route("page_icon", "GET /icon.svg", "pages.assets.icon", Auth.NOBODY, FREE),
    _route("page_sign_in", "GET /sign-in", "sign_in.begin", Auth.NOBODY),
    _route("page_sign_in_back", "GET /sign-in/back", "sign_in.back", Auth.STATE),
    _route("page_sign_in_once", "GET /sign-in/once/{token}", "sign_in.once", Auth.LINK),
    _route("page_break_glass", "GET /sign-in/break-glass", "break_glass.form", Auth.NOBODY),
    _route(
        "page_break_glass_enter", "POST /sign-in/break-glass", "break_glass.enter", Auth.BREAK_GLASS, COST_OF_A_LOOK
    ),
    _route("page_sign_out", "POST /sign-out", "sign_in.end", Auth.VIEWER),
    _route("page_connect", "GET /connect", "pages.connect.page", Auth.INVITED),
    _route("page_connect_post", "POST /connect", "pages.connect.post", Auth.INVITED),
    _route("page_index", "GET /", "pages.home.page", Auth.VIEWER),
    _route("page_search", "GET /search", "pages.search.page", Auth.VIEWER),
    _route("page_activity", "GET /activity", "pages.activity.page", Auth.VIEWER),
    _route("page_erase_person", "POST /people/erase", "pages.people.erase", Auth.ADMIN, COST_OF_A_LOOK),
    _route("page_settings", "GET /settings", "pages.deployment.settings", Auth.VIEWER),
    _route("page_health", "GET /health", "pages.deployment.status", Auth.VIEWER),
    _route("page_witnesses", "GET /witnesses", "pages.witnesses.page", Auth.VIEWER),
    _route("page_add_witness", "POST /witnesses", "pages.witnesses.create", Auth.OPERATOR),
    _route("page_remove_witness", "POST /witnesses/{witness}/remove", "pages.witnesses.remove", Auth.OPERATOR),
    _route("page_documentation", "GET /documentation", "pages.deployment.documentation", Auth.VIEWER),
    _route("page_batches", "GET /batches", "pages.batches.every", Auth.VIEWER),
    _route("page_batch_plan", "GET /batches/new", "pages.batches.new", Auth.OPERATOR, COST_OF_A_LOOK),
    _route("page_batch", "GET /batches/{batch}", "pages.batches.page", Auth.VIEWER),
    _route("page_batch_stop", "POST /batches/{batch}/stop", "pages.batches.stop", Auth.OPERATOR),
    _route("page_list", "GET /connections", "pages.connections.index", Auth.VIEWER),
    _route("page_new", "GET /connections/new", "pages.connections.new", Auth.OPERATOR),
    _route("page_create", "POST /connections", "pages.connections.create", Auth.OPERATOR, largest_body=MAX_BODY_BYTES),
    _route("page_connection", "GET /connections/{id}", "pages.connection.page", Auth.VIEWER),
    _route("page_plan", "GET /connections/{id}/plan", "pages.plans.page", Auth.VIEWER, COST_OF_A_LOOK),
    _route("page_section", "GET /connections/{id}/{section}", "pages.sections.page", Auth.VIEWER),
    _route(
        "page_action",
        "POST /connections/{id}/{action}",
        "pages.actions.act",
        Auth.OPERATOR,
        largest_body=MAX_BODY_BYTES,
    ),
)
