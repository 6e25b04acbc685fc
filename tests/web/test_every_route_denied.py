"""Every route, knocked at by everybody who must not come in: refused, told in the log, and nothing is changed."""

import re
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest

from shared.connections.record import Connection
from shared.flows import consent, invitation
from shared.web import sessions
from shared.web.accounts import sign_in_link
from shared.web.actors import Actor, Role
from shared.web.routes import ROUTES, Auth, Route
from tests.harness.client import ask, at
from tests.harness.invited import COOKIE, hands_in
from tests.harness.world import World

# What guards itself, or tells nothing, with what a stranger is answered there. To sign in is to be sent to the issuer.
OPEN = {
    "health",
    "describe",
    "get_sign_in",
    "page_runbook",
    "ready",
    "page_runbook_code",
    "page_style",
    "page_script",
    "page_icon",
    "page_connect",
    "signing_keys",
}
THEMSELVES = {
    "consent_callback": 410,
    "page_sign_in_back": 410,
    "page_sign_in_once": 410,
    "page_connect_post": 403,
    "page_break_glass": 404,
    "page_break_glass_enter": 404,
    "notification": 401,
    "report_sighting": 401,
    "report_in_flight": 401,
}
BEGINS = "page_sign_in"


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """Somebody with what they show, the routes at which they knock, and how they are answered."""

    name: str
    answered: int
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    routes: tuple[Route, ...] = tuple(route for route in ROUTES if route.needs_account)


def tokens(world: World) -> dict[str, str]:
    """Tokens that let nobody in."""
    good = world.sims.operator_token()
    claims: dict[str, Any] = jwt.decode(good, options={"verify_signature": False})
    key = {"kid": jwt.get_unverified_header(good)["kid"]}
    head, payload, signature = good.split(".")
    sign = world.sims.issuer.signer.sign
    return {
        "garbage": "garbage",
        "expired": sign(claims | {"iat": claims["iat"] - 9000, "exp": claims["exp"] - 9000}),
        "for another audience": sign(claims | {"aud": "api://another"}),
        "of another issuer": sign(claims | {"iss": "https://login.example.com"}),
        "with another's signature": f"{head}.{payload}.{signature[:-8]}AAAAAAAA",
        "unsigned": jwt.encode(claims, None, algorithm="none", headers=key),
        "signed with a word": jwt.encode(claims, "k" * 32, algorithm="HS256", headers=key),
    }


async def strangers(world: World) -> list[Stranger]:
    """Everybody who must not come in."""
    acting = tuple(route for route in ROUTES if route.auth in (Auth.OPERATOR, Auth.ADMIN))
    grave = tuple(route for route in ROUTES if route.auth is Auth.ADMIN)
    of_one = tuple(route for route in ROUTES if "{id}" in route.path)
    posts = tuple(route for route in acting if route.method != "GET")
    olga = Actor(name="olga", role=Role.ADMIN)
    ours = {"cookie": (await sessions.begin(world.app, olga)).split(";")[0], "origin": world.app.settings.public_url}
    other = Actor(name="carl", role=Role.ADMIN, customer="fabrikam")
    theirs = ours | {"cookie": (await sessions.begin(world.app, other)).split(";")[0]}
    viewer = {"cookie": (await sessions.begin(world.app, Actor(name="v", role=Role.VIEWER))).split(";")[0]}
    fabrikam = world.sims.operator_token(role="admin", customer="fabrikam")
    return [
        Stranger(name="with nothing", answered=401),
        *(Stranger(name=name, answered=401, token=token) for name, token in tokens(world).items()),
        Stranger(name="with a cookie of nobody's", answered=401, headers={"cookie": "footprint=x"}),
        Stranger(name="without a role", answered=403, token=world.sims.operator_token(role="guest")),
        Stranger(name="of no customer", answered=403, token=world.sims.operator_token(customer=None)),
        Stranger(name="viewer", answered=403, token=world.sims.operator_token(role="viewer"), routes=acting),
        Stranger(name="viewer's session", answered=403, headers=ours | viewer, routes=acting),
        Stranger(name="another's form", answered=403, headers=ours | {"origin": "https://a.example"}, routes=posts),
        Stranger(name="operator", answered=403, token=world.sims.operator_token(), routes=grave),
        Stranger(name="another customer", answered=404, token=fabrikam, routes=of_one),
        Stranger(name="another customer's session", answered=404, headers=theirs, routes=of_one),
    ]


