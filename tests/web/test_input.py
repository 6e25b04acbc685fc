"""The HTTP surface: no route is open by accident, bad input changes nothing, nothing secret is shown."""

import json
import logging
import subprocess
import sys
from typing import Any

import httpx
import pytest

from infra.local.printed_tables import ROOT
from shared.connections.secrets import header_secrets
from shared.engine.chain import verify
from shared.flows import consent, grant, invitation
from shared.foundation.schedule import TIMERS
from shared.web.accounts import sign_in_link
from shared.web.routes import ROUTES
from tests.harness.client import ask, at
from tests.harness.invited import COOKIE
from tests.harness.refusals import Told, is_told
from tests.harness.world import MASTER_KEY, World


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"platform": "nowhere", "site": "eu", "name": "x"}, "nowhere"),
        ({"platform": "microsoft365", "site": "mars", "name": "x"}, "site"),
        ({"platform": "microsoft365", "site": "eu", "name": ""}, "name"),
        ({"platform": "microsoft365", "site": "eu", "name": "x", "tenant": "../x"}, "tenant"),
        ({"platform": "microsoft365", "site": "eu", "name": "x", "colour": "red"}, "colour"),
    ],
)
async def test_bad_input_is_refused_by_name_and_changes_nothing(world: World, body: dict[str, Any], field: str) -> None:
    token = world.sims.operator_token()
    found = await ask(world, "POST", "/api/connections", token=token, body=body)
    assert found.status == 400
    assert found.headers["Content-Type"] == "application/problem+json"
    assert field in json.loads(found.body)["detail"]
    assert json.loads((await ask(world, "GET", "/api/connections", token=token)).body)["connections"] == []


async def test_a_session_is_begun_once_and_guards_its_forms(world: World) -> None:
    connection = await world.create()
    link = (await sign_in_link(world.app)).removeprefix(world.app.settings.public_url)
    cookie = (await ask(world, "GET", link)).headers["Set-Cookie"]
    assert "HttpOnly; SameSite=Lax" in cookie
    assert (await ask(world, "GET", link)).status == 410
    session = cookie.split(";")[0]
    assert (await ask(world, "GET", "/", cookie=session)).status == 200
    path = f"/connections/{connection.id}/revoke"
    assert (await ask(world, "POST", path, cookie=session, origin="https://evil.example")).status == 403
    assert (await ask(world, "POST", path, cookie=session, origin=world.app.settings.public_url)).status == 303


async def test_a_link_shows_its_own_connection_and_escapes_everything(world: World) -> None:
    mine = await world.create()
    new = grant.NewConnection(platform="microsoft365", site="uk", name="<script>alert(1)</script>")  # type: ignore[arg-type]
    other = await grant.create(world.app, new, "operator@msp.example")
    held = await invitation.enter(world.app, other.consent_url.partition("#")[2])
    page = await ask(world, "GET", "/connect", cookie=f"{COOKIE}={held}")
    assert page.status == 200
    assert b"<script>" not in page.body
    assert b"&lt;script&gt;" in page.body
    assert mine.name.encode() not in page.body
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (
            "admin_consent=True&error=access_denied&error_description=AADSTS65004%3A+no",
            Told(403, "consent_declined", ""),
        ),
        ("tenant=not-a-guid", Told(400, "callback_not_valid", "")),
    ],
)
async def test_a_callback_decides_on_the_error_first_and_a_state_is_good_once(
    world: World, query: str, told: Told
) -> None:
    connection = await world.create()
    browser = await world.opens(connection)
    url = await consent.platform_url(world.app, connection, browser)
    path = f"/api/consent/microsoft365?{query}&state={httpx.URL(url).params['state']}"
    held = {"cookie": f"{COOKIE}={browser}"}
    is_told(await ask(world, "GET", path, **held), told)
    after = await world.connection(connection.id)
    assert (after.claimed_tenant, after.tenant) == (None, None)
    is_told(await ask(world, "GET", path, **held), Told(410, "consent_over", ""))


async def test_nothing_secret_is_shown_written_or_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    connection = await world.connect()
    secrets = await header_secrets(world.app.seal, connection)
    secrets += [MASTER_KEY, world.sims.settings["FOOTPRINT_MICROSOFT__CLIENT_SECRET"], "eyJ"]
    token, shown, not_there = world.sims.operator_token(role="admin"), [], set[tuple[str, int, bool]]()
    for closing in (False, True):
        if closing:
            await world.leave(connection)
            token = world.sims.operator_token(role="admin")
        for route in ROUTES:
            if route.method == "GET" and route.needs_account:
                path = at(route, id=connection.id, section="ledger", name="everyone")
                found = await ask(world, "GET", path, token=token)
                shown.append(found.body.decode())
                if found.status != 200:
                    not_there.add((route.name, found.status, closing))
        for kind in ("ndjson", "csv"):
            path = f"/api/connections/{connection.id}/ledger?format={kind}"
            shown.append((await ask(world, "GET", path, token=token)).body.decode())
    never = {
        "get_batch",
        "page_batch",
        "get_export",
        "get_report",
        "get_report_csv",
        "get_report_html",
        "list_deliveries",
    }
    expected = {(name, 404, closing) for name in never for closing in (False, True)}
    expected |= {("page_batch_plan", 400, closing) for closing in (False, True)}  # it needs an operation
    expected |= {(name, 404, True) for name in ("get_snapshot", "get_undo")}
    assert not_there == expected | {("get_certificate", 404, False), ("get_policy", 404, True)}
    # A certificate's own signature is a token by its form, and no secret.
    text = "\n".join(page for page in shown if '"signature"' not in page) + caplog.text
    assert len(text) > 10_000
    for secret in secrets[:-1]:
        assert secret not in text
    assert "eyJ" not in caplog.text


async def test_a_changed_entry_of_the_ledger_is_found(world: World) -> None:
    closed = await world.leave(await world.connect())
    token = world.sims.operator_token()
    found = json.loads((await ask(world, "GET", f"/api/connections/{closed.id}/certificate", token=token)).body)
    assert found["certificate"]["residue"] == []
    assert await verify(world.app.database, closed.id) is None
    async with world.app.database.write() as write:
        await write.exec_driver_sql("UPDATE ledger SET note = 'nothing happened' WHERE number = 5")
    assert await verify(world.app.database, closed.id) == 5


def test_azures_host_offers_every_route_and_timer() -> None:
    listing = (
        "import json, function_app as f; print(json.dumps([x.get_function_name() for x in f.app.get_functions()]))"
    )
    command = [sys.executable, "-c", listing]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=True)  # noqa: S603 - our own words
    names = set(json.loads(done.stdout))
    queues = {"run_jobs", "give_up_jobs", "run_clean_up", "give_up_clean_up"}
    assert names == {r.name for r in ROUTES} | {t.name.replace("-", "_") for t in TIMERS} | queues
