"""Who acts is proven, not told: accounts are subjects, names are labels, and the database alone signs nobody in."""

import hashlib
import json
import secrets
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
import sqlalchemy as sa

from shared.connections.record import Connection
from shared.engine import chain
from shared.engine.chain import LedgerEntry
from shared.flows.requests import JOBS
from shared.foundation.errors import Refused
from shared.storage import tables as db
from shared.web import sessions
from shared.web.accounts import admitted
from shared.web.actors import Actor, Role
from tests.harness.accounts import ADA, OLGA, VICTOR, Browser
from tests.harness.client import ask
from tests.harness.world import World

SECRET = "a long and random word of no meaning"  # noqa: S105 - of a deployment that exists nowhere else
NEW = {"platform": "microsoft365", "site": "eu", "name": "n", "tenant": "a.example"}


@pytest.fixture
def issuer(world: World) -> Any:
    with httpx.Client(verify=world.app.wire.ssl_context, trust_env=False) as client:
        yield client


def token(world: World, **changes: Any) -> str:
    """A token of the issuer's whose claims are these."""
    claims = jwt.decode(world.sims.operator_token(role="admin"), options={"verify_signature": False}) | changes
    return world.sims.issuer.signer.sign(claims)


async def entries(world: World, connection: Connection) -> list[LedgerEntry]:
    return [one async for one in chain.entries(world.app.database, connection.id)]


async def test_two_accounts_of_one_name_are_two(world: World, issuer: httpx.Client) -> None:
    connection = await world.connect()
    anna, other = (token(world, name="Anna", sub=sub) for sub in ("sub-of-anna", "sub-of-mallory"))
    first, again = [
        await ask(world, "POST", "/api/connections", token=one, body=NEW, idempotency_key="1") for one in (anna, other)
    ]
    assert "Idempotency-Replayed" not in again.headers
    assert json.loads(first.body)["id"] != json.loads(again.body)["id"]
    for one in (anna, other):
        await ask(world, "POST", f"/api/connections/{connection.id}/sync", token=one, body={})
    noted = [(one.actor, one.subject) for one in await entries(world, connection) if one.note == JOBS["sync-now"]]
    assert noted == [("Anna", f"{world.sims.issuer.name} {sub}") for sub in ("sub-of-anna", "sub-of-mallory")]
    shown = await ask(world, "GET", f"/api/connections/{connection.id}/ledger", token=anna)
    assert "sub-of-mallory" in shown.body.decode()
    # Nor does one of them take the other's requests, or end the other's sessions.
    third = await ask(world, "GET", "/api/connections", token=token(world, name="Anna", sub="sub-of-a-third"))
    assert ";r=599;" in third.headers["RateLimit"]
    mine, theirs = (Actor(name="Anna", role=Role.OPERATOR, subject=f"i {sub}") for sub in ("a", "m"))
    kept, _ = await sessions.begin(world.app, mine), await sessions.begin(world.app, theirs)
    await sessions.end_all(world.app, theirs)
    assert (await ask(world, "GET", "/", cookie=kept.split(";")[0])).status == 200


async def test_entras_own_id_of_an_account_counts_before_one_for_a_single_application(world: World) -> None:
    connection = await world.connect()
    for sub in ("at the API", "at the console"):
        one = token(world, sub=sub, oid="0b1c")
        await ask(world, "POST", f"/api/connections/{connection.id}/reconcile", token=one, body={})
    noted = {one.subject for one in await entries(world, connection) if one.note == JOBS["advance"]}
    assert noted == {f"{world.sims.issuer.name} 0b1c"}


@pytest.mark.parametrize("name", ["the tenant's administrator", "The Service", "console", "break glass"])
async def test_words_that_mean_another_role_are_no_names(world: World, name: str) -> None:
    connection = await world.connect()
    one = token(world, preferred_username=name, email=None, name="Mallory")
    await ask(world, "POST", f"/api/connections/{connection.id}/sync", token=one, body={})
    assert [one.actor for one in await entries(world, connection)][-1] == "Mallory"


@pytest.mark.parametrize(
    "name",
    [
        "The  Service",
        "\uff54\uff48\uff45 \uff53\uff45\uff52\uff56\uff49\uff43\uff45",
        "break-glass",
        "Cons\u00f3le.",
        "c\u043ensole",
        "the tenant\u2019s administrator",
    ],
)
def test_nor_are_words_that_people_read_as_them(world: World, name: str) -> None:
    claims = {
        "iss": "i",
        "sub": "s",
        "roles": ["admin"],
        "name": "Mallory",
        "preferred_username": name,
        "customer": "*",
    }
    assert admitted(world.app.settings.operators, claims).name == "Mallory"


