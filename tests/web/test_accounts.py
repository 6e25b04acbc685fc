"""Who may operate: tokens of the issuer, signing in at its page and out again, sessions and how they end."""

import html
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import jwt
import pytest
import sqlalchemy as sa

from infra.local.simulators.issuer import ACCOUNTS
from shared.deployment.issuers import NOT_SOONER
from shared.flows.app import App
from shared.foundation.errors import Refused, Temporary
from shared.storage import tables as db
from shared.web import sessions, sign_in
from shared.web.accounts import actor, sign_in_link
from shared.web.dispatch import answer
from shared.web.http import Actor, Request, Response, Role
from tests.harness.world import World

OLGA, VICTOR, NORA, CARL = (account.address for account in ACCOUNTS)
HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
# What a page says of a problem, after its status.
NO_ROLE, NO_CUSTOMER = (403, "neither the role"), (403, "does not name one customer")
OVER, DECLINED = (410, "is over, or was begun in another browser"), (403, "You were not signed in (access_denied)")
NOT_PROVEN, ANOTHER_ORIGIN = (403, "does not say reliably who"), (403, "not sent from the console")
UNREACHABLE, REFUSED_US = (503, "vouches for accounts cannot be asked"), (502, "(invalid_client)")
NO_SIGN_IN = (404, "Nobody signs in here")
DISCOVERY = {"host": "login", "path": "openid-configuration"}


@dataclass
class Browser:
    """Somebody's browser: keeps cookies by their paths, and reaches the service and the issuer."""

    app: App
    issuer: httpx.Client
    cookies: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def send(self, method: str, target: str, form: dict[str, str] | None = None, **headers: str) -> Response:
        """One request to the service, as a host would hand it over."""
        path, _, query = target.partition("?")
        sent = "; ".join(f"{name}={value}" for name, (value, under) in self.cookies.items() if path.startswith(under))
        body = urlencode(form or {}).encode()
        response = await answer(self.app, Request(
            method=method, path=path, query=dict(parse_qsl(query)), headers={"cookie": sent, **headers}, body=body,
        ))  # fmt: skip
        if "Set-Cookie" in response.headers:
            pair, *attributes = response.headers["Set-Cookie"].split("; ")
            said = dict(one.partition("=")[::2] for one in attributes)
            assert said.keys() >= {"HttpOnly", "Path"}
            assert said["SameSite"] == "Lax"
            assert ("Secure" in said) == self.app.settings.public_url.startswith("https:")
            name, _, value = pair.partition("=")
            self.cookies[name] = value, said["Path"]
            if said["Max-Age"] == "0":
                del self.cookies[name]
        return response

    async def begin(self, to: str = "/") -> str:
        """Ask to sign in. The issuer's page."""
        begun = await self.send("GET", f"/sign-in?{urlencode({'to': to})}")
        assert begun.status == 303, begun.body
        return begun.headers["Location"]

    def pick(self, page: str, account: str) -> str:
        """Press an account's button on the issuer's page, or none's. Where that leads: a path of ours."""
        shown = self.issuer.get(page)
        assert shown.status_code == 200, shown.text
        back = self.issuer.post(page.partition("?")[0], data={**dict(HIDDEN.findall(shown.text)), "account": account})
        target = urlsplit(back.headers["location"])
        assert f"{target.scheme}://{target.netloc}" == self.app.settings.public_url
        return f"{target.path}?{target.query}"

    async def sign_in(self, account: str, to: str = "/") -> Response:
        """From the first click to where it ends."""
        return await self.send("GET", self.pick(await self.begin(to), account))

    async def who(self) -> Actor:
        """Who this is to the service. Raises Refused."""
        sent = "; ".join(f"{name}={value}" for name, (value, path) in self.cookies.items() if path == "/")
        return await actor(self.app, Request(method="GET", path="/", query={}, headers={"cookie": sent}, body=b""))


@pytest.fixture
def issuer(world: World) -> Iterator[httpx.Client]:
    with httpx.Client(verify=world.app.wire.ssl_context, trust_env=False) as client:
        yield client


@pytest.fixture
def browser(world: World, issuer: httpx.Client) -> Browser:
    return Browser(world.app, issuer)


