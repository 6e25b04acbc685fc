"""The console's pages, as they come from the server: whole in every stage, for whoever may see them, and harmless."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from shared.connections.record import Connection
from shared.engine import chain
from shared.engine.rows import Stage
from shared.flows import grant
from shared.flows import requests as orders
from shared.foundation.schedule import Site
from shared.protection import policies
from shared.protection.policies import EVERYONE, Policy
from shared.web import sessions
from shared.web.dispatch import answer
from shared.web.http import Actor, Response, Role, received
from shared.web.pages import SECTIONS, TEMPLATES, distance
from shared.web.pages.actions import ACTS
from shared.web.pages.differences import LONGEST, MOST_LINES, differences
from shared.web.pages.plans import KINDS, waits_of
from tests.harness import workspace as google
from tests.harness.world import FABRIKAM, ORCHARD, World

OLGA = Actor(name="olga@msp.example", role=Role.OPERATOR)
VICTOR = Actor(name="victor@msp.example", role=Role.VIEWER)
ASSETS = sum(len((TEMPLATES / name).read_bytes()) for name in ("style.css", "console.js"))
LARGEST_PAGE = 60_000
VOID = frozenset({"meta", "link", "input", "img", "br"})
WORKING = ("a", "button", "select", "input", "textarea")


class Page(HTMLParser):
    """A page, which is whole: nested as it says, with one title for each thing, and nothing that CSP would stop."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.body = response.body.decode()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(self.body)
        assert self.open == []
        self._check()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice: {tag} {attrs}"
        self.seen.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """What is read."""
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str, **given: str) -> list[dict[str, str]]:
        """The attributes of each element of a kind."""
        return [attrs for name, attrs in self.seen if name == tag and given.items() <= attrs.items()]

    def posts(self) -> list[str]:
        """Where its forms would change something."""
        return [form["action"] for form in self.all("form", method="post") if form["action"] != "/sign-out"]

    def parts(self) -> set[str]:
        """What is kept up to date by itself."""
        return {attrs["data-part"] for _, attrs in self.seen if "data-part" in attrs}

    def _check(self) -> None:
        ids = [attrs["id"] for _, attrs in self.seen if "id" in attrs]
        assert len(set(ids)) == len(ids), sorted(ids)
        assert [len(self.all(tag)) for tag in ("h1", "main", "title")] == [1, 1, 1]
        levels = [int(tag[1]) for tag, _ in self.seen if re.fullmatch("h[1-6]", tag)]
        assert all(below <= above + 1 for above, below in pairwise(levels)), levels
        labelled = {attrs.get("for") for attrs in self.all("label")}
        for tag, attrs in self.seen:
            assert not any(name.startswith("on") or name == "style" for name in attrs), attrs
            if tag in ("select", "textarea") or (tag == "input" and attrs.get("type", "text") in ("text", "search")):
                assert attrs["id"] in labelled, attrs
            assert tag != "th" or attrs.get("scope") in ("row", "col")
            assert tag != "img" or "alt" in attrs
        assert len(self.all("table")) == len(self.all("caption"))
        assert all(form["action"].startswith("/") for form in self.all("form"))
        assert not self.all("style")
        assert all(script["src"].startswith("/") for script in self.all("script"))
        assert all(one["data-copy"].removeprefix("#") in ids for one in self.all("button") if "data-copy" in one)
        parts = [attrs["data-part"] for _, attrs in self.seen if "data-part" in attrs]
        assert len(set(parts)) == len(parts)
        assert len(self.body.encode()) + ASSETS < LARGEST_PAGE


async def asked(world: World, method: str, path: str, actor: Actor | None, body: bytes = b"", **more: str) -> Response:
    """What a browser is answered, in which somebody has signed in."""
    path, _, query = path.partition("?")
    headers = {"origin": world.app.settings.public_url, **{name.replace("_", "-"): text for name, text in more.items()}}
    if actor is not None:
        headers["cookie"] = (await sessions.begin(world.app, actor)).split(";")[0]
    return await answer(world.app, received(method, path, query, headers, body))


async def see(world: World, path: str, actor: Actor | None = OLGA, status: int = 200) -> Page:
    """A page as somebody sees it."""
    response = await asked(world, "GET", path, actor)
    assert response.status == status, (path, response.status, response.body[-900:])
    return Page(response)


