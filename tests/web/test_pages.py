"""The console's pages, as they come from the server: whole in every stage, for every role, and harmless."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.connections.stages import Stage
from shared.flows import grant, invitation
from shared.foundation.schedule import Site
from shared.protection import policies
from shared.protection.policies import EVERYONE, Policy
from shared.web import sessions
from shared.web.actors import Actor, Role
from shared.web.dispatch import answer
from shared.web.http import received
from shared.web.pages import distance
from shared.web.pages.actions import ACTS
from shared.web.pages.assets import TEMPLATES
from tests.harness import workspace as google
from tests.harness.invited import COOKIE
from tests.harness.pages import ADA, OLGA, VICTOR, Page, all_pages, asked, paths_of, press, pressed, see
from tests.harness.world import FABRIKAM, World


async def test_every_page_is_whole_in_every_stage_of_a_life(world: World) -> None:
    new = await world.create()
    pages = await all_pages(world, new)
    assert "Invitation sent now , not opened yet, expires in 7 d" in pages[""].text
    assert "link" in {attrs.get("id") for attrs in pages[""].all("code")}
    assert pages["connect"].all("a", **{"class": "button first"})
    await world.consent(new)
    pages = await all_pages(world, await world.connection(new.id))
    assert "/connect#" not in pages[""].body
    assert not pages["connect"].all("a", **{"class": "button first"})
    await world.work()
    waiting = await all_pages(world, await world.connection(new.id))
    assert "objects are in place" in waiting[""].text
    world.admin("assign-role")
    running = await world.until(new, Stage.RUN)
    pages = await all_pages(world, running)
    assert "Revoke access" in pages[""].text
    assert "objects are in place" not in pages[""].text
    fresh = pages[f"/connections/{new.id}/plan?for=revoke&fresh=1"]
    groups = ("At once", "After 1 hour", "After 24 hours", "By the administrator", "Stays")
    assert [fresh.text.index(title) for title in groups] == sorted(fresh.text.index(title) for title in groups)
    assert "of a check of the tenant just now" in fresh.text
    await pressed(world, f"/connections/{new.id}/revoke")
    await all_pages(world, await world.connection(new.id))
    await world.work()
    pages = await all_pages(world, await world.connection(new.id))
    assert "objects are gone" in pages[""].text
    assert "Reconnect" in pages[""].text
    asks = await world.until_true(new, lambda now: now.reason == "waiting_for_administrator")
    pages = await all_pages(world, asks)
    assert f"/connections/{new.id}/attest" in pages[""].posts()
    assert "Open the page where this is done" in pages["connect"].text
    world.admin("remove-application")
    pages = await all_pages(world, await world.until(asks, Stage.CLOSED))
    certificate = pages[f"/connections/{new.id}/certificate"].text
    assert "Nothing of ours is left" in certificate
    assert "IP Allow List 203.0.113.16/28" in certificate
    assert "This connection is closed" in pages["connect"].text


async def test_every_page_is_whole_where_mailboxes_are_read(world: World) -> None:
    running = await google.connect(world, policies=[EVERYONE, _quarantines()])
    google.mail(world, google.ADMIN, subject='<b>"You" won</b>', count=2)
    world.clock.move(timedelta(seconds=2))
    await google.deliver_all(world)
    pages = await all_pages(world, running)
    base = f"/connections/{running.id}"
    assert '<b>"You" won</b>' in pages[f"{base}/quarantine"].text
    assert pages[""].text.count("✓") == 0  # marks are drawn, not written
    assert "Mail route" in pages[""].text
    refused = await press(world, f"{base}/revoke")
    assert (refused.status, Page(refused).all("a", href=base) != []) == (409, True)
    plan = await see(world, f"{base}/plan?for=revoke")
    assert plan.all("input", name="acknowledge_quarantine")
    item = pages[f"{base}/quarantine"].all("input", name="item")[0]["value"]
    assert await pressed(world, f"{base}/release", item=item) == f"{base}/quarantine"
    assert "released" in (await see(world, f"{base}/quarantine?state=releasing&policy=&user=&sender=")).text
    assert "Export in progress" in (await see(world, await pressed(world, f"{base}/export", ADA), ADA)).text
    await world.work()
    assert (await see(world, f"{base}/quarantine", ADA)).all("a", href=f"/api{base}/quarantine/export?part=1")
    assert await pressed(world, f"{base}/revoke", acknowledge_quarantine="1") == f"{base}?asked=revoke"
    asks = await world.until_true(running, lambda now: now.reason == "waiting_for_administrator")
    assert "Remove" in (await all_pages(world, asks))[""].text


def _quarantines() -> Policy:
    return google.RISKY.model_copy(update={"actions": ["label", "quarantine"]})


async def test_nothing_acts_on_a_look(world: World) -> None:
    running = await world.connect()
    new = await world.create(FABRIKAM)
    cookie = (await sessions.begin(world.app, OLGA)).split(";")[0]
    await invitation.link(world.app, new.id)
    before, calls = world.databases.content(world.folder), len(world.sims.cloud.calls)
    for path in ("/", "/connections", "/connections/new", *paths_of(running), *paths_of(new)):
        request = received("GET", *path.partition("?")[::2], {"cookie": cookie}, b"")
        assert (await answer(world.app, request)).status == 200, path
    assert world.databases.content(world.folder) == before
    assert all(_looks(call) for call in world.sims.cloud.calls[calls:])
    for action in ACTS:
        assert (await asked(world, "GET", f"/connections/{running.id}/{action}", OLGA)).status == 404


def _looks(call: Any) -> bool:
    # Exchange is asked with POST whatever it is asked.
    return call.method == "GET" or "oauth2" in call.path or "InvokeCommand" in call.path or "$batch" in call.path


@pytest.mark.hazard(30)
async def test_a_viewer_and_an_operator_of_another_customer_can_do_nothing(world: World) -> None:
    connection = await world.create(customer="northwind")
    base = f"/connections/{connection.id}"
    others = Actor(name="carl@contoso.com", role=Role.OPERATOR, customer="contoso")
    theirs = Actor(name="nina@northwind.example", role=Role.OPERATOR, customer="northwind")
    for action in ACTS:
        assert (await press(world, f"{base}/{action}", VICTOR)).status == 403
        assert (await press(world, f"{base}/{action}", others)).status == 404
    assert (await press(world, f"{base}/nothing")).status == 404
    assert (await asked(world, "POST", f"{base}/revoke", OLGA, origin="https://evil.example")).status == 403
    for path in paths_of(connection):
        assert (await asked(world, "GET", path, others)).status == 404
        assert (await asked(world, "GET", path, None)).status == 401
    assert connection.id not in (await see(world, "/connections", others)).body
    assert connection.id in (await see(world, "/connections", theirs)).body
    assert (await asked(world, "GET", "/connections/new", VICTOR)).status == 403
    form = {"platform": "microsoft365", "site": "eu", "name": "Theirs", "customer": "somebody", "tenant": FABRIKAM}
    refused = await press(world, "/connections", theirs, **form)
    assert (refused.status, "own customer" in Page(refused).text) == (400, True)
    made = await pressed(world, "/connections", theirs, **{**form, "customer": ""})
    assert (await world.connection(made.rpartition("/")[2])).customer == "northwind"
    assert (await world.connection(connection.id)).stage is Stage.NEW


async def test_what_others_have_written_is_shown_as_it_is_and_does_nothing(world: World) -> None:
    bad = """<script>alert(1)</script>"' onload=x {{ 7*7 }}"""
    new = grant.NewConnection(platform="google", site=Site.UK, name=bad, customer=bad)
    connection = await world.connection((await grant.create(world.app, new, bad)).connection_id)
    async with world.app.database.write() as write:
        await policies.put(write, connection.id, Policy(name="odd", users=[bad], conditions={"words": [bad]}))
    base = f"/connections/{connection.id}"
    for path in (
        "/",
        "/connections",
        *paths_of(connection),
        f"{base}/policies?name=odd",
        f"/connections?q={bad.replace('&', '%26')}",
    ):
        page = await see(world, path, Actor(name=bad, role=Role.OPERATOR))
        assert len(page.all("script")) == 1, path
        assert "alert(1)" not in re.sub(r"&lt;script&gt;alert\(1\)", "", page.body)
    problem = Page(await asked(world, "GET", f"{base}/<script>", OLGA))
    assert "<script>" not in problem.text


