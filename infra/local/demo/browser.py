"""What an administrator's browser does with two pages: follows our link to the platform, and fills in its form."""

import asyncio
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx


class Page(HTMLParser):
    """A page's links and the fields of its one form, as a browser would know them before anybody touches it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: dict[str, str] = {}  # class -> address
        self.action: str | None = None
        self.fields: list[tuple[str, str]] = []
        self.choices: dict[str, list[tuple[str, str]]] = {}  # select -> (value, text)
        self._select = ""
        self._option: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a browser would send or follow."""
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "a":
                self.links[given.get("class", "")] = given.get("href", "")
            case "form":
                self.action = given.get("action", "")
            case "input" if given.get("type") == "hidden" or "checked" in given:
                self.fields.append((given["name"], given.get("value", "")))
            case "select":
                self._select = given["name"]
            case "option":
                self._option = given.get("value", "")

    def handle_data(self, data: str) -> None:
        """Note what an option is called."""
        if self._option is not None:
            self.choices.setdefault(self._select, []).append((self._option, data))
            self._option = None


async def consent(browser: httpx.AsyncClient, link: str, chosen: str) -> None:
    """Open our page, go on to the platform's, accept on each of its pages, and come back; wait where ours says so.

    The browser follows redirects. Ours is the page that the link's script sees to: it posts what stands behind the `#`.
    """
    here, _, code = link.partition("#")
    origin = "/".join(here.split("/")[:3])
    ours = Page((await browser.post(here, data={"code": code}, headers={"Origin": origin})).text)
    answer = await decide(browser, ours.links["button first"], chosen)
    while origin != "/".join(str(answer.url).split("/")[:3]) or "Refresh" in answer.headers:
        if "Refresh" in answer.headers:
            await asyncio.sleep(float(answer.headers["Refresh"]))
            answer = await browser.get(answer.url)
        else:
            answer = await accept(browser, answer, chosen)
    answer.raise_for_status()


async def decide(browser: httpx.AsyncClient, url: str, chosen: str) -> httpx.Response:
    """Open a platform's page, and accept there."""
    return await accept(browser, await browser.get(url), chosen)


async def accept(browser: httpx.AsyncClient, there: httpx.Response, chosen: str) -> httpx.Response:
    """On a platform's page choose `chosen` where a list has it, leave every box ticked, and accept."""
    there.raise_for_status()
    form = Page(there.text)
    if form.action is None:
        raise ValueError("The platform's page has no form.")
    fields: dict[str, list[str]] = {"decision": ["accept"]}
    for name, value in form.fields:
        fields.setdefault(name, []).append(value)
    for name, options in form.choices.items():
        fields[name] = [next((value for value, text in options if chosen in (value, text)), options[0][0])]
    return await browser.post(urljoin(str(there.url), form.action), data=fields)