async def press(world: World, path: str, actor: Actor = OLGA, /, **form: Any) -> Response:
    """A form is sent."""
    return await asked(world, "POST", path, actor, urlencode(form, doseq=True).encode())


async def pressed(world: World, path: str, actor: Actor = OLGA, /, **form: Any) -> str:
    """A form is sent and taken; returns where the browser is led."""
    response = await press(world, path, actor, **form)
    assert response.status == 303, (response.status, Page(response).text)
    return response.headers["Location"]


def paths_of(connection: Connection) -> list[str]:
    """Every page of a connection."""
    base = f"/connections/{connection.id}"
    plans = [f"{base}/plan?for={kind}{fresh}" for kind in KINDS for fresh in ("", "&fresh=1")]
    more = [f"{base}/ledger?verify=1", f"{base}/directory?kind=groups", f"{base}/policies?new=1"]
    return [base, *(f"{base}/{section}" for section in SECTIONS if section), *plans, *more]


async def all_pages(world: World, connection: Connection) -> dict[str, Page]:
    """Every page of a connection as an operator sees it, and its administrator's; and a viewer can do nothing."""
    seen = {path: await see(world, path) for path in paths_of(connection)}
    for path in paths_of(connection):
        page = await see(world, path, VICTOR)
        assert [action for action in page.posts() if not action.endswith("/put-policy")] == [], path
        # The form of a policy shows what is in it, and has nothing to send it with.
        assert not page.all("button", **{"class": "first"})
        assert "/connect/" not in page.body
    link = (await grant.link(world.app, connection.id)).removeprefix(world.app.settings.public_url)
    theirs = await see(world, link, None)
    assert set(theirs.posts()) <= {link}
    assert not [one for one in theirs.all("a") if one["href"].startswith("/")]
    return {**seen, "connect": theirs, "": seen[f"/connections/{connection.id}"]}


async def test_every_page_is_whole_in_every_stage_of_a_life(world: World) -> None:
    new = await world.create()
    pages = await all_pages(world, new)
    assert "Waiting for consent" in pages[""].text
    assert "link" in {attrs.get("id") for attrs in pages[""].all("code")}
    assert pages["connect"].all("a", **{"class": "button first"})
    await world.consent(new)
    pages = await all_pages(world, await world.connection(new.id))
    assert "/connect/" not in pages[""].body
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
    groups = ("At once", "After 1 hour", "After 24 hours", "By the administrator", "What stays")
    assert [fresh.text.index(title) for title in groups] == sorted(fresh.text.index(title) for title in groups)
    assert "has just found" in fresh.text
    await pressed(world, f"/connections/{new.id}/revoke")
    await all_pages(world, await world.connection(new.id))
    await world.work()
    pages = await all_pages(world, await world.connection(new.id))
    assert "objects are gone" in pages[""].text
    assert "Connect again" in pages[""].text
    asks = await world.until_true(new, lambda now: now.reason == "waiting_for_administrator")
    pages = await all_pages(world, asks)
    assert f"/connections/{new.id}/attest" in pages[""].posts()
    assert "Open the page where this is done" in pages["connect"].text
    world.admin("remove-application")
    pages = await all_pages(world, await world.until(asks, Stage.CLOSED))
    certificate = pages[f"/connections/{new.id}/certificate"].text
    assert "Nothing of ours is left" in certificate
    assert "IP Allow List 203.0.113.16/28" in certificate
    assert "Nothing of ours is left" in pages["connect"].text


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
    assert "put back" in (await see(world, f"{base}/quarantine?state=releasing&policy=&user=&sender=")).text
    assert "being exported" in (await see(world, await pressed(world, f"{base}/export"))).text
    await world.work()
    assert (await see(world, f"{base}/quarantine")).all("a", href=f"/api{base}/quarantine/export?part=1")
    assert await pressed(world, f"{base}/revoke", acknowledge_quarantine="1") == f"{base}?asked=revoke"
    asks = await world.until_true(running, lambda now: now.reason == "waiting_for_administrator")
    assert "Remove" in (await all_pages(world, asks))[""].text


def _quarantines() -> Policy:
    return google.RISKY.model_copy(update={"actions": ["label", "quarantine"]})


