"""What the local machine adds to the service: the page of administrators, and a browser that needs no person."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from infra.local.controls import ACTIONS, PLACES, routes
from infra.local.demo import google_workspace as demo_google
from infra.local.demo import microsoft365 as demo_microsoft365
from infra.local.demo.browser import Page, decide
from infra.local.simulators.google.administration import ACTIONS as KNOWN
from shared.connections.stages import Stage
from shared.flows import consent, grant
from tests.harness import workspace as google
from tests.harness.world import CONTOSO, ORCHARD, World


async def post(world: World, path: str, origin: str = "", **form: str) -> httpx.Response:
    """What a person's browser sends from the page."""
    site = Starlette(routes=routes(world.app, world.sims, world.clock.move))
    headers = {"origin": origin} if origin else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=site), base_url="http://127.0.0.1") as browser:
        if not form:
            return await browser.get(path)
        return await browser.post(path, data=form, headers=headers)


async def act(world: World, action: str, domain: str = ORCHARD, **more: Any) -> httpx.Response:
    return await post(world, "/_local/act", tenant=world.tenant_id(domain), action=action, **more)


def test_every_platform_has_its_administrators(world: World) -> None:
    assert set(ACTIONS) == set(PLACES) == set(world.app.platforms)
    assert {one.action for one in ACTIONS["google"].values()} - {""} <= set(KNOWN)


async def test_the_page_shows_every_tenant_and_the_time(world: World) -> None:
    page = await post(world, "/_local")
    assert page.status_code == 200
    for one in world.sims.tenants():
        assert one["name"] in page.text
    assert f"{world.clock.now():%d %b %Y, %H:%M} UTC" in page.text


async def test_who_has_moved_the_clock_past_their_session_signs_in_again(world: World) -> None:
    there = await post(world, "/_local/sign-in", now="1")
    assert (there.status_code, "/sign-in/once/" in there.headers["Location"]) == (303, True)
    assert (await post(world, "/_local/sign-in", now="1", origin="http://elsewhere.example")).status_code == 400
    assert "FOOTPRINT_TOKEN=" in (await post(world, "/_local")).text


async def test_what_was_done_is_told(world: World) -> None:
    done = await act(world, "install-app")
    assert "Done: Install the application for everyone." in (await post(world, done.headers["Location"])).text


async def test_the_clock_is_moved_by_its_buttons_only(world: World) -> None:
    before = world.clock.now()
    assert (await post(world, "/_local/clock", by="+1 day")).status_code == 303
    assert world.clock.now() - before >= timedelta(days=1)
    assert (await post(world, "/_local/clock", by="+1 year")).status_code == 400
    assert (await post(world, "/_local/clock", by="+1 day", origin="http://elsewhere.example")).status_code == 400
    assert world.clock.now() - before < timedelta(days=2)


async def test_another_page_is_nobodys_administrator(world: World) -> None:
    before = world.snapshot(ORCHARD)
    assert (await act(world, "install-app", origin="http://elsewhere.example")).status_code == 400
    assert (await act(world, "delete-everything")).status_code == 400
    assert (await act(world, "assign-role")).status_code == 400  # the other platform's
    assert world.snapshot(ORCHARD) == before


async def test_what_makes_no_sense_is_told_in_words(world: World) -> None:
    refused = await act(world, "assign-role", CONTOSO)
    assert refused.status_code == 409
    assert "Consent first" in refused.text
    refused = await act(world, "add-route")
    assert refused.status_code == 409
    assert "Make a connection for this organisation first" in refused.text
    refused = await act(world, "suspend-user", user="<b>nobody</b>")
    assert refused.status_code == 409
    assert "<b>" not in refused.text


async def test_the_administrator_types_the_values_of_our_connection(world: World) -> None:
    connection = await google.create(world)
    assert (await act(world, "install-app")).status_code == 303
    await google.consent(world, connection)
    running = await world.until(connection, Stage.RUN)
    for action in ("add-route", "add-gateway", "add-rule"):
        assert (await act(world, action)).status_code == 303, action
    await google.look(world, running)
    assert (await world.marks(running))["rule"] == "present"
    assert (await world.until_true(running, lambda now: now.status == "ok")).reason is None
    assert [one["name"] for one in google.state(world)["routes"]] == [
        (await google.asked_values(world, running, "route"))["Name"]
    ]


async def test_mail_arrives_for_the_user_who_was_typed(world: World) -> None:
    user = demo_google.USER
    answer = await act(world, "risky-mail", user=user)
    assert answer.status_code == 303
    shown = await post(world, answer.headers["location"])
    assert f"value='{user}'" in shown.text
    senders = [one["from"] for one in google.mailbox(world, user).messages.values()]
    assert senders[-1] == google.SENDER
    assert (await act(world, "suspend-user", user=user)).status_code == 303
    assert "Nobody receives mail" in (await act(world, "risky-mail", user=user)).text


async def test_a_browser_leaves_every_box_ticked_and_takes_the_account_that_is_meant(world: World) -> None:
    connection = await google.create(world)
    held = await world.opens(connection)
    url = await consent.platform_url(world.app, connection, held)
    async with httpx.AsyncClient(trust_env=False) as browser:
        page = Page((await browser.get(url)).text)
        back = httpx.URL((await decide(browser, url, google.ADMIN)).headers["location"])
    ticked = {value for name, value in page.fields if name == "scope"}
    assert ticked == set(back.params["scope"].split())
    await consent.callback(world.app, "google", dict(back.params), held)
    assert (await world.connection(connection.id)).administrator == google.ADMIN


@pytest.mark.parametrize("story", [demo_microsoft365.STORY, demo_google.STORY], ids=["microsoft365", "google"])
def test_a_story_has_every_stage_in_order(story: Any) -> None:
    assert [chapter.stage for chapter in story.chapters] == ["grant", "run", "revoke", "cleanup"]
    new = grant.NewConnection.model_validate({**story.connection, "tenant": story.domain})
    assert new.platform == story.connection["platform"]


def test_a_tenant_that_says_otherwise_is_seen() -> None:
    rows = [
        {"key": key, "title": key, "state": "absent", "asked": None}
        for key in ("grant", "group", "application", "delegation", "gateway", "rule", "watches")
    ]
    asked = {"key": "route", "state": "by administrator", "asked": {"removal": True}}
    nothing: dict[str, Any] = {
        "grants": {},
        "groups": [],
        "installs": {},
        "delegations": {},
        "routes": [],
        "policies": [],
        "mailboxes": {},
    }
    snapshot = {**nothing, "gateway": {"ips": []}}
    agreed = demo_google.agree([*rows, asked], json.dumps(snapshot))
    assert sorted(key for key, held in agreed.items() if not held) == ["gateway", "route"]
