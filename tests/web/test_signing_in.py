"""Signing in to the console at its issuer's page, and all that must not let anybody in."""

import logging
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from infra.local.simulators.issuer.state import subject
from shared.foundation.errors import Refused
from shared.web import sign_in
from shared.web.actors import Actor, Role
from tests.harness.accounts import (
    ADA,
    CARL,
    DECLINED,
    NO_CUSTOMER,
    NO_ROLE,
    NO_SIGN_IN,
    NORA,
    NOT_PROVEN,
    OLGA,
    OVER,
    REFUSED_US,
    UNREACHABLE,
    VICTOR,
    Browser,
    asked_for,
    says,
)
from tests.harness.world import World


@pytest.mark.parametrize(
    ("account", "role", "customer"),
    [
        (OLGA, Role.OPERATOR, None),
        (ADA, Role.ADMIN, None),
        (VICTOR, Role.VIEWER, None),
        (CARL, Role.OPERATOR, "contoso"),
    ],
)
async def test_signing_in(
    world: World, browser: Browser, account: str, role: Role, customer: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    page = await browser.begin("/connections/1?a=b")
    asked = dict(parse_qsl(urlsplit(page).query))
    assert (asked["response_type"], asked["scope"]) == ("code", "openid profile email offline_access")
    assert asked["code_challenge_method"] == "S256"
    back = browser.pick(page, account)
    done = await browser.send("GET", back)
    assert (done.status, done.headers["Location"]) == (303, "/connections/1?a=b")
    known = f"{world.sims.issuer.name} {subject(account)}"
    assert await browser.who() == Actor(name=account, role=role, customer=customer, subject=known)
    secrets = [value for name, value in parse_qsl(urlsplit(back).query) if name in ("code", "state")]
    for secret in (*secrets, *(value.partition(".")[0] for value, _ in browser.cookies.values()), "eyJ"):
        assert secret not in caplog.text


async def test_nobody_without_a_role_or_a_customer_is_let_in(world: World, browser: Browser) -> None:
    assert says(await browser.sign_in(NORA), NO_ROLE)
    for customers in (None, "", [], ["contoso", "fabrikam"], 7, "con\0toso"):
        world.control("POST", "/operators/claims", customer=customers)
        assert says(await browser.sign_in(OLGA), NO_CUSTOMER), customers
    with pytest.raises(Refused, match="sign_in_first"):
        await browser.who()


async def test_a_customer_may_come_in_a_list(world: World, browser: Browser) -> None:
    for customers, seen in ((["contoso"], "contoso"), (["contoso", "*"], None)):
        world.control("POST", "/operators/claims", customer=customers)
        assert (await browser.sign_in(OLGA)).status == 303
        assert (await browser.who()).customer == seen


async def test_without_a_claims_name_everybody_sees_every_customer(world: World, issuer: httpx.Client) -> None:
    open_to_all = await world.again(operators={"customer_claim": ""})
    browser = Browser(open_to_all.app, issuer)
    assert (await browser.sign_in(CARL)).status == 303
    assert (await browser.who()).customer is None


async def test_declining_is_told_as_often_as_it_is_said(browser: Browser) -> None:
    back = browser.pick(await browser.begin(), "")
    assert "error=access_denied" in back
    # Nothing is written of it, for anybody may say so.
    for _ in range(2):
        assert says(await browser.send("GET", back), DECLINED)


async def test_what_the_issuer_writes_is_not_shown(browser: Browser) -> None:
    state = dict(parse_qsl(urlsplit(await browser.begin()).query))["state"]
    told = await browser.send("GET", f"/sign-in/back?{urlencode({'state': state, 'error': 'Call 555-0100 now'})}")
    assert told.status == 403
    assert b"555" not in told.body


async def test_a_sign_in_is_good_once(browser: Browser) -> None:
    back = browser.pick(await browser.begin(), OLGA)
    assert (await browser.send("GET", back)).status == 303
    assert says(await browser.send("GET", back), OVER)


async def test_a_code_that_was_used_already_signs_nobody_in(browser: Browser) -> None:
    first = browser.pick(await browser.begin(), OLGA)
    second = dict(parse_qsl(urlsplit(await browser.begin()).query))
    code = dict(parse_qsl(urlsplit(first).query))["code"]
    assert (await browser.send("GET", first)).status == 303
    browser.cookies.pop("footprint")
    replayed = f"/sign-in/back?{urlencode({'code': code, 'state': second['state']})}"
    assert says(await browser.send("GET", replayed), OVER)
    with pytest.raises(Refused, match="sign_in_first"):
        await browser.who()


async def test_a_code_of_another_sign_in_does_not_fit(browser: Browser) -> None:
    """Somebody hands their own, unused code to a browser that has begun to sign in: the verifier is another one."""
    theirs = Browser(browser.app, browser.issuer)
    code = dict(parse_qsl(urlsplit(theirs.pick(await theirs.begin(), CARL)).query))["code"]
    state = dict(parse_qsl(urlsplit(await browser.begin()).query))["state"]
    injected = f"/sign-in/back?{urlencode({'code': code, 'state': state})}"
    assert says(await browser.send("GET", injected), OVER)


async def test_another_browser_cannot_go_on_with_a_sign_in(browser: Browser) -> None:
    back = browser.pick(await browser.begin(), CARL)
    foreign = Browser(browser.app, browser.issuer)
    assert says(await foreign.send("GET", back), OVER)
    await foreign.begin()
    assert says(await foreign.send("GET", back), OVER)
    # Nor has it spoiled it for the one that began.
    assert (await browser.send("GET", back)).status == 303


async def test_tabs_sign_in_side_by_side(browser: Browser) -> None:
    pages = [await browser.begin(f"/connections/{number}") for number in (1, 2)]
    ends = [(await browser.send("GET", browser.pick(page, OLGA))).headers["Location"] for page in pages]
    assert ends == ["/connections/1", "/connections/2"]


async def test_a_sign_in_that_takes_too_long(world: World, browser: Browser) -> None:
    back = browser.pick(await browser.begin(), OLGA)
    world.clock.move(sign_in.SIGN_IN_MAX_AGE)
    assert says(await browser.send("GET", back), OVER)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"iat": 9_999_999_999},
        {"sub": None},
    ],
    ids=lambda claims: " ".join(f"{name} {value}" for name, value in claims.items()),
)
async def test_a_token_that_is_not_this_sign_ins(world: World, browser: Browser, claims: dict[str, Any]) -> None:
    world.control("POST", "/operators/claims", **claims)
    assert says(await browser.sign_in(OLGA), NOT_PROVEN)
    with pytest.raises(Refused, match="sign_in_first"):
        await browser.who()