def where(route: Route, connection: Connection) -> str:
    """An address at which there would be something."""
    return at(
        route,
        id=connection.id,
        platform=connection.platform,
        source="gmail",
        key="application",
        action="revoke",
        code="not_valid",
        webhook="1",
        witness="1",
        event="1",
        section="ledger",
        name="everyone",
    )


@pytest.mark.hazard(30)
async def test_nobody_comes_in_who_must_not(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world = await world.again(api={"requests_a_minute_of_an_address": 0, "requests_a_minute_of_all_addresses": 0})
    connection = await world.create(customer="contoso")
    knocking = await strangers(world)
    before = world.databases.content(world.folder)
    for stranger in knocking:
        for route in stranger.routes:
            caplog.clear()
            body = {} if route.method in ("POST", "PUT") and route.in_api else None
            path = where(route, connection)
            found = await ask(world, route.method, path, token=stranger.token, body=body, **stranger.headers)
            assert found.status == stranger.answered, (stranger.name, route.name, found.body)
            (line,) = [one for one in caplog.records if one.getMessage() == "request rejected"]
            assert vars(line)["route"] == route.name
            assert not stranger.token or stranger.token not in caplog.text
    assert world.databases.content(world.folder) == before


async def test_what_needs_no_account_guards_itself_or_tells_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await world.create()
    before = world.databases.content(world.folder)
    for route in ROUTES:
        if route.needs_account or route.name == BEGINS:
            continue
        caplog.clear()
        found = await ask(world, route.method, where(route, connection), token=world.sims.operator_token())
        assert found.status == THEMSELVES.get(route.name, 200), route.name
        assert (route.name in OPEN) == (found.status == 200), route.name
        assert ("request rejected" in caplog.text) == (found.status != 200)
    assert world.databases.content(world.folder) == before


@pytest.mark.hazard(30)
async def test_a_link_is_good_for_its_purpose_and_no_other(world: World) -> None:
    connection = await world.create()
    link = (await invitation.link(world.app, connection.id)).partition("#")[2]
    browser = await world.opens(connection)
    connection = await world.connection(connection.id)
    once = (await sign_in_link(world.app)).rpartition("/")[2]
    state = re.findall(r"state=([^&]+)", await consent.platform_url(world.app, connection, browser))[0]
    before = world.databases.content(world.folder)
    for token in (once, state):
        assert (await ask(world, "GET", "/connect", cookie=f"{COOKIE}={token}")).status == 410
        assert (await hands_in(world, token)).status == 410
    for token in (link, state):
        assert (await ask(world, "GET", f"/sign-in/once/{token}")).status == 410
        assert (await ask(world, "GET", f"/sign-in/back?code=x&state={token}")).status == 410
    for token in (link, once):
        path = f"/api/consent/{connection.platform}?admin_consent=True&tenant={world.tenant_id()}&state={token}"
        assert (await ask(world, "GET", path, cookie=f"{COOKIE}={browser}")).status == 410
    assert world.databases.content(world.folder) == before
    held = f"{COOKIE}={browser}"
    # A state of one platform is used up at another, and nothing comes of it.
    assert (await ask(world, "GET", f"/api/consent/google?code=x&state={state}", cookie=held)).status == 400
    assert await world.connection(connection.id) == connection


@pytest.mark.hazard(30)
async def test_an_account_of_one_customer_sees_and_makes_that_ones_only(world: World) -> None:
    mine, other = await world.create(customer="contoso"), await world.create(customer="fabrikam")
    token = world.sims.operator_token(customer="contoso")
    listed = (await ask(world, "GET", "/api/connections", token=token)).body.decode()
    assert mine.id in listed
    assert other.id not in listed
    new = {"platform": "microsoft365", "site": "eu", "name": "x"}
    assert (await ask(world, "POST", "/api/connections", token=token, body=new | {"customer": "b"})).status == 403
    made = await ask(world, "POST", "/api/connections", token=token, body=new)
    identifier = re.findall(r'"id": "(\w+)"', made.body.decode())[0]
    assert (await world.connection(identifier)).customer == "contoso"
