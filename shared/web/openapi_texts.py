"""What the API's document says beside what its routes and handlers say: headers, parts of addresses, why it refuses."""

from collections.abc import Mapping
from typing import Any

from shared import __version__
from shared.web.routes import WITH_BODY, Auth, Route

INFO = {
    "version": __version__,
    "description": "Connects an email-protection service to its customers' tenants, and takes it away again leaving "
    "nothing behind. Lists are read page by page: send what came as `next` as `cursor`. What is answered 202 is done "
    "in a while; the connection tells how it goes.",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}

# Each with the parts of addresses that it is about.
TAGS: Mapping[str, tuple[str, frozenset[str]]] = {
    "connections": (
        "a customer's connection: create, check, sync, revoke",
        frozenset(
            {"connections", "plan", "sync", "reconcile", "grant", "invitation", "move", "revoke", "steps", "changes"}
            | {"findings", "in-flight", "marked-messages", "pause", "snapshots"}
        ),
    ),
    "batches": ("one operation on many connections", frozenset({"batches", "stop"})),
    "records": ("what was done, and the exit record", frozenset({"ledger", "operations", "certificate"})),
    "directory": ("our copy of a tenant's directory", frozenset({"users", "groups"})),
    "policies": ("whose mail is protected, and what happens to it", frozenset({"policies"})),
    "quarantine": ("messages that were taken out of mailboxes", frozenset({"quarantine"})),
    "reports": ("what happened in a day, a week or a month", frozenset({"reports"})),
    "halts": ("the kill switch: nothing is sent to a platform while a halt stands", frozenset({"halts"})),
    "people": ("persons whom we keep something of", frozenset({"people"})),
    "sessions": ("who is signed in at the console", frozenset({"sessions"})),
    "platforms": ("where platforms send browsers and notifications", frozenset({"consent", "notifications"})),
    "scanner": ("what the scanning service reports", frozenset({"scanner"})),
    "webhooks": ("who receives events", frozenset({"webhooks", "deliveries", "rotate"})),
    "witnesses": ("who cosigns the checkpoints of the ledgers", frozenset({"witnesses"})),
    "service": ("the service itself", frozenset({"health", "metrics", "openapi.json", "sign-in"})),
}

_TEXT = {"type": "string", "minLength": 1}
# A server gives up on an address with a line feed before anybody is asked.
_ID = {**_TEXT, "pattern": "^[^\\x00-\\x1f\\x7f]+$"}
PARTS: Mapping[str, dict[str, Any]] = {
    "id": {"description": "a connection's id", "schema": _TEXT},
    "batch": {"description": "a batch's id", "schema": _ID},
    "key": {"description": "the key of a row of the published table", "schema": _TEXT},
    "choice": {"description": "the id of a decision about a finding", "schema": _ID},
    "name": {"description": "a policy's name", "schema": _TEXT},
    "report": {"description": "a report's name", "schema": _TEXT},
    "number": {
        "description": "the number of a snapshot",
        "schema": {"type": "integer", "minimum": 1, "maximum": 10**9 - 1},
    },
    "item": {"description": "the id of a message in quarantine", "schema": _ID},
    "webhook": {"description": "a webhook's id", "schema": _ID},
    "witness": {"description": "a witness's id", "schema": _ID},
    "event": {"description": "an event's id, which its deliveries bear as `webhook-id`", "schema": _ID},
    "platform": {"description": "the platform that was consented on", "schema": {"type": "string"}},
    "scope": {"description": "`everything`, `site:eu` (or another site) or `connection:` and an id", "schema": _ID},
    "session": {"description": "the id of a session", "schema": _ID},
    "source": {"description": "which of the platform's services sends them", "schema": _TEXT},
}

KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "the same request with the same key is carried out once, and answered alike for 24 hours",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]*$"},
}
SEEN = [
    {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": "the ETag of what you have seen; to change what exists takes it",
    },
    {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": r"^\*$"},
        "description": "only make what does not exist yet",
    },
]
PLANNED = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "the ETag of the plan that is ordered: refused if a fresh read of the tenant gives another one",
}
UNLESS_SEEN = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "the ETag of what you have: 304 if it is still so",
}

HEADERS: Mapping[str, dict[str, Any]] = {
    name: {"description": text, "schema": {"type": kind}}
    for name, kind, text in (
        ("ETag", "string", "changes whenever the content does"),
        ("Link", "string", 'leads to the next page, with rel="next", if there is one'),
        ("Content-Disposition", "string", "a name for the file"),
        ("Location", "string", "where to go on"),
        ("Idempotency-Replayed", "string", "`true`: the same request came before, and this was answered"),
        ("RateLimit", "string", "how many requests are left, and in how many seconds it will be all of them again"),
        ("RateLimit-Policy", "string", "how many requests an account may send in how many seconds"),
        ("Retry-After", "integer", "in how many seconds it is worth asking again"),
        ("WWW-Authenticate", "string", "how to sign in"),
        ("X-Request-Id", "string", "the service's log lines about this request bear it"),
    )
}
# Headers of problems, with the statuses that they come with. An account is told what it has left whatever it is told.
_TO_AN_ACCOUNT = frozenset({400, 403, 404, 409, 410, 412, 413, 415, 422, 428, 429, 500, 502, 503})
ABOUT: Mapping[str, frozenset[int]] = {
    "Idempotency-Replayed": frozenset({400, 403, 404, 409, 415}),
    "RateLimit": _TO_AN_ACCOUNT,
    "RateLimit-Policy": _TO_AN_ACCOUNT,
    "Retry-After": frozenset({409, 429, 503}),
    "WWW-Authenticate": frozenset({401}),
}


def problems(route: Route, looked_for: Mapping[str, Any], takes: Mapping[str, Any]) -> tuple[str, ...]:
    """What follows from a route, from the fields of its query and from what its handler takes: "STATUS code" each.

    Without a code it may be any.
    """
    acts = route.needs_account and route.method in WITH_BODY
    rules: Mapping[tuple[str, ...], bool] = {
        ("400 not_valid", "413 body_too_large", "500 internal_error", "503"): True,
        ("401 sign_in_first", "403 no_role", "403 no_customer"): route.needs_account,
        ("429 too_many_requests",): route.cost > 0,
        ("403 operators_only",): route.auth in (Auth.OPERATOR, Auth.ADMIN),
        ("403 administrators_only",): route.auth is Auth.ADMIN,
        ("409 second_person_needed",): route.needs_two,
        ("403 another_origin",): route.needs_account and route.method != "GET",
        ("404 no_such_connection",): "{id}" in route.path,
        ("400 cursor_not_valid",): "cursor" in looked_for,
        ("408 body_too_slow",): route.largest_body > 0,
        ("415 not_json",): acts,
        (
            "400 key_not_valid",
            "409 still_being_answered",
            "409 answer_lost",
            "409 carried_out_by_another",
            "422 idempotency_key_reused",
            "502",
        ): route.may_be_repeated,
        ("412 changed_meanwhile", "428 precondition_required"): "seen" in takes,
        ("412 plan_outdated", "502"): "planned" in takes,
        ("412 exists_already",): "seen" in takes and route.method == "PUT",
    }
    return tuple(line for lines, holds in rules.items() if holds for line in lines)