async def test_nothing_acts_on_a_look(world: World) -> None:
    running = await world.connect()
    new = await world.create(FABRIKAM)
    cookie = (await sessions.begin(world.app, OLGA)).split(";")[0]
    await grant.link(world.app, new.id)
    before, calls = world.databases.content(world.folder), len(world.sims.cloud.calls)
    for path in ("/", "/connections/new", *paths_of(running), *paths_of(new)):
        request = received("GET", *path.partition("?")[::2], {"cookie": cookie}, b"")
        assert (await answer(world.app, request)).status == 200, path
    assert world.databases.content(world.folder) == before
    assert all(_looks(call) for call in world.sims.cloud.calls[calls:])
    for action in ACTS:
        assert (await asked(world, "GET", f"/connections/{running.id}/{action}", OLGA)).status == 404


def _looks(call: Any) -> bool:
    # Exchange is asked with POST whatever it is asked.
    return call.method == "GET" or "oauth2" in call.path or "InvokeCommand" in call.path or "$batch" in call.path


async def test_whoever_may_only_look_or_sees_another_customer_can_do_nothing(world: World) -> None:
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
    assert connection.id not in (await see(world, "/", others)).body
    assert connection.id in (await see(world, "/", theirs)).body
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
    connection = await world.connection((await grant.create(world.app, new, bad))["id"])
    async with world.app.database.write() as write:
        await policies.put(write, connection.id, Policy(name="odd", users=[bad], conditions={"words": [bad]}))
    base = f"/connections/{connection.id}"
    for path in ("/", *paths_of(connection), f"{base}/policies?name=odd", f"/?q={bad.replace('&', '%26')}"):
        page = await see(world, path, Actor(name=bad, role=Role.OPERATOR))
        assert len(page.all("script")) == 1, path
        assert "alert(1)" not in re.sub(r"&lt;script&gt;alert\(1\)", "", page.body)
    problem = Page(await asked(world, "GET", f"{base}/<script>", OLGA))
    assert "<script>" not in problem.text


async def test_a_page_that_is_as_it_was_is_not_sent_again(world: World) -> None:
    connection = await world.create()
    for path in ("/", f"/connections/{connection.id}", f"/connections/{connection.id}/ledger"):
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
    assert sizes["style.css"] < 16_000
    assert sizes["console.js"] < 6_000


async def test_a_new_connection_is_made_by_a_form_that_says_what_is_wrong(world: World) -> None:
    await see(world, "/connections/new")
    wrong = await press(world, "/connections", platform="google", site="eu", name="<Grove>", tenant="..", modes=[])
    page = Page(wrong)
    assert wrong.status == 400
    assert page.all("input", name="name")[0]["value"] == "<Grove>"
    assert page.all("input", name="tenant")[0]["aria-invalid"] == "true"
    assert page.all("p", id="fault-tenant")
    nothing = Page(await press(world, "/connections"))
    assert nothing.all("p", id="fault-name")
    modes = await press(world, "/connections", platform="google", site="eu", name="Grove", tenant="grove.example")
    assert Page(modes).all("p", id="fault-modes")
    assert "Nothing" in (await see(world, "/")).text or "no connection yet" in (await see(world, "/")).text
    where = await pressed(
        world, "/connections", platform="google", site="uk", name="Grove", tenant="Grove.example", modes=["api"],
        repair_drift="yes", customer="grove",
    )  # fmt: skip
    made = await world.connection(where.rpartition("/")[2])
    assert (made.expected_tenant, made.modes, made.repairs_drift) == ("grove.example", frozenset({"api"}), True)
    assert (made.customer, made.site) == ("grove", Site.UK)
    assert "Grove" in (await see(world, where)).text


