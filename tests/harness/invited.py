"""Browsers of people who were invited: on their way to a platform, and back from it."""

from dataclasses import dataclass

from shared.connections.record import Connection
from shared.flows import consent
from shared.web.http import Response
from tests.harness.client import ask
from tests.harness.world import CONTOSO, World, accepted

COOKIE = "footprint-connect"


@dataclass(frozen=True, kw_only=True)
class OnTheWay:
    """A browser that a platform has sent back, with the address; it has not arrived yet."""

    browser: str
    address: str


async def signed_in(
    world: World, connection: Connection, domain: str = CONTOSO, *, who: str | None = None, browser: str | None = None
) -> OnTheWay:
    """Somebody has opened the link and signed in."""
    browser = browser or await world.opens(connection)
    url = await consent.platform_url(world.app, connection, browser)
    return _sent_back(browser, await accepted(url, who or world.administrator(domain)))


async def consented(world: World, connection: Connection, domain: str = CONTOSO) -> OnTheWay:
    """The same, and has consented."""
    browser = await world.opens(connection)
    onward = await world.sign_in(connection, world.administrator(domain), browser)
    return _sent_back(browser, await accepted(onward, ""))


def _sent_back(browser: str, url: object) -> OnTheWay:
    return OnTheWay(browser=browser, address="/" + str(url).split("/", 3)[3])


async def arrives(world: World, one: OnTheWay, *, browser: str | None = None) -> Response:
    """The browser, or another one, comes to the address that it was sent back to."""
    return await ask(world, "GET", one.address, cookie=f"{COOKIE}={one.browser if browser is None else browser}")


async def hands_in(world: World, code: str, **headers: str) -> Response:
    """Somebody hands in the code of a link."""
    own = {"origin": world.app.settings.public_url, **headers}
    return await ask(world, "POST", "/connect", content=f"code={code}".encode(), **own)
