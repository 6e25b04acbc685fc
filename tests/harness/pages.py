"""The console's pages as a browser gets them, each checked to be whole."""

import gzip
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.flows import invitation
from shared.web import sessions
from shared.web.actors import Actor, Role
from shared.web.dispatch import answer
from shared.web.http import Response, received
from shared.web.pages import SECTIONS
from shared.web.pages.assets import TEMPLATES
from shared.web.pages.plans import KINDS
from tests.harness.invited import COOKIE
from tests.harness.world import World

OLGA = Actor(name="olga@msp.example", role=Role.OPERATOR)
ADA = Actor(name="ada@msp.example", role=Role.ADMIN)
VICTOR = Actor(name="victor@msp.example", role=Role.VIEWER)
ASSETS = sum(len((TEMPLATES / name).read_bytes()) for name in ("style.css", "console.js"))
MAX_PAGE_BYTES = 60_000
VOID = frozenset({"meta", "link", "input", "img", "br"})


class Page(HTMLParser):
    """A page, which is whole: nested as it says, with one title for each thing, and nothing that CSP would stop."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        body, self.weight = response.body, len(response.body)
        self.body = (gzip.decompress(body) if "Content-Encoding" in response.headers else body).decode()
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
        assert self.weight + ASSETS < MAX_PAGE_BYTES


async def asked(world: World, method: str, path: str, actor: Actor | None, body: bytes = b"", **more: str) -> Response:
    """What a browser is answered, in which somebody has signed in."""
    path, _, query = path.partition("?")
    headers = {"origin": world.app.settings.public_url, **{name.replace("_", "-"): text for name, text in more.items()}}
    if actor is not None:
        headers["cookie"] = (await sessions.begin(world.app, actor)).split(";")[0]
    return await answer(world.app, received(method, path, query, headers, body))


async def see(world: World, path: str, actor: Actor | None = OLGA, status: int = 200, **more: str) -> Page:
    """A page as somebody sees it."""
    response = await asked(world, "GET", path, actor, **more)
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


async def invited(world: World, connection: Connection) -> Page:
    """The page of a connection's link; if it has ended, a page that says so."""
    if connection.stage is Stage.CLOSED:
        link = await invitation.link(world.app, connection.id)
        return Page(await asked(world, "POST", "/connect", None, f"code={link.partition('#')[2]}".encode()))
    return await see(world, "/connect", None, cookie=f"{COOKIE}={await world.opens(connection)}")


async def all_pages(world: World, connection: Connection) -> dict[str, Page]:
    """Every page of a connection as an operator sees it, and its administrator's; and a viewer can do nothing."""
    seen = {path: await see(world, path) for path in paths_of(connection)}
    for path in paths_of(connection):
        if "fresh" in path and "revoke" not in path:
            continue  # one plan that is made anew shows what a viewer gets of it
        page = await see(world, path, VICTOR)
        assert [action for action in page.posts() if not action.endswith("/put-policy")] == [], path
        # The form of a policy shows what is in it, and has nothing to send it with.
        assert not page.all("button", **{"class": "first"})
        assert "/connect#" not in page.body
    theirs = await invited(world, connection)
    assert set(theirs.posts()) <= {"/connect"}
    assert not [one for one in theirs.all("a") if one["href"].startswith("/")]
    return {**seen, "connect": theirs, "": seen[f"/connections/{connection.id}"]}