async def test_a_policy_is_made_changed_and_deleted_and_nobody_undoes_anothers(world: World) -> None:
    running = await google.connect(world, modes=["api"], policies=[EVERYONE])
    base = f"/connections/{running.id}"
    form: dict[str, Any] = {
        "name": "risky", "order": "7", "direction": "incoming", "enabled": "1", "whose": "some",
        "domains": ["orchard.example"], "senders": "a@risky.example\r\n\r\nnot a domain !\r\n", "words": "free money",
        "attachments": ["macro", "disguised"], "impersonation": "1", "match": "all", "actions": ["label", "trash"],
    }  # fmt: skip
    wrong = await press(world, f"{base}/put-policy", **form)
    page = Page(wrong)
    assert (wrong.status, "Line 2 is not a domain." in page.text) == (400, True)
    assert page.all("input", name="attachments", value="macro")[0].keys() >= {"checked"}
    form["senders"] = "a@risky.example"
    unknown = Page(await press(world, f"{base}/put-policy", **form, users="nobody"))
    assert unknown.all("p", id="fault-users")
    both = Page(await press(world, f"{base}/put-policy", **{**form, "actions": ["spam", "trash"]}))
    assert both.all("p", id="fault-actions")
    assert await pressed(world, f"{base}/put-policy", **form) == f"{base}/policies?saved=1"
    kept = await policies.find(world.app.database, running.id, "risky")
    assert kept is not None
    assert (kept.order, kept.domains, kept.everyone, kept.actions) == (7, [ORCHARD], False, ["label", "trash"])
    assert kept.conditions.kinds == {"senders", "words", "attachments", "impersonation"}
    assert kept.conditions.match == "all"
    taken = await press(world, f"{base}/put-policy", **form)
    assert taken.status == 412
    # As it is shown, so it is saved.
    shown = await see(world, f"{base}/policies?name=risky")
    tag = shown.all("input", name="etag")[0]["value"]
    assert await pressed(world, f"{base}/put-policy", **{**form, "etag": tag, "order": "8"})
    late = await press(world, f"{base}/put-policy", **{**form, "etag": tag, "order": "9"})
    again = Page(late)
    assert (late.status, "Somebody else has saved" in again.text) == (412, True)
    assert "was 8" in again.text
    assert again.all("input", name="order")[0]["value"] == "9"
    refused = await press(world, f"{base}/delete-policy", name="risky", etag=tag)
    assert refused.status == 412
    tag = again.all("input", name="etag")[0]["value"]
    assert await pressed(world, f"{base}/put-policy", **{**form, "etag": tag, "order": "9"})
    tag = (await see(world, f"{base}/policies?name=risky")).all("input", name="etag")[0]["value"]
    assert await pressed(world, f"{base}/delete-policy", name="risky", etag=tag)
    assert await policies.find(world.app.database, running.id, "risky") is None
    entries = await chain.page(world.app.database, running.id, after=0, most=4, newest=True)
    assert {(entry["actor"], entry["act"]) for entry in entries} == {(OLGA.name, "order")}


async def test_a_policy_is_sent_as_it_was_shown(world: World) -> None:
    connection = await google.create(world)
    base = f"/connections/{connection.id}"
    full = Policy(
        name="full", order=3, enabled=False, direction="outgoing", domains=["a.example"], users=["u1", "u2"],
        groups=["g1"], except_users=["u3"], actions=["spam"],
        conditions={"match": "all", "senders": ["x.example"], "expressions": ["a+"], "authentication": ["spf-fail"]},
    )  # fmt: skip
    for policy in (EVERYONE, full):
        async with world.app.database.write() as write:
            await policies.put(write, connection.id, policy)
        page = await see(world, f"{base}/policies?name={policy.name}")
        assert await pressed(world, f"{base}/put-policy", **_filled(page)) == f"{base}/policies?saved=1"
        assert await policies.find(world.app.database, connection.id, policy.name) == policy