async def by_token(app: App, token: str) -> Actor:
    headers = {"authorization": f"Bearer {token}"}
    return await actor(app, Request(method="POST", path="/", query={}, headers=headers, body=b""))


def says(response: Response, problem: tuple[int, str]) -> bool:
    """Whether a page tells of a problem."""
    return response.status == problem[0] and problem[1] in html.unescape(response.body.decode())


def asked_for(world: World, path: str) -> int:
    """How often the issuer was asked for something."""
    return sum(path in call.path for call in world.sims.cloud.calls)


# At the issuer's page


@pytest.mark.parametrize(
    ("account", "role", "customer"),
    [(OLGA, Role.OPERATOR, None), (VICTOR, Role.VIEWER, None), (CARL, Role.OPERATOR, "contoso")],
)
async def test_signing_in(
    browser: Browser, account: str, role: Role, customer: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    page = await browser.begin("/connections/1?a=b")
    asked = dict(parse_qsl(urlsplit(page).query))
    assert (asked["response_type"], asked["scope"]) == ("code", "openid profile email")
    assert asked["code_challenge_method"] == "S256"
    back = browser.pick(page, account)
    done = await browser.send("GET", back)
    assert (done.status, done.headers["Location"]) == (303, "/connections/1?a=b")
    assert await browser.who() == Actor(name=account, role=role, customer=customer)
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


async def test_declining_uses_the_sign_in_up(browser: Browser) -> None:
    back = browser.pick(await browser.begin(), "")
    assert "error=access_denied" in back
    assert says(await browser.send("GET", back), DECLINED)
    assert says(await browser.send("GET", back), OVER)


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
    world.clock.move(sign_in.LIFE)
    assert says(await browser.send("GET", back), OVER)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"}, {"nonce": None}, {"aud": "another"}, {"aud": ["another"]}, {"iss": "https://evil.example"},
        {"exp": 1}, {"iat": 9_999_999_999}, {"sub": None},
    ],
    ids=lambda claims: " ".join(f"{name} {value}" for name, value in claims.items()),
)  # fmt: skip
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
        "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example/", "evil.example", "/a//b", "",
        "/a\r\nSet-Cookie: a=b", "/\t/evil.example", "javascript:alert(1)", "/sign-in", "/sign-out", "/api/connections",
        "/é", "/" + "a" * 2001,
    ],
)  # fmt: skip
async def test_nobody_is_sent_elsewhere(browser: Browser, to: str) -> None:
    assert (await browser.sign_in(OLGA, to)).headers["Location"] == "/"
    # Nor by a cookie that somebody else has set for the browser.
    page = await browser.begin()
    name = next(name for name in browser.cookies if name.endswith(dict(parse_qsl(page))["state"].partition(".")[0]))
    secret = browser.cookies[name][0].partition(".")[0]
    browser.cookies[name] = f"{secret}.{urlencode({'': to})[1:]}", "/sign-in"
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
    assert {name.partition("-sign-in-")[0] for name in browser.cookies} == {"__Secure-footprint", "__Host-footprint"}
    assert (await browser.who()).name == OLGA


# Sessions


async def test_a_session_ends_after_an_idle_hour(world: World, browser: Browser) -> None:
    await browser.sign_in(OLGA)
    world.clock.move(sessions.IDLE - timedelta(minutes=1))
    assert (await browser.who()).name == OLGA
    world.clock.move(sessions.IDLE - timedelta(minutes=1))
    assert (await browser.who()).name == OLGA
    world.clock.move(sessions.IDLE)
    with pytest.raises(Refused, match="sign_in_first"):
        await browser.who()


