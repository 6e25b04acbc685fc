"""Requests that are too late, too deep, too long or odd, by malice or carelessness: each of these went wrong once"""

import json
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from shared.connections.stages import Stage
from shared.storage import tables as db
from shared.web import sessions
from shared.web.actors import Actor, Role
from tests.harness.client import ask
from tests.harness.invited import arrives, consented
from tests.harness.world import World

# The most that browsers keep of a cookie with all that belongs to it.
MAX_COOKIE_BYTES = 4096


async def session(world: World, role: Role) -> dict[str, str]:
    """What the browser of somebody who has signed in sends along."""
    cookie = await sessions.begin(world.app, Actor(name="olga", role=role))
    return {"cookie": cookie.partition(";")[0], "origin": world.app.settings.public_url}


async def test_a_holder_of_the_link_cannot_undo_a_revoke(world: World) -> None:
    connection = await world.connect()
    on_the_way, late = [await consented(world, connection) for _ in range(2)]
    await world.revoke(connection)
    assert (await arrives(world, on_the_way)).status == 303
    assert (await world.connection(connection.id)).stage is Stage.REVOKE
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    world.admin("remove-application")
    closed = await world.until(connection, Stage.CLOSED)
    assert (await arrives(world, late)).status == 410
    assert await world.connection(connection.id) == closed


async def test_a_consent_that_was_gone_comes_back_and_the_removal_ends(world: World) -> None:
    before = world.snapshot()
    connection = await world.connect()
    await world.revoke(connection)
    world.admin("remove-application")
    gone = await world.until_true(connection, lambda now: now.reason == "consent_missing")
    await world.consent(gone)
    world.admin("assign-role")
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    world.admin("remove-application")
    await world.until(connection, Stage.CLOSED)
    assert world.snapshot() == before


async def test_what_could_not_be_answered_alike_is_not_begun(world: World) -> None:
    connection = await world.connect()
    async with world.app.database.write() as write:
        deployment = db.data_keys.c.scope == "deployment"
        await write.execute(sa.update(db.data_keys).where(deployment).values(wrapped=b"x" * 60))
    other = await world.again()  # it has not the key in memory
    path, token = f"/api/connections/{connection.id}/sync", world.sims.operator_token("anna")
    assert (await ask(other, "POST", path, token=token, idempotency_key="k")).status == 502
    async with other.app.database.read() as read:
        asked = sa.select(sa.func.count()).select_from(db.ledger).where(db.ledger.c.actor == "anna")
        assert (await read.execute(asked)).scalar_one() == 0


async def test_a_look_by_the_page_costs_as_much_as_by_the_api(world: World) -> None:
    connection = await world.create()
    world = await world.again(api={"requests_a_minute": 20})
    headers = await session(world, Role.VIEWER)
    paths = (f"/api/connections/{connection.id}/plan", f"/connections/{connection.id}/plan?fresh=1", "/")
    found = [await ask(world, "GET", path, **headers) for path in paths]
    assert [one.status for one in found] == [200, 200, 429]


async def test_every_cursor_that_is_given_is_taken(world: World) -> None:
    connection = await world.create()
    row = {
        "connection": connection.id,
        "mail": f"{'ü' * 64}@{'ä' * 200}.example",
        "enabled": True,
        "receives": True,
        "mark": "",
    }
    rows = [{**row, "id": f"{number}{'é' * 100}"} for number in range(3)]
    async with world.app.database.write() as write:
        await write.execute(sa.insert(db.users), rows)
    path, token, found = f"/api/connections/{connection.id}/users?limit=1", world.sims.operator_token(), []
    cursor: str | None = ""
    while cursor is not None:
        answer = await ask(world, "GET", f"{path}&cursor={cursor}", token=token)
        assert answer.status == 200, answer.body
        content = json.loads(answer.body)
        found += [user["id"] for user in content["users"]]
        cursor = content["next"]
    assert found == [one["id"] for one in rows]


async def test_what_is_too_deep_or_too_long_is_told_as_what_it_is(world: World) -> None:
    connection, token = await world.create(), world.sims.operator_token()
    path = f"/api/connections/{connection.id}"
    assert (await ask(world, "POST", f"{path}/quarantine/{'9' * 5000}/release", token=token)).status == 409
    deep = "W1tb" * 400  # [[[ and so on
    assert (await ask(world, "GET", f"{path}/users?cursor={deep}", token=token)).status == 400
    for body in (b"[" * 20_000, b'{"name":' + b"9" * 6000 + b"}", b'{"name":"\\ud800"}'):
        told = await ask(world, "POST", "/api/connections", token=token, content=body, content_type="application/json")
        assert told.status == 400, told.body
    # Nor where a request is read before its route does, to hold it against another administrator's.
    two, admin = await world.again(operators={"second_person": True}), world.sims.operator_token(role="admin")
    said = {"content": b"[" * 4000, "content_type": "application/json"}
    assert (await ask(two, "POST", "/api/people/erase", token=admin, **said)).status == 409


@pytest.mark.parametrize("name", [b"a\0b", b"a%00b", b"a%%0000b"])
async def test_a_form_brings_no_nul_to_the_database(world: World, name: bytes) -> None:
    connection = await world.create()
    path, headers = f"/connections/{connection.id}/delete-policy", await session(world, Role.OPERATOR)
    assert (await ask(world, "POST", path, content=b"etag=x&name=" + name, **headers)).status == 404


async def test_a_browser_keeps_the_cookie_of_every_sign_in(world: World) -> None:
    to = quote("/connections/" + "%" * 1900, safe="")
    assert len((await ask(world, "GET", f"/sign-in?to={to}")).headers["Set-Cookie"]) < MAX_COOKIE_BYTES
