"""Invitations: nobody stops others by theirs, and a link ends, is renewed, and stands in no path."""

from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest
import sqlalchemy as sa

from infra.local.timers import fire_timers
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import chain
from shared.flows import consent, invitation
from shared.storage import tables as db
from shared.web.routes import ROUTES
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.invited import COOKIE, OnTheWay, arrives, consented, hands_in
from tests.harness.pages import pressed, see
from tests.harness.world import CONTOSO, FABRIKAM, World


async def code_of(world: World, connection: Connection) -> str:
    return (await invitation.link(world.app, connection.id)).partition("#")[2]


@pytest.mark.hazard(44)
async def test_names_and_abandoned_invitations_stop_and_slow_nobody(world: World) -> None:
    for name in ("common", "organizations", "00000000-0000-0000-0000-000000000000", FABRIKAM):
        await world.create(name, customer="mallory")
    one = await world.create("nowhere.example", customer="mallory")
    async with world.app.database.write() as write:
        row = (await write.execute(sa.select(db.connections).where(db.connections.c.id == one.id))).mappings().one()
        many = [{**row, "id": f"{number:032}", "expected_tenant": f"{number}.example"} for number in range(1500)]
        await write.execute(sa.insert(db.connections), many)
    real = await world.create(FABRIKAM, customer="fabrikam")
    calls = len(world.sims.cloud.calls)
    await world.consent(real, FABRIKAM)
    world.admin("assign-role", FABRIKAM)
    bound = await world.until_true(real, lambda now: now.tenant is not None)
    assert bound.tenant == world.tenant_id(FABRIKAM)
    # Nobody else's name is looked up, and the own one once, however many wait.
    looked_up = [call.path for call in world.sims.cloud.calls[calls:] if "openid-configuration" in call.path]
    assert sorted({path.split("/")[1] for path in looked_up} - {bound.tenant, "organizations"}) == [FABRIKAM]
    assert len(looked_up) < 4


@pytest.mark.hazard(44)
async def test_an_invitation_ends_by_itself(world: World) -> None:
    connection, renewed = await world.create(), await world.create(FABRIKAM)
    half_way = await google.create(world, modes=["api"])
    await google.consent(world, half_way)  # and never installs the application
    await world.pass_time(timedelta(days=13))
    await fire_timers(world.app)
    await world.work()
    assert (await world.connection(connection.id)).stage is Stage.NEW
    path = f"/api/connections/{renewed.id}/invitation"
    assert (await ask(world, "POST", path, token=world.sims.operator_token("anna"))).status == 202
    held = await world.opens(connection)
    await world.pass_time(timedelta(days=1, hours=1))
    for _ in range(3):
        await fire_timers(world.app)
        await world.pass_time(timedelta(hours=1))
    assert (await world.connection(connection.id)).stage is Stage.CLOSED
    assert (await world.connection(half_way.id)).stage is Stage.CLOSED
    assert google.state(world)["grants"] == {}
    assert (await world.connection(renewed.id)).stage is Stage.NEW
    assert (await ask(world, "GET", "/connect", cookie=f"{COOKIE}={held}")).status == 410
    last = [one async for one in chain.entries(world.app.database, connection.id)][-1]
    assert last.note == "Waiting for consent → Closed: no consent within 14 days"


async def test_a_link_is_renewed_and_ended_by_an_operator(world: World) -> None:
    connection = await world.create()
    first = await code_of(world, connection)
    on_the_way = await consented(world, connection)
    path, token = f"/api/connections/{connection.id}/invitation", world.sims.operator_token("anna")
    assert (await ask(world, "POST", path, token=token)).status == 202
    second = await code_of(world, connection)
    assert [(await hands_in(world, code)).status for code in (first, second)] == [410, 303]
    # Nor does a consent go on that was begun by a link that has ended.
    assert (await arrives(world, on_the_way)).status == 410
    assert (await ask(world, "DELETE", path, token=token)).status == 204
    assert (await hands_in(world, second)).status == 410
    assert (await ask(world, "DELETE", path, token=world.sims.operator_token(role="viewer"))).status == 403
    found = [one.note async for one in chain.entries(world.app.database, connection.id) if one.actor == "anna"]
    assert found == ["invitation renewed; earlier links ended", "links ended"]