@pytest.mark.hazard(45)
async def test_a_row_that_somebody_wrote_signs_nobody_in(world: World) -> None:
    word, now = secrets.token_urlsafe(32), world.clock.now()
    ours = (await sessions.begin(world.app, Actor(name="victor", role=Role.VIEWER))).split(";")[0]
    async with world.app.database.write() as write:
        row = dict((await write.execute(sa.select(db.sessions))).mappings().one())
        made = {**row, "id": hashlib.sha256(word.encode()).hexdigest(), "role": "admin", "name": "ghost"}
        await write.execute(sa.insert(db.sessions).values({**made, "begun_at": now, "mac": b"\0" * 32}))
    assert (await ask(world, "GET", "/api/connections", cookie=f"footprint={word}")).status == 401
    assert (await ask(world, "GET", "/api/connections", cookie=ours)).status == 200
    # Nor does a row that was changed: not its role, not its customer, not when it began, not with another's MAC.
    for changed in (
        {"role": "admin"},
        {"customer": "contoso"},
        {"subject": "x"},
        {"begun_at": now + timedelta(hours=9)},
    ):
        async with world.app.database.write() as write:
            await write.execute(sa.update(db.sessions).where(db.sessions.c.id == row["id"]).values(**row | changed))
        assert (await ask(world, "GET", "/api/connections", cookie=ours)).status == 401, changed


@pytest.mark.parametrize("claims", [{"roles": None}, {"roles": ["guest"]}, {"sub": "another"}])
async def test_a_role_that_is_taken_away_ends_within_a_quarter_of_an_hour(
    world: World, issuer: httpx.Client, claims: dict[str, Any]
) -> None:
    browser = Browser(world.app, issuer)
    await browser.sign_in(OLGA)
    world.control("POST", "/operators/claims", **claims)
    world.clock.move(sessions.PROVEN_FOR)
    with pytest.raises(Refused, match="sign_in_first"):
        await browser.who()


async def test_a_role_that_is_changed_holds_within_a_quarter_of_an_hour(world: World, issuer: httpx.Client) -> None:
    browser = Browser(world.app, issuer)
    await browser.sign_in(OLGA)
    world.control("POST", "/operators/claims", roles=["viewer"], customer="contoso")
    world.clock.move(sessions.PROVEN_FOR)
    for _ in range(2):
        now = await browser.who()
        assert (now.role, now.customer) == (Role.VIEWER, "contoso")
        world.clock.move(sessions.PROVEN_FOR)
    # While the issuer cannot be asked nobody goes on, and nobody is signed out.
    world.fault({"host": "login", "path": "/operators/oauth2/v2.0/token"}, {"kind": "status", "status": 503}, times=3)
    with pytest.raises(Refused, match="issuer_unreachable"):
        await browser.who()
    world.control("DELETE", "/faults")
    assert (await browser.who()).role is Role.VIEWER


async def test_administrators_see_and_end_the_sessions_of_others(world: World, issuer: httpx.Client) -> None:
    olga, victor = Browser(world.app, issuer), Browser(world.app, issuer)
    await olga.sign_in(OLGA)
    await victor.sign_in(VICTOR)
    admin = world.sims.operator_token("anna", "admin")
    assert (await ask(world, "GET", "/api/sessions", token=world.sims.operator_token())).status == 403
    listed = json.loads((await ask(world, "GET", "/api/sessions", token=admin)).body)["sessions"]
    assert {one["name"] for one in listed} == {OLGA, VICTOR}
    of_olga = next(one["id"] for one in listed if one["name"] == OLGA)
    confined = world.sims.operator_token("fred", "admin", "fabrikam")
    assert (await ask(world, "DELETE", f"/api/sessions/{of_olga}", token=confined)).status == 404
    assert (await ask(world, "DELETE", f"/api/sessions/{of_olga}", token=admin)).status == 204
    with pytest.raises(Refused, match="sign_in_first"):
        await olga.who()
    assert (await victor.who()).name == VICTOR


async def test_what_cannot_be_undone_takes_an_administrator(world: World) -> None:
    connection = await world.connect()
    operator, admin = world.sims.operator_token("olga"), world.sims.operator_token("ada", "admin")
    at = f"/api/connections/{connection.id}"
    everyone = {"name": "all", "everyone": True, "conditions": {"subjects": ["x"]}, "actions": ["trash"]}
    for method, path, body in (
        ("POST", f"{at}/sync", {"accept_loss": True}),
        ("POST", f"{at}/quarantine/export", {}),
        ("GET", f"{at}/quarantine/export", None),
        ("POST", f"{at}/move", {"tenant": "x"}),
        ("DELETE", f"{at}?head=0", None),
        ("PUT", "/api/halts/everything", {"why": "x"}),
        ("PUT", f"{at}/policies/all", everyone),
        ("POST", "/api/connections", NEW | {"policies": [everyone]}),
    ):
        told = await ask(
            world, method, path, token=operator, body=body, **{"if_none_match": "*"} if method == "PUT" else {}
        )
        assert (told.status, b"administrators_only" in told.body) == (403, True), path
    assert (await ask(world, "POST", f"{at}/sync", token=operator, body={})).status == 202
    assert (await ask(world, "POST", f"{at}/sync", token=admin, body={"accept_loss": True})).status == 202


