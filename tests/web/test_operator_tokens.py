"""Operators' tokens at the API, and the issuer's keys: how they turn, and what is done while they cannot be had."""

from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from infra.local.simulators.issuer.state import subject
from shared.deployment.issuers import MIN_KEYS_AGE
from shared.foundation.errors import Refused, Temporary
from shared.web.actors import Actor, Role
from tests.harness.accounts import OLGA, UNREACHABLE, Browser, asked_for, by_token, says
from tests.harness.world import World

DISCOVERY = {"host": "login", "path": "openid-configuration"}


@pytest.mark.parametrize("role", list(Role))
async def test_a_token_lets_in(world: World, role: Role) -> None:
    token = world.sims.operator_token("pat@msp.example", role, "contoso")
    name = "pat@msp.example"
    account = f"{world.sims.issuer.name} {subject(name)}"
    assert await by_token(world.app, token) == Actor(name=name, role=role, customer="contoso", subject=account)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"roles": ["operators"]}, "no_role"),
        ({"roles": "operator"}, "no_role"),
        ({"roles": None}, "no_role"),
        ({"roles": {"operator": True}}, "no_role"),
        ({"customer": None}, "no_customer"),
        ({"aud": "another"}, "sign_in_first"),
        ({"iss": "https://evil.example"}, "sign_in_first"),
        ({"exp": 1}, "sign_in_first"),
        ({"sub": None}, "sign_in_first"),
        ({"roles": ["viewer", "operator"]}, ""),
    ],
)
async def test_what_a_token_has_to_say(world: World, changes: dict[str, Any], code: str) -> None:
    claims = jwt.decode(world.sims.operator_token(), options={"verify_signature": False}) | changes
    token = world.sims.issuer.signer.sign({key: value for key, value in claims.items() if value is not None})
    if not code:
        assert (await by_token(world.app, token)).role is Role.OPERATOR
        return
    with pytest.raises(Refused, match=code):
        await by_token(world.app, token)


async def test_an_id_token_is_no_token_for_the_api(world: World, browser: Browser) -> None:
    await browser.sign_in(OLGA)
    claims = {"iss": world.app.settings.operators.issuer, "aud": world.app.settings.operators.client_id}
    now = int(world.clock.now().timestamp())
    token = world.sims.issuer.signer.sign({**claims, "sub": "1", "iat": now, "exp": now + 60})
    with pytest.raises(Refused, match="sign_in_first"):
        await by_token(world.app, token)


@pytest.mark.parametrize("keep", [True, False])
async def test_a_key_that_turns(world: World, keep: bool) -> None:  # noqa: FBT001
    before = world.sims.operator_token()
    await by_token(world.app, before)
    world.control("POST", "/operators/rotate", keep=keep)
    after = world.sims.operator_token()
    # A caller who makes up key ids does not make us ask each time, so a new one may take a minute.
    with pytest.raises(Refused, match="sign_in_first"):
        await by_token(world.app, after)
    world.clock.move(MIN_KEYS_AGE)
    await by_token(world.app, after)
    if keep:
        await by_token(world.app, before)
    else:
        with pytest.raises(Refused, match="sign_in_first"):
            await by_token(world.app, before)
    assert (asked_for(world, "discovery/v2.0/keys"), asked_for(world, "openid-configuration")) == (2, 1)


async def test_an_issuer_that_is_down_is_left_in_peace(world: World, browser: Browser) -> None:
    world.fault(DISCOVERY, {"kind": "status", "status": 500}, times=3)
    token = world.sims.operator_token()
    for _ in range(5):
        with pytest.raises(Refused, match="issuer_unreachable") as refused:
            await by_token(world.app, token)
        assert refused.value.status == 503
        assert says(await browser.send("GET", "/sign-in"), UNREACHABLE)
    # The tries of one call, and nothing more.
    assert asked_for(world, "openid-configuration") == 3
    world.clock.move(MIN_KEYS_AGE)
    assert (await by_token(world.app, token)).role is Role.OPERATOR
    assert (await browser.sign_in(OLGA)).status == 303
    assert asked_for(world, "openid-configuration") == 4


async def test_keys_that_cannot_be_had(world: World) -> None:
    world.fault({"host": "login", "path": "discovery/v2.0/keys"}, {"kind": "html"}, times=1)
    token = world.sims.operator_token()
    for _ in range(3):
        with pytest.raises(Refused, match="issuer_unreachable"):
            await by_token(world.app, token)
    assert asked_for(world, "discovery/v2.0/keys") == 1
    world.clock.move(MIN_KEYS_AGE)
    await by_token(world.app, token)


