"""Somebody who only clicks and types. Wherever they come by, the page is held against what every page must be."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Response, expect

from tests.browser import SIZES
from tests.programs import PARTS

AXE = PARTS / "node" / "node_modules" / "axe-core" / "axe.min.js"
HEAVIEST = 60_000  # bytes of a page with its assets
BRIEFLY, PATIENCE = 3_500, 30_000  # milliseconds; the page looks again by itself


@dataclass(kw_only=True)
class Person:
    """One person with one browser window."""

    context: BrowserContext
    page: Page
    size: str
    home: str
    shots: Path
    sign_in: str
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Every request: from which page, to what address."""
    said: list[str] = field(default_factory=list)
    """What the browser complained about."""
    weights: dict[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    @classmethod
    def at(cls, browser: Browser, *, size: str, sign_in: str, shots: Path) -> Self:
        """Somebody before the console, not signed in yet."""
        width, height, scheme, script = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            has_touch=width < 500,
            java_script_enabled=script,
            ignore_https_errors=True,
            reduced_motion="reduce",
            base_url=_origin(sign_in),
        )
        context.set_default_timeout(PATIENCE)
        made = cls(
            context=context, page=context.new_page(), size=size, home=_origin(sign_in), shots=shots, sign_in=sign_in
        )
        made.page.on("request", made._note_request)
        made.page.on("response", made._note_response)
        made.page.on("console", lambda told: made._complains(told.type, told.text))
        made.page.on("pageerror", lambda error: made.said.append(str(error)))
        return made

    @property
    def scripts(self) -> bool:
        """Whether scripts run in their browser."""
        return SIZES[self.size][3]

    def leave(self) -> None:
        """Close the window."""
        self.context.close()

    # What they do

    def go(self, path: str) -> None:
        """Type an address."""
        self.page.goto(path)

    def click(self, name: str | re.Pattern[str], *, within: Locator | None = None) -> None:
        """Click the link or button of this name."""
        place = within or self.page.locator("body")
        wanted = place.get_by_role("button", name=name).or_(place.get_by_role("link", name=name))
        wanted.first.click()

    def sees(self, text: str | re.Pattern[str], *, where: str = "main") -> None:
        """Wait until a text is there."""
        expect(self.page.locator(where).first).to_contain_text(text, timeout=PATIENCE)

    def soon(self, text: str | re.Pattern[str], *, where: str) -> bool:
        """Whether a text comes while the page looks again by itself once or twice."""
        try:
            expect(self.page.locator(where).first).to_contain_text(text, timeout=BRIEFLY)
        except AssertionError:
            return False
        return True

    def comes(self, wanted: Locator) -> bool:
        """The same of something to click."""
        try:
            expect(wanted).to_be_visible(timeout=BRIEFLY)
        except AssertionError:
            return False
        return True

    def heading(self, text: str | re.Pattern[str]) -> None:
        """Wait for a page by its heading."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(text, timeout=PATIENCE)

    def focus(self) -> str:
        """What the keyboard would act on: its text, or what kind of thing it is."""
        here = "(one => one.labels?.[0]?.innerText || one.innerText || one.localName)(document.activeElement)"
        found = str(self.page.evaluate(f"document.activeElement.localName == 'main' ? 'main' : {here}"))
        return " ".join(found.split())

    def press(self, *keys: str) -> None:
        """Press one key after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.page.keyboard.type(text)

    def enter(self, name: str) -> None:
        """Go on by the keyboard to the link or button of this name, and use it."""
        self.reach(name)
        with self.page.expect_navigation():
            self.press("Enter")

    def reach(self, name: str) -> None:
        """Go on by the keyboard until something of this name has the focus, and can be seen to have it."""
        for _ in range(60):
            if self.focus().startswith(name):
                break
            self.page.keyboard.press("Tab")
        assert self.focus().startswith(name), f"{name} is not reached by the keyboard"
        assert self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"

    # What every page must be

    def look(self, name: str) -> None:
        """Look at a page: it fits, everybody can use it, and a picture is kept."""
        if name in self.seen or not SIZES[self.size][3]:
            return
        self.page.screenshot(path=self.shots / f"{self.size}-{len(self.seen):02}-{name}.png", full_page=True)
        self.seen.add(name)
        wide, inner = self.page.evaluate("[document.scrollingElement.scrollWidth, window.innerWidth]")
        assert wide <= inner, f"{name} is {wide} wide, and the window {inner}"
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        wrong = [_told(one) for one in found["violations"]]
        assert not wrong, f"{name}: " + "\n".join(wrong)

    def look_printed(self, name: str) -> None:
        """The same page as paper would have it: without what can only be clicked."""
        self.page.emulate_media(media="print")
        self.page.screenshot(path=self.shots / f"{self.size}-{len(self.seen):02}-{name}.png", full_page=True)
        for role in ("button", "navigation", "banner"):
            assert not [one for one in self.page.get_by_role(role).all() if one.is_visible()], role
        self.page.emulate_media(media="screen")

    def settle(self) -> None:
        """At the end: nothing went elsewhere, nothing was too heavy, and the browser had nothing to complain about."""
        elsewhere = [(page, address) for page, address in self.asked if page == self.home != _origin(address)]
        assert not elsewhere
        assert not self.said, self.said
        # Without script nobody fetches the script.
        style, script = self.weights.pop("/style.css"), self.weights.pop("/console.js", 0)
        heavy = {path: weight for path, weight in self.weights.items() if weight + style + script > HEAVIEST}
        assert not heavy, f"with {style} of style and {script} of script"

    def _note_request(self, request: Request) -> None:
        # To follow a link to the platform's own page is what a person decides, not what a page does.
        if not request.is_navigation_request():
            self.asked.append((_origin(self.page.url), request.url))

    def _note_response(self, response: Response) -> None:
        if _origin(response.url) != self.home:
            return
        if response.status not in (200, 303, 304, 401):
            self.said.append(f"{response.status} {response.url}")
        path = urlsplit(response.url).path
        if response.status != 200 or path.startswith("/_local"):
            return
        size = int(response.headers.get("content-length", 0))
        self.weights[path] = max(size, self.weights.get(path, 0))

    def _complains(self, kind: str, text: str) -> None:
        # The simulated platforms' own pages have no icon and no style; that is theirs. Nor is it news to the browser
        # alone that somebody has to sign in first: the page says so.
        asks_who = "status of 401" in text
        if kind in ("error", "warning") and _origin(self.page.url) == self.home and not asks_who:
            self.said.append(text)


def _told(violation: dict[str, Any]) -> str:
    nodes = "; ".join(" ".join(map(str, node["target"])) for node in violation["nodes"][:5])
    return f"{violation['impact']} {violation['id']}: {violation['help']} ({nodes})"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
