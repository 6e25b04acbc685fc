"""The HTTP surface: no route is open by accident, bad input changes nothing, nothing secret is shown."""

import json
import logging
import re
import subprocess
import sys
from typing import Any

import jwt
import pytest

from infra.local.readme import README
from shared.chain import verify
from shared.handlers import grant
from shared.schedule import TIMERS
from shared.web.answer import answer
from shared.web.messages import Request, Response
from shared.web.operators import COOKIE, begin_session, sign_in_link
from shared.web.routes import ROUTES, Auth, Route
from tests.world import MASTER_KEY, World

OPEN = {"health", "page_style"}
GUARD_THEMSELVES = {"consent_callback": 410, "page_sign_in": 410, "page_connect": 410, "notification": 404}


async def ask(
    world: World, method: str, path: str, *, token: str | None = None, body: Any = None, **headers: str
) -> Response:
    """One request as a host would hand it over."""
    path, _, query = path.partition("?")
    given = {"authorization": f"Bearer {token}"} if token else {}
    return await answer(
        world.app,
        Request(
            method=method,
            path=path,
            query=dict(pair.split("=", 1) for pair in query.split("&") if pair),
            headers=given | headers,
            body=json.dumps(body).encode() if body is not None else b"",
        ),
    )


def at(route: Route, **parts: str) -> str:
    """The address of a route; a part of it that nothing is said of is there and means nothing."""
    return re.sub(r"{(\w+)}", lambda part: parts.get(part[1], "1"), route.path)


def tokens(world: World) -> dict[str, str]:
    """Tokens that must not let anybody in."""
    good = world.sims.operator_token()
    content = jwt.decode(good, options={"verify_signature": False})
    key = {"kid": jwt.get_unverified_header(good)["kid"]}
    head, payload, signature = good.split(".")
    return {
        "none": "",
        "garbage": "garbage",
        "wrong signature": f"{head}.{payload}.{signature[:-4]}AAAA",
        "unsigned": jwt.encode(content, None, algorithm="none", headers=key),
        "symmetric": jwt.encode(content, "k" * 32, algorithm="HS256", headers=key),
        "no role": world.sims.operator_token(role="viewer"),
    }


@pytest.mark.parametrize("kind", ["none", "garbage", "wrong signature", "unsigned", "symmetric", "no role"])
async def test_no_route_is_open_by_accident(world: World, kind: str) -> None:
    connection = await world.create()
    before = await world.connection(connection.id)
    token = tokens(world)[kind]
    for route in ROUTES:
        path = at(route, id=connection.id, platform="microsoft365", key="application", action="revoke")
        found = await ask(world, route.method, path, token=token or None, body={})
        if route.auth is Auth.OPERATOR:
            assert found.status in (401, 403), route.name
        elif route.name in GUARD_THEMSELVES:
            assert found.status == GUARD_THEMSELVES[route.name], route.name
        else:
            assert route.name in OPEN
            assert found.status == 200
    assert await world.connection(connection.id) == before


async def test_an_expired_token_does_not_let_in(world: World) -> None:
    token = world.sims.operator_token()
    assert (await ask(world, "GET", "/api/connections", token=token)).status == 200
    world.control("POST", "/clock", advance=7 * 86400)
    assert (await ask(world, "GET", "/api/connections", token=token)).status == 401


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
    assert json.loads((await ask(world, "GET", "/api/connections", token=token)).body) == {"connections": []}


async def test_a_session_is_begun_once_and_guards_its_forms(world: World) -> None:
    connection = await world.create()
    link = (await sign_in_link(world.app)).rsplit("/", 1)[1]
    cookie = await begin_session(world.app, link)
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert (await ask(world, "GET", f"/sign-in/{link}")).status == 410
    session = cookie.split(";")[0]
    assert session.startswith(COOKIE)
    assert (await ask(world, "GET", "/", cookie=session)).status == 200
    path = f"/connections/{connection.id}/revoke"
    assert (await ask(world, "POST", path, cookie=session, origin="https://evil.example")).status == 403
    assert (await ask(world, "POST", path, cookie=session, origin=world.app.settings.public_url)).status == 303


async def test_a_link_shows_its_own_connection_and_escapes_everything(world: World) -> None:
    mine = await world.create()
    new = grant.NewConnection(platform="microsoft365", site="uk", name="<script>alert(1)</script>")  # type: ignore[arg-type]
    other = await grant.create(world.app, new, "operator@msp.example")
    page = await ask(world, "GET", other["consent_url"].removeprefix(world.app.settings.public_url))
    assert page.status == 200
    assert b"<script" not in page.body
    assert b"&lt;script&gt;" in page.body
    assert mine.name.encode() not in page.body
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "query", ["admin_consent=True&error=access_denied&error_description=AADSTS65004%3A+no", "tenant=not-a-guid"]
)
async def test_a_callback_decides_on_the_error_first_and_a_state_is_good_once(world: World, query: str) -> None:
    connection = await world.create()
    url = await grant.platform_url(world.app, connection)
    state = url.split("state=")[1]
    path = f"/api/consent/microsoft365?{query}&state={state}"
    assert (await ask(world, "GET", path)).status in (400, 403)
    after = await world.connection(connection.id)
    assert (after.claimed_tenant, after.tenant) == (None, None)
    assert (await ask(world, "GET", path)).status == 410


async def test_nothing_secret_is_shown_written_or_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    connection = await world.connect()
    secrets = await world.app.seal.headers(connection)
    secrets += [MASTER_KEY, world.sims.settings["FOOTPRINT_MICROSOFT__CLIENT_SECRET"], "eyJ"]
    token, shown = world.sims.operator_token(), []
    for closing in (False, True):
        if closing:
            await world.leave(connection)
            token = world.sims.operator_token()
        for route in ROUTES:
            if route.method == "GET" and route.auth is Auth.OPERATOR:
                found = await ask(world, "GET", at(route, id=connection.id), token=token)
                shown.append(found.body.decode())
                assert found.status in (200, 404), route.name
        for kind in ("ndjson", "csv"):
            path = f"/api/connections/{connection.id}/ledger?format={kind}"
            shown.append((await ask(world, "GET", path, token=token)).body.decode())
    # A certificate's own signature is a token by its form, and no secret.
    text = "\n".join(page for page in shown if '"signature"' not in page) + caplog.text
    assert len(text) > 10_000
    for secret in secrets[:-1]:
        assert secret not in text
    assert "eyJ" not in caplog.text


async def test_the_certificate_can_be_checked_by_anyone(world: World) -> None:
    closed = await world.leave(await world.connect())
    token = world.sims.operator_token()
    found = json.loads((await ask(world, "GET", f"/api/connections/{closed.id}/certificate", token=token)).body)
    assert jwt.decode(found["signature"], found["public_key"], algorithms=["EdDSA"]) == found["certificate"]
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
    done = subprocess.run(command, capture_output=True, cwd=README.parent, check=True)  # noqa: S603 - our own words
    names = set(json.loads(done.stdout))
    queues = {"run_jobs", "give_up_jobs", "run_clean_up", "give_up_clean_up"}
    assert names == {r.name for r in ROUTES} | {t.name.replace("-", "_") for t in TIMERS} | queues
