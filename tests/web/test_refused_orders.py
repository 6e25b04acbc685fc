"""What the API refuses by a code of its own: the status, the sentence, and that nothing was changed."""

from typing import Any, NamedTuple

import pytest

from tests.harness.client import ask
from tests.harness.refusals import Told, is_told, nothing_changes
from tests.harness.world import World

NEW = {"platform": "microsoft365", "site": "eu", "name": "Contoso", "policies": []}
ONE = "/api/connections/{id}"
WHERE = {"operation": "sync", "where": {"q": "nobody is called so"}}
NOBODY = "0" * 32
THERE_IS_NO = "There is no such "


class Case(NamedTuple):
    """A request, and what it is told."""

    request: str
    told: Told
    body: Any = None
    role: str = "operator"


OF_NO_CONNECTION = (
    Case("GET /api/nothing", Told(404, "no_such_page", "This page does not exist.")),
    Case("PUT /api/connections", Told(405, "method_not_allowed", "This method is not allowed for this path."), {}),
    Case(f"GET /api/connections/{NOBODY}", Told(404, "no_such_connection", f"{THERE_IS_NO}connection.")),
    Case("POST /api/connections", Told(400, "unknown_platform", "There is no platform “x”."), NEW | {"platform": "x"}),
    Case("GET /api/connections?platform=x", Told(400, "unknown_platform", "platform: there is none but microsoft365")),
    Case(
        "POST /api/connections",
        Told(400, "unknown_mode", "modes: there is no mode “pigeon”; use api, inline."),
        NEW | {"platform": "google", "modes": ["api", "pigeon"]},
    ),
    Case(
        "POST /api/connections",
        Told(400, "unknown_mode", "modes: name at least one of api, inline."),
        NEW | {"platform": "google", "modes": []},
    ),
    Case(
        "POST /api/connections",
        Told(400, "unknown_mode", "modes: there is no mode “api”; Microsoft 365 has none."),
        NEW | {"modes": ["api"]},
    ),
    Case(
        "POST /api/connections",
        Told(400, "not_dispensable", "leave_out: “spoof” cannot be left out; only ip-allow."),
        NEW | {"leave_out": ["ip-allow", "spoof"]},
    ),
    Case(
        "POST /api/connections",
        Told(400, "not_dispensable", "leave_out: “ip-allow” cannot be left out; Google Workspace needs"),
        NEW | {"platform": "google", "leave_out": ["ip-allow"]},
    ),
    Case("GET /api/batches/x", Told(404, "no_such_batch", f"{THERE_IS_NO}batch.")),
    Case("POST /api/batches/x/stop", Told(404, "no_such_batch", f"{THERE_IS_NO}batch."), {}),
    Case("POST /api/batches", Told(400, "no_connections", "where: no connection matches."), WHERE | {"confirm": 0}),
    Case(
        "POST /api/batches", Told(409, "count_changed", "confirm: 0 connections match, not 3."), WHERE | {"confirm": 3}
    ),
    Case(
        "DELETE /api/sessions/x", Told(404, "no_such_session", f"{THERE_IS_NO}session, or it has ended."), role="admin"
    ),
    Case(
        "PUT /api/halts/site:moon",
        Told(404, "no_such_scope", "A scope is `everything`, `site:` and a site"),
        {"why": "x"},
        "admin",
    ),
    Case("DELETE /api/halts/site:eu", Told(404, "no_such_halt", ""), role="admin"),
    Case("POST /api/notifications/pigeon", Told(404, "no_such_source", "This address receives no notifications"), {}),
    Case(
        "POST /api/notifications/gmail", Told(401, "not_signed", "This notification is not signed by the account"), {}
    ),
)
OF_A_NEW_ONE = (
    Case(f"POST {ONE}/revoke", Told(403, "operators_only", "Your role is read-only."), {}, "viewer"),
    Case(f"GET {ONE}/certificate", Told(404, "no_certificate_yet", "The certificate is drawn up when clean-up")),
    Case(f"GET {ONE}/reports/x", Told(404, "no_such_report", f"{THERE_IS_NO}report.")),
    Case(f"GET {ONE}/reports/x/html", Told(404, "no_such_report", f"{THERE_IS_NO}report.")),
    Case(f"GET {ONE}/reports/x/csv", Told(404, "no_such_report", f"{THERE_IS_NO}report.")),
    Case(f"POST {ONE}/steps/x", Told(404, "no_such_step", "There is no administrator's step “x”."), {}),
    Case(f"POST {ONE}/steps/rule-incoming-domain", Told(404, "no_such_step", "There is no administrator's step"), {}),
    Case(
        f"POST {ONE}/move",
        Told(404, "no_such_tenant", "No other customer has, or had, a connection of a tenant"),
        {"tenant": NOBODY},
        "admin",
    ),
    Case(
        f"POST {ONE}/in-flight",
        Told(409, "not_being_revoked", "What is in flight counts only while access is being revoked."),
        {"in_flight": 0},
    ),
    Case(
        f"POST {ONE}/findings",
        Told(400, "until_is_past", "until: name a time that is still to come."),
        {"findings": ["x"], "reason": "agreed", "until": "2020-01-01T00:00:00Z"},
    ),
    Case(
        f"POST {ONE}/findings",
        Told(404, "no_such_finding", "There is no finding “mail-flow/x” any more."),
        {"findings": ["mail-flow/x"], "reason": "agreed"},
    ),
    Case(
        f"DELETE {ONE}/findings/x", Told(404, "no_such_choice", "No decision has this id, or the decision has ended.")
    ),
    Case(
        f"GET {ONE}/quarantine/export",
        Told(404, "no_such_export", "There is no such part of an export."),
        role="admin",
    ),
    Case(f"POST {ONE}/quarantine/7/release", Told(409, "not_running", ""), {}),
)
OF_A_CLOSED_ONE = (
    Case(f"PATCH {ONE}", Told(409, "connection_ended", "This connection is closed, and its record"), {"name": "Late"}),
    Case(f"POST {ONE}/invitation", Told(409, "connection_ended", "This connection is closed: create a new one"), {}),
)


async def asked(world: World, case: Case, identifier: str = "") -> None:
    """The request is refused in these words, and everything is as before."""
    method, path = case.request.replace("{id}", identifier).split()
    token = world.sims.operator_token(role=case.role)
    with nothing_changes(world):
        is_told(await ask(world, method, path, token=token, body=case.body), case.told)


@pytest.mark.parametrize("case", OF_NO_CONNECTION, ids=str)
async def test_what_is_about_no_connection(world: World, case: Case) -> None:
    await asked(world, case)


@pytest.mark.parametrize("case", OF_A_NEW_ONE, ids=str)
async def test_what_a_new_connection_does_not_offer(world: World, case: Case) -> None:
    await asked(world, case, (await world.create()).id)


@pytest.mark.parametrize("case", OF_A_CLOSED_ONE, ids=str)
async def test_what_ended_with_the_connection(world: World, case: Case) -> None:
    connection = await world.create()
    await world.revoke(connection)
    await asked(world, case, connection.id)