async def test_a_token_for_several_was_given_to_us(world: World, browser: Browser) -> None:
    both = [world.app.settings.operators.client_id, "another"]
    world.control("POST", "/operators/claims", aud=both)
    assert says(await browser.sign_in(OLGA), NOT_PROVEN)
    world.control("POST", "/operators/claims", aud=both, azp=both[0])
    assert (await browser.sign_in(OLGA)).status == 303


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "evil.example",
        "/a//b",
        "",
        "/a\r\nSet-Cookie: a=b",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/sign-in",
        "/sign-out",
        "/api/connections",
        "/é",
        "/" + "a" * 2001,
    ],
)
async def test_nobody_is_sent_elsewhere(browser: Browser, to: str) -> None:
    assert (await browser.sign_in(OLGA, to)).headers["Location"] == "/"
    # Nor by a cookie that somebody else has set for the browser.
    page = await browser.begin()
    name = next(name for name in browser.cookies if name.endswith(dict(parse_qsl(page))["state"].partition(".")[0]))
    secret = browser.cookies[name][0].partition(".")[0]
    browser.cookies[name] = f"{secret}.{urlencode({'': to})[1:]}", "/"
    assert (await browser.send("GET", browser.pick(page, OLGA))).headers["Location"] == "/"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, OLGA),
        ({"preferred_username": None}, OLGA),
        ({"preferred_username": None, "email": None}, "Olga Larsen"),
        ({"preferred_username": "\n\u202e ", "email": "o\r\nperator\u0000@msp.example"}, "operator@msp.example"),
        ({"preferred_username": "o" * 1000}, "o" * 200),
    ],
)
async def test_the_name_is_readable(world: World, browser: Browser, given: dict[str, Any], name: str) -> None:
    world.control("POST", "/operators/claims", **{"any": "thing", **given})
    assert (await browser.sign_in(OLGA)).status == 303
    assert (await browser.who()).name == name


async def test_a_client_that_the_issuer_does_not_know(world: World, issuer: httpx.Client) -> None:
    wrong = await world.again(operators={"client_secret": "expired"})
    answered = await Browser(wrong.app, issuer).sign_in(OLGA)
    assert says(answered, REFUSED_US)
    assert b"expired" not in answered.body


async def test_without_a_client_there_is_no_such_page(world: World, issuer: httpx.Client) -> None:
    plain = await world.again(operators={"client_id": ""})
    assert says(await Browser(plain.app, issuer).send("GET", "/sign-in"), NO_SIGN_IN)


async def test_over_https_the_cookies_are_bound_to_the_host(world: World, issuer: httpx.Client) -> None:
    settings = world.app.settings.model_copy(update={"public_url": "https://localhost"})
    app = replace(world.app, settings=settings)
    browser = Browser(app, issuer)
    assert (await browser.sign_in(OLGA)).status == 303
    assert {name.partition("-sign-in-")[0] for name in browser.cookies} == {"__Host-footprint"}
    assert (await browser.who()).name == OLGA


async def test_an_outage_between_the_page_and_the_session(world: World, browser: Browser) -> None:
    back = browser.pick(await browser.begin(), OLGA)
    world.fault({"host": "login", "path": "token$"}, {"kind": "status", "status": 500}, times=3)
    assert says(await browser.send("GET", back), UNREACHABLE)
    # The code may have been taken, so it was not sent twice.
    assert asked_for(world, "/token") == 1