async def test_the_console_renews_a_link(world: World) -> None:
    connection = await world.create()
    first = await code_of(world, connection)
    page = await see(world, f"/connections/{connection.id}")
    assert f"/connections/{connection.id}/renew-invitation" in page.posts()
    back = await pressed(world, f"/connections/{connection.id}/renew-invitation")
    shown = await see(world, back)
    second = await code_of(world, connection)
    assert f"/connect#{second}" in shown.text
    assert [(await hands_in(world, code)).status for code in (first, second)] == [410, 303]


async def test_a_holder_of_a_link_does_not_renew_it(world: World) -> None:
    connection = await world.create()
    code = await code_of(world, connection)
    held = await invitation.enter(world.app, code)
    for _ in range(3):
        url = await consent.platform_url(world.app, connection, held)
        address = f"/api/consent/microsoft365?tenant={world.tenant_id()}&state={httpx.URL(url).params['state']}"
        assert (await arrives(world, OnTheWay(browser=held, address=address))).status == 400
        await world.pass_time(timedelta(days=2, hours=12))
    assert (await hands_in(world, code)).status == 410
    assert (await ask(world, "GET", "/connect", cookie=f"{COOKIE}={held}")).status == 410
    notes = [one.note async for one in chain.entries(world.app.database, connection.id)]
    assert notes == ["created"]


async def test_a_link_ends_with_its_connection_and_does_not_come_back(world: World) -> None:
    running = await world.connect(CONTOSO)
    code = await code_of(world, running)
    assert (await hands_in(world, code)).status == 303
    closed = await world.leave(running)
    assert (await hands_in(world, code)).status == 410
    token = world.sims.operator_token("anna")
    assert (await ask(world, "POST", f"/api/connections/{closed.id}/grant", token=token)).status == 202
    assert (await hands_in(world, code)).status == 410


async def test_a_link_costs_a_bounded_number_of_looks_an_hour(world: World) -> None:
    running = await world.connect()
    await world.revoke(running)
    await world.until_true(running, lambda now: now.reason == "waiting_for_administrator")
    held, own = f"{COOKIE}={await world.opens(running)}", world.app.settings.public_url
    answers = []
    for _ in range(20):
        await world.pass_time(timedelta(seconds=30))
        answers.append((await ask(world, "POST", "/connect", cookie=held, origin=own)).status)
    assert answers == [303] * invitation.MAX_CHECKS_AN_HOUR + [429] * (20 - invitation.MAX_CHECKS_AN_HOUR)
    await world.pass_time(timedelta(hours=1))
    assert (await ask(world, "POST", "/connect", cookie=held, origin=own)).status == 303


@pytest.mark.parametrize("platform", ["microsoft365", "google"])
async def test_a_link_has_the_platform_asked_a_bounded_number_of_times(world: World, platform: str) -> None:
    made = await google.create(world) if platform == "google" else await world.create()

    async def comes_back(code: str) -> int:
        browser = await world.opens(made)
        state = httpx.URL(await consent.platform_url(world.app, made, browser)).params["state"]
        address = f"/api/consent/{platform}?{urlencode({'state': state, 'code': code})}"
        return (await arrives(world, OnTheWay(browser=browser, address=address))).status

    before = len(world.sims.cloud.calls)
    answers, most = [await comes_back(f"made-up-{number}") for number in range(20)], invitation.MAX_CHECKS_AN_HOUR
    assert answers == [answers[0]] * most + [429] * (20 - most)
    assert len([one for one in world.sims.cloud.calls[before:] if one.path.endswith("/token")]) == most
    world.clock.move(consent.STATE_LIFE)
    assert await comes_back("made-up") == answers[0] != 429


async def test_no_invitation_stands_in_a_path_or_is_handed_in_from_elsewhere(world: World) -> None:
    assert [route.path for route in ROUTES if route.path.startswith("/connect") and "{token}" in route.path] == []
    connection = await world.create()
    code = await code_of(world, connection)
    assert (await ask(world, "GET", f"/connect/{code}")).status == 404
    assert (await hands_in(world, code, origin="https://evil.example")).status == 403
    page = await ask(world, "GET", "/connect")
    assert (page.status, b'name="code"' in page.body) == (200, True)
    # A page may be opened as often as anybody likes: it writes nothing.
    held = f"{COOKIE}={await world.opens(connection)}"
    before = world.databases.content(world.folder)
    for _ in range(3):
        assert (await ask(world, "GET", "/connect", cookie=held)).status == 200
    assert world.databases.content(world.folder) == before