def _filled(page: Page) -> dict[str, Any]:
    """What a browser would send of the form of a policy that nobody has touched."""
    inside = re.search(r'<form class="fields".*?</form>', page.body, re.DOTALL)
    assert inside is not None
    form: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", inside[0]):
        given = {one[0]: one[1] for one in re.findall(r'(\w+)="([^"]*)"', tag)}
        if given.get("type") not in ("checkbox", "radio") or tag.endswith(" checked>"):
            form.setdefault(given["name"], []).append(given.get("value", "").replace("&#34;", '"'))
    for name, text in re.findall(r'<textarea id="\w+" name="(\w+)"[^>]*>\n(.*?)</textarea>', inside[0], re.DOTALL):
        form[name] = [text]
    for name, options in re.findall(r'<select id="\w+" name="(\w+)">(.*?)</select>', inside[0], re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        assert chosen is not None
        form[name] = [chosen[1]]
    return form


async def test_reports_are_asked_for_by_a_form(world: World) -> None:
    connection = await world.create()
    base = f"/connections/{connection.id}"
    tag = (await see(world, f"{base}/reports")).all("input", name="etag")[0]["value"]
    wrong = await press(world, f"{base}/put-reports", kinds=["daily"], recipients="a@b", etag=tag)
    assert (wrong.status, bool(Page(wrong).all("p", id="fault-recipients"))) == (400, True)
    nobody = await press(world, f"{base}/put-reports", kinds=["daily"], recipients="a@example.com", etag=tag)
    assert "no mail server" in Page(nobody).text
    assert await pressed(world, f"{base}/put-reports", kinds=["daily"], etag=tag) == f"{base}/reports?saved=1"
    late = await press(world, f"{base}/put-reports", kinds=["monthly"], etag=tag)
    assert (late.status, "Now it is: daily" in Page(late).text) == (412, True)
    assert "checked" in (await see(world, f"{base}/reports")).all("input", name="kinds", value="daily")[0]


async def test_what_is_ordered_is_done_in_the_name_of_who_ordered_it(world: World) -> None:
    running = await world.connect()
    base = f"/connections/{running.id}"
    for action in ("sync", "look", "repair", "sync-accepting-loss"):
        assert await pressed(world, f"{base}/{action}") == f"{base}?asked={action}"
    page = await see(world, base)
    assert "A run is under way" in page.text
    assert page.all("main")[0]["data-again"] == "3"
    ledger = await see(world, f"{base}/ledger")
    assert ledger.text.count(OLGA.name) == 5  # four orders, and who looks at them
    await world.work()
    assert await pressed(world, f"{base}/revoke") == f"{base}?asked=revoke"
    assert await pressed(world, f"{base}/attest", key="application") == f"{base}?asked=attest"
    assert (await press(world, f"{base}/attest", key="nothing")).status == 404
    assert (await press(world, f"{base}/release", item="9" * 5000)).status == 404
    assert (await press(world, f"{base}/sync")).status == 409
    assert await pressed(world, f"{base}/grant") == f"{base}?asked=grant"
    assert (await world.connection(running.id)).stage is Stage.GRANT


async def test_an_administrator_has_their_step_looked_at_and_no_more_often_than_need_be(world: World) -> None:
    running = await world.connect()
    await world.revoke(running)
    await world.until_true(running, lambda now: now.reason == "waiting_for_administrator")
    link = (await grant.link(world.app, running.id)).removeprefix(world.app.settings.public_url)
    assert "Look whether it is done" in (await see(world, link, None)).text

    async def asked_for() -> list[str | None]:
        found = [one async for one in chain.entries(world.app.database, running.id)]
        return [one["actor"] for one in found if one["note"] == orders.JOBS["advance"]]

    world.admin("remove-application")
    world.clock.move(timedelta(minutes=1))
    for _ in range(3):
        response = await asked(world, "POST", link, None)
        assert (response.status, response.headers["Location"]) == (303, link)
    assert await asked_for() == [grant.ADMINISTRATOR]
    await world.work()
    assert (await world.connection(running.id)).stage is Stage.CLOSED
    assert "This connection has ended" in (await see(world, link, None)).text
    await asked(world, "POST", link, None)
    assert len(await asked_for()) == 1


async def test_a_plan_tells_what_differs_and_an_outage(world: World) -> None:
    running = await world.connect()
    base = f"/connections/{running.id}"
    world.cmdlet("Disable-TransportRule", Identity="TMCAS Inline Incoming Domain Transport Rule")
    await pressed(world, f"{base}/look")
    await world.work()
    page = await see(world, base)
    assert "drifted" in page.text
    assert f"{base}/plan?for=repair" in {one["href"] for one in page.all("a")}
    first = await see(world, f"{base}/plan?for=repair")
    (part,) = [attrs for _, attrs in first.seen if attrs.get("data-part") == "plan"]
    assert part["data-load"] == "?for=repair&fresh=1"
    fresh = await see(world, f"{base}/plan?for=repair&fresh=1")
    assert "was Disabled is Enabled" in fresh.text
    assert not [attrs for _, attrs in fresh.seen if "data-load" in attrs]
    world.fault({"host": "exchange"}, {"kind": "status", "status": 500}, times=1000)
    away = await see(world, f"{base}/plan?for=revoke&fresh=1")
    world.control("DELETE", "/faults")
    assert "could not be looked at" in away.text
    assert "After 24 hours" in away.text
    assert f"{base}/revoke" in away.posts()
    assert (await see(world, f"{base}/plan?for=grant")).posts() == []
    assert (await asked(world, "GET", f"{base}/plan?for=nothing", OLGA)).status == 400


async def test_the_first_page_counts_finds_and_pages(world: World) -> None:
    for number in range(52):
        new = grant.NewConnection(
            platform="microsoft365", site=Site.UK, name=f"Customer {number:02}", tenant=f"c{number}.example"
        )
        await grant.create(world.app, new, OLGA.name)
    closed = await world.create(FABRIKAM)
    await pressed(world, f"/connections/{closed.id}/revoke")
    first = await see(world, "/?q=&status=&stage=new&platform=&site=")
    rows = [one["href"] for one in first.all("a") if re.fullmatch("/connections/[0-9a-f]{32}", one["href"])]
    (following,) = [one["href"] for one in first.all("a", rel="next")]
    second = await see(world, following)
    more = [one["href"] for one in second.all("a") if re.fullmatch("/connections/[0-9a-f]{32}", one["href"])]
    assert (len(rows), len(more), len({*rows, *more})) == (50, 2, 52)
    assert not second.all("a", rel="next")
    assert "Closed 1" in first.text
    assert "Customer 17" in (await see(world, "/?q=c17.")).text
    assert "No connection fits" in (await see(world, "/?q=nothing")).text
    assert (await asked(world, "GET", "/?stage=nothing", OLGA)).status == 400
    ledger = f"/connections/{closed.id}/ledger"
    assert "stage" in (await see(world, ledger)).text
    assert (await asked(world, "GET", f"{ledger}?cursor=bad", OLGA)).status == 400


async def test_a_problem_says_what_to_do_next(world: World) -> None:
    page = await see(world, "/connections/1", status=404)
    assert page.all("a", **{"class": "button"})[0]["href"] == "/"
    before = await see(world, "/connections/new?x=1", None, status=401)
    signs_in = [one["href"] for one in before.all("a") if one["href"].startswith("/sign-in")]
    configured = bool(world.app.settings.operators.client_id)
    assert signs_in == (["/sign-in?to=/connections/new"] if configured else [])
    ended = await see(world, "/connect/nothing", None, status=410)
    assert not ended.all("a", **{"class": "button"})


def test_only_what_differs_is_told() -> None:
    was = {"same": 1, "gone": "x", "changed": ["a"], "long": "y" * 500}
    now = {"same": 1, "new": None, "changed": ["a", "b"], "long": "z" * 500}
    lines, more = differences(was, now)
    assert [line[0] for line in lines] == ["gone", "changed", "long", "new"]
    assert lines[0] == ("gone", "x", None)
    assert lines[1] == ("changed", '["a"]', '["a", "b"]')
    assert lines[3] == ("new", None, "null")
    assert len(lines[2][1] or "") == LONGEST
    assert more == 0
    many, more = differences(None, {str(number): number for number in range(30)})
    assert (len(many), more) == (MOST_LINES, 30 - MOST_LINES)
    assert differences(None, None) == ([], 0)


async def test_a_wait_is_that_of_what_is_served_and_there(world: World) -> None:
    mine = world.app.platforms["microsoft365"].rows
    there = [{"key": row.key, "mark": "present"} for row in mine]
    hours = {key: wait / timedelta(hours=1) for key, wait in waits_of(mine, there).items()}
    assert hours["rule-incoming-domain"] == 0
    assert hours["outbound-incoming"] == 1
    assert hours["spoof"] == hours["directory"] == hours["tokens"] == 24
    without = [{**row, "mark": "absent"} if str(row["key"]).startswith("rule-") else row for row in there]
    assert set(waits_of(mine, without).values()) == {timedelta(0)}


async def test_what_stays_as_published_is_not_told_to_be_removed(world: World) -> None:
    running = await google.connect(world, policies=[EVERYONE])
    address = f"/connections/{running.id}/plan?for=revoke"
    for page in (await see(world, address), await see(world, f"{address}&fresh=1")):
        at_once, _, stays = page.text.partition("What stays")
        assert "Virtual Group stays, as published" in stays
        assert not re.search(r"remove TMCAS Inline Incoming Gmail Virtual Group", at_once)


def test_a_time_is_told_by_how_far_it_is_as_well() -> None:
    now = datetime(2026, 11, 26, 3, tzinfo=UTC)
    told = {
        timedelta(0): "now", timedelta(minutes=5): "in 5 minutes", timedelta(minutes=-1): "1 minute ago",
        timedelta(hours=23): "in 23 hours", timedelta(days=-2): "2 days ago",
    }  # fmt: skip
    assert {by: distance((now + by).isoformat(), now) for by in told} == told