async def test_known_keys_outlive_an_outage(world: World) -> None:
    token = world.sims.operator_token()
    await by_token(world.app, token)
    world.fault({"host": "login"}, {"kind": "status", "status": 500}, times=100)
    world.clock.move(MIN_KEYS_AGE)
    world.control("POST", "/operators/rotate")
    with pytest.raises(Refused, match="issuer_unreachable"):
        await by_token(world.app, world.sims.operator_token())
    assert (await by_token(world.app, token)).role is Role.OPERATOR
    world.clock.move(timedelta(hours=2))
    with pytest.raises(Refused, match="issuer_unreachable"):
        await by_token(world.app, world.sims.operator_token())


async def test_an_issuer_that_goes_by_another_name(world: World, issuer: httpx.Client) -> None:
    """As where a tenant is written by its domain: its tokens bear its id, and could never hold."""
    named = f"{world.sims.settings['FOOTPRINT_MICROSOFT__LOGIN_URL']}/contoso.com/v2.0"
    other = await world.again(operators={"issuer": named})
    with pytest.raises(Refused, match="issuer_unreachable"):
        await by_token(other.app, world.sims.operator_token())
    assert says(await Browser(other.app, issuer).send("GET", "/sign-in"), UNREACHABLE)


@pytest.mark.parametrize(
    "url",
    [
        None,
        7,
        "",
        "http://login.example/keys",
        "https://",
        "//login.example/keys",
        "https://a@login.example/keys",
        "file:///etc/passwd",
        "http://127.0.0.1/keys",
        "https://login.example/a#b",
        "https://login.example/\nSet-Cookie:",
        "https://[login.example/",
    ],
)
async def test_an_address_that_is_not_to_be_trusted(world: World, url: Any) -> None:
    issuer = world.app.settings.operators.issuer
    body = {"issuer": issuer, "jwks_uri": url}
    world.fault(DISCOVERY, {"kind": "status", "status": 200, "body": body})
    with pytest.raises(Temporary, match="issuer_incomplete"):
        await world.app.issuers.endpoint(issuer, "jwks_uri")


async def test_in_the_open_only_on_this_machine(world: World) -> None:
    """An issuer on loopback without TLS may name others there, and nobody elsewhere."""
    control = world.sims.control
    for url, good in ((f"{control}/keys", True), ("https://login.example/keys", True), ("http://a.example/", False)):
        world.fault(
            {"host": "graph", "path": "openid-configuration"},
            {"kind": "status", "status": 200, "body": {"issuer": control, "jwks_uri": url}},
        )
        if good:
            assert await world.app.issuers.endpoint(control, "jwks_uri") == url
        else:
            with pytest.raises(Temporary, match="issuer_incomplete"):
                await world.app.issuers.endpoint(control, "jwks_uri")
        world.clock.move(timedelta(hours=1))


@pytest.mark.parametrize("keys", [[7], [{"kty": "RSA", "use": "sig", "kid": "1"}], [{"kty": "RSA", "n": 1, "e": 2}]])
async def test_keys_that_are_none(world: World, keys: list[Any]) -> None:
    body = {"keys": keys}
    world.fault({"host": "login", "path": "discovery/v2.0/keys"}, {"kind": "status", "status": 200, "body": body})
    with pytest.raises(Refused, match="issuer_unreachable"):
        await by_token(world.app, world.sims.operator_token())


async def test_without_an_issuer_no_token_lets_in(world: World) -> None:
    closed = await world.again(operators={"issuer": "", "client_id": "", "cli_client_id": ""})
    with pytest.raises(Refused, match="sign_in_first"):
        await by_token(closed.app, world.sims.operator_token())


@pytest.mark.parametrize(
    "operators",
    [
        {"issuer": "http://a.example"},
        {"issuer": "login.example"},
        {"issuer": "", "client_id": "1"},
        {"audience": ""},
    ],
)
async def test_settings_that_could_not_be_meant(world: World, operators: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="operators"):
        await world.again(operators=operators)


@pytest.mark.parametrize("token", ["nonsense", "a.b.c"])
async def test_a_token_that_does_not_hold_is_refused_whatever_cookie_comes_with_it(
    browser: Browser, token: str
) -> None:
    await browser.sign_in(OLGA)
    assert (await browser.send("GET", "/api/connections")).status == 200
    refused = await browser.send("GET", "/api/connections", authorization=f"Bearer {token}")
    assert refused.status == 401
    assert b'"sign_in_first"' in refused.body
