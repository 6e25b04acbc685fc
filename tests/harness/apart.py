"""One deployment in two processes: one that faces the internet and opens content only, and one that works."""

import json
from dataclasses import dataclass
from pathlib import Path

from shared.connections.record import Connection
from shared.web.http import Response
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.invited import COOKIE, OnTheWay, arrives
from tests.harness.world import World, accepted

# 32 bytes in base64url, other than those of the master key.
CREDENTIALS_KEY = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8"


def account(world: World) -> dict[str, str]:
    """The service account's key, of which the public process has the address only."""
    key: dict[str, str] = json.loads(Path(world.sims.settings["FOOTPRINT_GOOGLE__SERVICE_ACCOUNT"]).read_text())
    return key


@dataclass(frozen=True, kw_only=True)
class Apart:
    """The two."""

    public: World
    workers: World

    @classmethod
    async def of(cls, world: World) -> "Apart":
        """Both beside a world, on its database; the workers have started."""
        key = account(world)
        public = await world.again(
            functions="public",
            microsoft={"client_secret": None},
            google={
                "client_secret": None,
                "service_account": key["client_email"],
                "service_account_client": key["client_id"],
            },
        )
        workers = await world.again(functions="private", credentials_key={"value": CREDENTIALS_KEY})
        await workers.tick()
        return cls(public=public, workers=workers)

    async def page(self, browser: str) -> Response:
        """The invitation's page, in a browser that has opened the link."""
        return await ask(self.public, "GET", "/connect", cookie=f"{COOKIE}={browser}")

    async def comes_back(self, browser: str, address: object) -> Response:
        """A browser is sent back, and a worker takes what it brought; the page that it sees then."""
        path = "/" + str(address).split("/", 3)[3]
        assert (await arrives(self.public, OnTheWay(browser=browser, address=path))).headers["Location"] == "/connect"
        waits = await self.page(browser)
        assert (waits.status, waits.headers["Refresh"]) == (200, "2")
        await self.workers.work()
        return await self.page(browser)

    async def consent(self, connection: Connection) -> None:
        """The tenant's administrator opens the link, signs in and consents."""
        browser = await self.public.opens(connection)
        url = await self._leads_to(browser)
        if connection.platform == "google":
            assert (await self.comes_back(browser, google.decide(url))).status == 200
            return
        onward = await self.comes_back(browser, await accepted(url, self.public.administrator()))
        assert onward.status == 303
        back = await accepted(onward.headers["Location"], self.public.tenant_id())
        assert (await self.comes_back(browser, back)).status == 200

    async def _leads_to(self, browser: str) -> str:
        """The platform's page to which the invitation's page leads."""
        page = (await self.page(browser)).body.decode()
        return page.partition('class="button first" href="')[2].partition('"')[0].replace("&amp;", "&")
