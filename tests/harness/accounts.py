"""Somebody's browser at our console and at its issuer, and what our pages say when they refuse."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from infra.local.simulators.issuer.state import ACCOUNTS
from shared.flows.app import App
from shared.web.accounts import actor
from shared.web.actors import Actor
from shared.web.dispatch import answer
from shared.web.http import Request, Response
from tests.harness.refusals import Told, told
from tests.harness.world import World

OLGA, ADA, VICTOR, NORA, CARL = (account.address for account in ACCOUNTS)
HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
# What a page says of a problem.
NO_ROLE = Told(403, "no_role", "none of the roles")
NO_CUSTOMER = Told(403, "no_customer", "does not name one customer")
OVER = Told(410, "sign_in_over", "is over, or was begun in another browser")
DECLINED = Told(403, "sign_in_declined", "You were not signed in (access_denied)")
NOT_PROVEN = Told(403, "sign_in_not_proven", "does not say reliably who")
ANOTHER_ORIGIN = Told(403, "another_origin", "not sent from a page of this service")
UNREACHABLE = Told(503, "issuer_unreachable", "identity provider is unreachable")
REFUSED_US = Told(502, "issuer_refused_us", "(invalid_client)")
NO_SIGN_IN = Told(404, "no_sign_in", "This console has no issuer")


@dataclass
class Browser:
    """Somebody's browser: keeps cookies by their paths, and reaches the service and the issuer."""

    app: App
    issuer: httpx.Client
    cookies: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def send(self, method: str, target: str, form: dict[str, str] | None = None, **headers: str) -> Response:
        """One request to the service, as a host would hand it over."""
        path, _, query = target.partition("?")
        sent = "; ".join(f"{name}={value}" for name, (value, under) in self.cookies.items() if path.startswith(under))
        body = urlencode(form or {}).encode()
        response = await answer(
            self.app,
            Request(
                method=method,
                path=path,
                query=dict(parse_qsl(query)),
                headers={"cookie": sent, **headers},
                body=body,
            ),
        )
        if "Set-Cookie" in response.headers:
            pair, *attributes = response.headers["Set-Cookie"].split("; ")
            said = dict(one.partition("=")[::2] for one in attributes)
            assert said.keys() >= {"HttpOnly", "Path"}
            assert said["SameSite"] == "Lax"
            assert ("Secure" in said) == self.app.settings.public_url.startswith("https:")
            name, _, value = pair.partition("=")
            self.cookies[name] = value, said["Path"]
            if said["Max-Age"] == "0":
                del self.cookies[name]
        return response

    async def begin(self, to: str = "/") -> str:
        """Ask to sign in. The issuer's page."""
        begun = await self.send("GET", f"/sign-in?{urlencode({'to': to})}")
        assert begun.status == 303, begun.body
        return begun.headers["Location"]

    def pick(self, page: str, account: str) -> str:
        """Press an account's button on the issuer's page, or none's. Where that leads: a path of ours."""
        shown = self.issuer.get(page)
        assert shown.status_code == 200, shown.text
        back = self.issuer.post(page.partition("?")[0], data={**dict(HIDDEN.findall(shown.text)), "account": account})
        target = urlsplit(back.headers["location"])
        assert f"{target.scheme}://{target.netloc}" == self.app.settings.public_url
        return f"{target.path}?{target.query}"

    async def sign_in(self, account: str, to: str = "/") -> Response:
        """From the first click to where it ends."""
        return await self.send("GET", self.pick(await self.begin(to), account))

    async def who(self) -> Actor:
        """Who this is to the service. Raises Refused."""
        sent = "; ".join(f"{name}={value}" for name, (value, path) in self.cookies.items() if path == "/")
        return await actor(self.app, Request(method="GET", path="/", query={}, headers={"cookie": sent}, body=b""))


async def by_token(app: App, token: str) -> Actor:
    headers = {"authorization": f"Bearer {token}"}
    return await actor(app, Request(method="POST", path="/", query={}, headers=headers, body=b""))


def says(response: Response, problem: Told) -> bool:
    """Whether a page tells of a problem."""
    found = told(response)
    return (found.status, found.code) == (problem.status, problem.code) and problem.sentence in found.sentence


def asked_for(world: World, path: str) -> int:
    """How often the issuer was asked for something."""
    return sum(path in call.path for call in world.sims.cloud.calls)