async def test_a_second_person_has_to_ask_for_the_same(world: World) -> None:
    connection = await world.connect()
    two = await world.again(operators={"second_person": True})
    at, body = f"/api/connections/{connection.id}/sync", {"accept_loss": True}
    ada, anna = (world.sims.operator_token(name, "admin") for name in ("ada", "anna"))

    async def asked(who: str, wanted: dict[str, Any] = body) -> int:
        return (await ask(two, "POST", at, token=who, body=wanted)).status

    assert [await asked(ada), await asked(ada)] == [409, 409]
    # Not for something else, not by an operator, and not an hour later.
    assert await asked(anna, body | {"accept_loss": False}) == 202
    assert await asked(world.sims.operator_token("olga")) == 403
    world.clock.move(timedelta(hours=1))
    ada, anna = (world.sims.operator_token(name, "admin") for name in ("ada", "anna"))
    assert [await asked(anna), await asked(ada)] == [409, 202]
    # What was approved is done once.
    assert await asked(anna) == 409
    noted = [(one.actor, one.note) for one in await entries(world, connection) if one.actor in ("ada", "anna")]
    what = JOBS["sync-accepting-loss"]
    assert ("anna", f"asked for, needs a second administrator: {what}") in noted
    assert ("ada", f"approved, asked for by anna: {what}") in noted
    assert ("ada", what) in noted


async def test_a_request_of_one_customers_administrator_is_no_approval_of_a_wider_one(world: World) -> None:
    two = await world.again(operators={"second_person": True})
    whom = {"address": "maria@contoso.com"}
    own, other, all_of_them = (
        world.sims.operator_token(name, "admin", customer=customer)
        for name, customer in (("ada", "contoso"), ("anna", "fabrikam"), ("olga", "*"))
    )
    found = [
        (await ask(two, "POST", "/api/people/erase", token=who, body=whom)).status for who in (own, other, all_of_them)
    ]
    assert found == [409, 409, 409]
    second = world.sims.operator_token("nora", "admin", customer="contoso")
    assert (await ask(two, "POST", "/api/people/erase", token=second, body=whom)).status == 200


async def test_break_glass_opens_while_the_issuer_is_down_and_is_loud(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await world.connect()
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    glass = await world.again(operators={"break_glass": digest})
    origin = {"origin": world.app.settings.public_url}

    async def enter(there: World, secret: str, **headers: str) -> Any:
        return await ask(there, "POST", "/sign-in/break-glass", content=f"secret={secret}".encode(), **headers)

    right = SECRET.replace(" ", "+")
    assert (await enter(world, right, **origin)).status == 404  # this one has no such secret
    assert (await enter(glass, right, **origin)).status == 409  # the issuer answers
    world.fault({"host": "login", "path": "/operators.*"}, {"kind": "status", "status": 503}, times=99)
    assert (await enter(glass, "wrong", **origin)).status == 403
    assert (await enter(glass, digest, **origin)).status == 403
    assert (await enter(glass, right, origin="https://evil.example")).status == 403
    assert (await ask(glass, "GET", "/sign-in/break-glass")).status == 200
    told = await enter(glass, right, **origin)
    assert told.status == 303
    cookie = told.headers["Set-Cookie"].split(";")[0]
    assert (await ask(glass, "GET", "/api/sessions", cookie=cookie)).status == 200
    assert "BREAK GLASS: signed in without the issuer" in [one.note for one in await entries(world, connection)]
    assert "break-glass account signed in" in caplog.text
    assert SECRET not in caplog.text


async def test_who_came_by_breaking_the_glass_goes_when_the_issuer_is_back(world: World) -> None:
    """Nor is the account one of two persons: whoever has its secret may be the other one."""
    connection = await world.connect()
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    glass = await world.again(operators={"break_glass": digest, "second_person": True})
    ada = world.sims.operator_token("ada", "admin")
    assert (await ask(glass, "GET", "/api/sessions", token=ada)).status == 200
    world.fault({"host": "login", "path": "/operators.*"}, {"kind": "status", "status": 503}, times=10_000)
    secret, origin = f"secret={SECRET.replace(' ', '+')}".encode(), world.app.settings.public_url
    told = await ask(glass, "POST", "/sign-in/break-glass", content=secret, origin=origin)
    there = {"cookie": told.headers["Set-Cookie"].split(";")[0], "origin": origin}

    async def looks() -> int:
        return (await ask(glass, "GET", "/api/sessions", **there)).status

    at, loss = f"/api/connections/{connection.id}/sync", {"accept_loss": True}
    for who in ({"token": ada}, there, {"token": ada}):
        assert (await ask(glass, "POST", at, body=loss, **who)).status == 409
    assert await looks() == 200
    world.clock.move(timedelta(minutes=16))
    assert await looks() == 200
    world.control("DELETE", "/faults")
    world.clock.move(timedelta(minutes=14))
    assert await looks() == 200
    world.clock.move(timedelta(minutes=2))
    assert await looks() == 401


async def test_the_console_of_an_administrator_has_the_grave_buttons(world: World, issuer: httpx.Client) -> None:
    browser = Browser(world.app, issuer)
    await browser.sign_in(ADA)
    assert (await browser.who()).role is Role.ADMIN