async def test_a_session_ends_after_a_working_day(world: World, browser: Browser) -> None:
    await browser.sign_in(OLGA)
    step = timedelta(minutes=40)
    for _ in range(sessions.LONGEST // step - 1):
        world.clock.move(step)
        assert (await browser.who()).name == OLGA
    world.clock.move(step)
    with pytest.raises(Refused, match="sign_in_first"):
        await browser.who()


async def test_a_look_costs_no_write(world: World, browser: Browser) -> None:
    await browser.sign_in(OLGA)
    written: list[str] = []
    engine = world.app.database.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", lambda *told: written.append(told[2].split()[0]))
    await browser.who()
    world.clock.move(timedelta(minutes=29))
    await browser.who()
    assert set(written) == {"SELECT"}
    world.clock.move(timedelta(minutes=2))
    await browser.who()
    assert "UPDATE" in written


async def test_the_table_alone_lets_nobody_in_and_does_not_grow(world: World, browser: Browser) -> None:
    for _ in range(2):
        world.clock.move(sessions.IDLE)
        await browser.sign_in(OLGA)
    async with world.app.database.read() as read:
        (row,) = (await read.execute(sa.select(db.sessions))).all()
    assert browser.cookies["footprint"][0] not in map(str, row)
    browser.cookies["footprint"] = row.id, "/"
    with pytest.raises(Refused, match="sign_in_first"):
        await browser.who()


async def test_signing_out_here_and_everywhere(world: World, issuer: httpx.Client) -> None:
    ours, home, other = (Browser(world.app, issuer) for _ in range(3))
    for browser, account in ((ours, OLGA), (home, OLGA), (other, VICTOR)):
        await browser.sign_in(account)
    kept, origin = dict(ours.cookies), world.app.settings.public_url
    gone = await ours.send("POST", "/sign-out", origin=origin)
    assert gone.status == 200
    assert b"Signed out" in gone.body
    assert "footprint" not in ours.cookies
    ours.cookies = kept
    with pytest.raises(Refused, match="sign_in_first"):
        await ours.who()
    assert (await home.who()).name == OLGA
    await ours.sign_in(OLGA)
    assert (await ours.send("POST", "/sign-out", {"everywhere": "1"}, origin=origin)).status == 200
    with pytest.raises(Refused, match="sign_in_first"):
        await home.who()
    assert (await other.who()).name == VICTOR


async def test_everywhere_is_not_another_customers(world: World, issuer: httpx.Client) -> None:
    confined, every = Browser(world.app, issuer), Browser(world.app, issuer)
    await confined.sign_in(CARL)
    world.control("POST", "/operators/claims", customer="*")
    await every.sign_in(CARL)
    await every.send("POST", "/sign-out", {"everywhere": "1"}, origin=world.app.settings.public_url)
    assert (await confined.who()).customer == "contoso"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:80801"])
async def test_a_form_of_another_site_is_not_taken(browser: Browser, origin: str) -> None:
    await browser.sign_in(OLGA)
    headers = {"origin": origin} if origin else {}
    assert says(await browser.send("POST", "/sign-out", **headers), ANOTHER_ORIGIN)
    assert (await browser.who()).name == OLGA


async def test_a_one_time_link(world: World, browser: Browser) -> None:
    link = (await sign_in_link(world.app)).removeprefix(world.app.settings.public_url)
    assert (await browser.send("GET", link)).status == 303
    assert await browser.who() == Actor(name="console", role=Role.OPERATOR)
    assert (await browser.send("GET", link)).status == 410


# Tokens, and the issuer


@pytest.mark.parametrize("role", list(Role))
async def test_a_token_lets_in(world: World, role: Role) -> None:
    token = world.sims.operator_token("pat@msp.example", role, "contoso")
    assert await by_token(world.app, token) == Actor(name="pat@msp.example", role=role, customer="contoso")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"roles": ["operators"]}, "no_role"), ({"roles": "operator"}, "no_role"), ({"roles": None}, "no_role"),
        ({"roles": {"operator": True}}, "no_role"), ({"customer": None}, "no_customer"),
        ({"aud": "another"}, "sign_in_first"), ({"iss": "https://evil.example"}, "sign_in_first"),
        ({"exp": 1}, "sign_in_first"), ({"sub": None}, "sign_in_first"), ({"roles": ["viewer", "operator"]}, ""),
    ],
)  # fmt: skip
async def test_what_a_token_has_to_say(world: World, changes: dict[str, Any], code: str) -> None:
    claims = jwt.decode(world.sims.operator_token(), options={"verify_signature": False}) | changes
    token = world.sims.cloud.operators.signer.sign({key: value for key, value in claims.items() if value is not None})
    if not code:
        assert (await by_token(world.app, token)).role is Role.OPERATOR
        return
    with pytest.raises(Refused, match=code):
        await by_token(world.app, token)