async def test_a_page_that_is_as_it_was_is_not_sent_again(world: World) -> None:
    connection = await world.create()
    for path in ("/", "/connections", f"/connections/{connection.id}", f"/connections/{connection.id}/ledger"):
        first = await asked(world, "GET", path, OLGA)
        again = await asked(world, "GET", path, OLGA, if_none_match=first.headers["ETag"])
        assert (again.status, again.body) == (304, b"")
        assert first.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; script-src")
        assert first.headers["Cache-Control"] == "no-store"
        # With no-referrer, a browser sends our own forms with the origin “null”.
        assert first.headers["Referrer-Policy"] == "same-origin"
    page = await see(world, f"/connections/{connection.id}")
    assert page.all("main")[0]["data-again"] == "30"
    assert {"stages", "state", "progress", "consent", "steps", "actions", "facts"} <= page.parts()
    await pressed(world, f"/connections/{connection.id}/revoke")
    changed = await asked(world, "GET", f"/connections/{connection.id}", OLGA, if_none_match=first.headers["ETag"])
    assert changed.status == 200
    assert "data-again" not in Page(changed).all("main")[0]


async def test_files_are_kept_under_the_address_that_names_what_is_in_them(world: World) -> None:
    page = await see(world, "/")
    named = [page.all("script")[0]["src"], *(one["href"] for one in page.all("link"))]
    assert len(named) == 3
    for address in named:
        response = await asked(world, "GET", address, None)
        assert "immutable" in response.headers["Cache-Control"]
        path = address.partition("?")[0]
        today = await asked(world, "GET", path, None)
        assert (today.body, today.headers["Cache-Control"]) == (response.body, "no-cache")
        assert (await asked(world, "GET", path, None, if_none_match=today.headers["ETag"])).status == 304
    sizes = {name: len((TEMPLATES / name).read_bytes()) for name in ("style.css", "console.js")}
    assert sizes["style.css"] < 17_800
    assert sizes["console.js"] < 8_500


async def test_a_problem_says_what_to_do_next(world: World) -> None:
    page = await see(world, "/connections/1", status=404)
    assert page.all("a", **{"class": "button"})[0]["href"] == "/connections"
    before = await see(world, "/connections/new?x=1", None, status=401)
    signs_in = [one["href"] for one in before.all("a") if one["href"].startswith("/sign-in")]
    configured = bool(world.app.settings.operators.client_id)
    assert signs_in == (["/sign-in?to=/connections/new"] if configured else [])
    ended = await see(world, "/connect", None, status=410, cookie=f"{COOKIE}=nothing")
    assert not ended.all("a", **{"class": "button"})


def test_a_time_is_told_by_how_far_it_is_as_well() -> None:
    now = datetime(2026, 11, 26, 3, tzinfo=UTC)
    told = {
        timedelta(0): "now",
        timedelta(minutes=5): "in 5 minutes",
        timedelta(minutes=-1): "1 minute ago",
        timedelta(hours=23): "in 23 hours",
        timedelta(days=-2): "2 days ago",
    }
    assert {by: distance((now + by).isoformat(), now) for by in told} == told
