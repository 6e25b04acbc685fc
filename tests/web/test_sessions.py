"""Sessions of the console: how long they last, how they end, and what a form must come from."""

from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa

from shared.foundation.errors import Refused
from shared.storage import tables as db
from shared.web import sessions
from shared.web.accounts import sign_in_link
from shared.web.actors import Actor, Role
from tests.harness.accounts import ANOTHER_ORIGIN, CARL, OLGA, VICTOR, Browser, says
from tests.harness.world import World


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
    for _ in range(sessions.SESSION_MAX_AGE // step - 1):
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
    world.clock.move(timedelta(minutes=14))
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


async def test_everywhere_is_wherever_the_account_is(world: World, issuer: httpx.Client) -> None:
    confined, every, other = (Browser(world.app, issuer) for _ in range(3))
    await confined.sign_in(CARL)
    # Another account of the same name is another account.
    world.control("POST", "/operators/claims", customer="*", preferred_username=CARL)
    await every.sign_in(CARL)
    await other.sign_in(VICTOR)
    await every.send("POST", "/sign-out", {"everywhere": "1"}, origin=world.app.settings.public_url)
    with pytest.raises(Refused, match="sign_in_first"):
        await confined.who()
    assert (await other.who()).name == CARL


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:80801"])
async def test_a_form_of_another_site_is_not_taken(browser: Browser, origin: str) -> None:
    await browser.sign_in(OLGA)
    headers = {"origin": origin} if origin else {}
    assert says(await browser.send("POST", "/sign-out", **headers), ANOTHER_ORIGIN)
    assert (await browser.who()).name == OLGA


async def test_a_one_time_link(world: World, browser: Browser) -> None:
    link = (await sign_in_link(world.app)).removeprefix(world.app.settings.public_url)
    assert (await browser.send("GET", link)).status == 303
    assert await browser.who() == Actor(name="console", role=Role.ADMIN)
    assert (await browser.send("GET", link)).status == 410