async def test_an_id_token_is_no_token_for_the_api(world: World, browser: Browser) -> None:
    await browser.sign_in(OLGA)
    claims = {"iss": world.app.settings.operators.issuer, "aud": world.app.settings.operators.client_id}
    now = int(world.clock.now().timestamp())
    token = world.sims.cloud.operators.signer.sign({**claims, "sub": "1", "iat": now, "exp": now + 60})
    with pytest.raises(Refused, match="sign_in_first"):
        await by_token(world.app, token)


@pytest.mark.parametrize("keep", [True, False])
async def test_a_key_that_turns(world: World, keep: bool) -> None:  # noqa: FBT001
    before = world.sims.operator_token()
    await by_token(world.app, before)
    world.control("POST", "/operators/rotate", keep=keep)
    after = world.sims.operator_token()
    # Whoever makes up key ids does not make us ask each time, so a new one may take a minute.
    with pytest.raises(Refused, match="sign_in_first"):
        await by_token(world.app, after)
    world.clock.move(NOT_SOONER)
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
    world.clock.move(NOT_SOONER)
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
    world.clock.move(NOT_SOONER)
    await by_token(world.app, token)


async def test_known_keys_outlive_an_outage(world: World) -> None:
    token = world.sims.operator_token()
    await by_token(world.app, token)
    world.fault({"host": "login"}, {"kind": "status", "status": 500}, times=100)
    world.clock.move(NOT_SOONER)
    world.control("POST", "/operators/rotate")
    with pytest.raises(Refused, match="issuer_unreachable"):
        await by_token(world.app, world.sims.operator_token())
    assert (await by_token(world.app, token)).role is Role.OPERATOR
    world.clock.move(timedelta(hours=2))
    with pytest.raises(Refused, match="issuer_unreachable"):
        await by_token(world.app, world.sims.operator_token())


async def test_an_outage_between_the_page_and_the_session(world: World, browser: Browser) -> None:
    back = browser.pick(await browser.begin(), OLGA)
    world.fault({"host": "login", "path": "token$"}, {"kind": "status", "status": 500}, times=3)
    assert says(await browser.send("GET", back), UNREACHABLE)
    # The code may have been taken, so it was not sent twice.
    assert asked_for(world, "/token") == 1


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
        None, 7, "", "http://login.example/keys", "https://", "//login.example/keys", "https://a@login.example/keys",
        "file:///etc/passwd", "http://127.0.0.1/keys", "https://login.example/a#b", "https://login.example/\nSet-Cookie:",
        "https://[login.example/",
    ],
)  # fmt: skip
async def test_an_address_that_is_not_to_be_trusted(world: World, url: Any) -> None:
    issuer = world.app.settings.operators.issuer
    body = {"issuer": issuer, "jwks_uri": url}
    world.fault(DISCOVERY, {"kind": "status", "status": 200, "body": body})
    with pytest.raises(Temporary, match="issuer_incomplete"):
        await world.app.keys.endpoint(issuer, "jwks_uri")


async def test_in_the_open_only_on_this_machine(world: World) -> None:
    """An issuer on loopback without TLS may name others there, and nobody elsewhere."""
    control = world.sims.control
    for url, good in ((f"{control}/keys", True), ("https://login.example/keys", True), ("http://a.example/", False)):
        world.fault(
            {"host": "graph", "path": "openid-configuration"},
            {"kind": "status", "status": 200, "body": {"issuer": control, "jwks_uri": url}},
        )
        if good:
            assert await world.app.keys.endpoint(control, "jwks_uri") == url
        else:
            with pytest.raises(Temporary, match="issuer_incomplete"):
                await world.app.keys.endpoint(control, "jwks_uri")
        world.clock.move(timedelta(hours=1))


@pytest.mark.parametrize("keys", [[7], [{"kty": "RSA", "use": "sig", "kid": "1"}], [{"kty": "RSA", "n": 1, "e": 2}]])
async def test_keys_that_are_none(world: World, keys: list[Any]) -> None:
    body = {"keys": keys}
    world.fault({"host": "login", "path": "discovery/v2.0/keys"}, {"kind": "status", "status": 200, "body": body})
    with pytest.raises(Refused, match="issuer_unreachable"):
        await by_token(world.app, world.sims.operator_token())


async def test_without_an_issuer_no_token_lets_in(world: World) -> None:
    closed = await world.again(operators={"issuer": "", "client_id": ""})
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
