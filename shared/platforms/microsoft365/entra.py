"""Microsoft's sign-in: tokens of one tenant by msal, and what its refusals mean.

msal is synchronous, sleeps, and remembers a refusal for a minute inside one application object. So it runs in a
thread, on our own HTTP client, and every attempt gets a fresh application; what it obtains is kept by us, sealed.
"""

import logging
import re
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from json import JSONDecodeError
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from shared.foundation.clock import Clock
from shared.foundation.errors import Permanent, TurnedAway
from shared.foundation.http_client import (
    Reply,
    busy,
    foreign_link,
    retry_after,
    same_origin,
    unreachable,
    unreadable,
)
from shared.foundation.permits import ask_in_thread
from shared.foundation.platform_settings import Microsoft
from shared.foundation.wire import Wire
from shared.platforms.microsoft365.credential import Credential
from shared.platforms.microsoft365.sign_in_refusals import classify, codes_of

GRAPH = "https://graph.microsoft.com"
EXCHANGE = "https://outlook.office365.com"
# Hosts of the national clouds, whose tokens are for their own services; everywhere else the global names hold.
NATIONAL = (".us", ".cn")
DISCOVERY = "/v2.0/.well-known/openid-configuration"
DISCOVERY_HOLDS = timedelta(hours=24)
# A domain may move to another tenant.
NAME_HOLDS = timedelta(minutes=10)
MAX_NAMES = 1000
# A domain or an id; anything else would change the address that it becomes part of.
TENANT = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]*")
TENANT_IN = re.compile(r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/")
# Codes that say decisively that there is no such tenant.
NO_TENANT = frozenset({90002, 900023})


class TokenRefused(TurnedAway):
    """A service refused our token. It keeps saying what was true when it was minted, so a new one is needed."""


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """A token of one tenant for one service."""

    value: str = field(repr=False)
    expires_at: datetime


def _named(tenant: str) -> str:
    if not TENANT.fullmatch(tenant):
        raise _no_tenant(tenant)
    return tenant


def _no_tenant(name: str) -> Permanent:
    return Permanent(
        "tenant_not_found", f"Microsoft knows no tenant with the domain or id {name[:100]!r}. Check how it is written."
    )


def claims(token: str) -> Mapping[str, Any]:
    """What a token that sign-in has just given us says: which permissions and roles are granted; empty if unreadable.

    Nothing that came from elsewhere is read with it.
    """
    try:
        content: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return {}
    return content


def scope(settings: Microsoft, resource: str) -> str:
    """The scope that asks for everything granted for a resource."""
    if (urlsplit(settings.login_url).hostname or "").endswith(NATIONAL):
        return f"{resource}/.default"
    return f"{EXCHANGE if resource == settings.exchange_url else GRAPH}/.default"


class _MsalHttp:
    """The HTTP client that msal is given: our TLS context, one host for secrets, and discovery from memory.

    msal has no words for an outage or an answer that is no JSON, so those are raised from here as what they are.
    """

    def __init__(self, login_url: str, wire: Wire, clock: Clock) -> None:
        self._login_url, self._clock, self._service = login_url, clock, wire.service(login_url)
        # One client for all tenants keeps connections; what one tenant's answer sets must not go to the next.
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self.client = wire.blocking(timeout=30.0, cookies=cookies)
        # (when it was read, of which tenant, its text).
        self._discovered: tuple[datetime, str, str] | None = None

    def get(self, url: str, params: Any = None, headers: Any = None, **_options: Any) -> httpx.Response:
        """Discovery: a tenant's own addresses, kept for a day. A refusal is raised as what it means.

        They differ in the tenant's name alone, so those of one tenant tell those of all.
        """
        tenant = url.removesuffix(DISCOVERY).rpartition("/")[2]
        if self._discovered is not None and self._clock.now() - self._discovered[0] < DISCOVERY_HOLDS:
            _, of, text = self._discovered
            return httpx.Response(200, text=text.replace(of, tenant))
        answer = self._send("GET", url, params=params, headers=headers)
        if answer.status_code != 200:
            raise classify(self._json(answer))
        addresses = self._json(answer)
        if not {"authorization_endpoint", "token_endpoint"} <= addresses.keys():
            raise unreadable(self._service, answer.status_code)
        if not same_origin(str(addresses["token_endpoint"]), self._login_url):
            raise foreign_link(self._service)
        # One that names no tenant is everybody's; one that names another than was asked for is told to nobody else.
        if f"/{tenant}/" in str(addresses["token_endpoint"]) or not TENANT_IN.search(str(addresses["token_endpoint"])):
            self._discovered = self._clock.now(), tenant, answer.text
        return answer

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        """A token request, our secret in its body."""
        answer = self._send("POST", url, params=params, data=data, headers=headers)
        self._json(answer)
        return answer

    def close(self) -> None:
        """Nothing: the client is not msal's to close."""

    def _send(self, method: str, url: str, **rest: Any) -> httpx.Response:
        if not same_origin(url, self._login_url):
            raise foreign_link(self._service)
        ask_in_thread()
        try:
            answer = self.client.request(method, url, **rest)
        except httpx.RequestError as error:
            raise unreachable(self._service, error) from None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise busy(self._service, answer.status_code, retry_after(answer.headers, self._clock.now()))
        return answer

    def _json(self, answer: httpx.Response) -> Mapping[str, Any]:
        return _object(
            Reply(status=answer.status_code, headers=answer.headers, body=answer.content, service=self._service)
        )


def _object(reply: Reply) -> Mapping[str, Any]:
    body = reply.json()
    if not isinstance(body, dict):
        raise unreadable(reply.service, reply.status)
    return body


class Entra:
    """Microsoft's sign-in host, for every tenant of this deployment."""

    def __init__(self, *, settings: Microsoft, wire: Wire, clock: Clock) -> None:
        self._settings, self._wire, self._clock = settings, wire, clock
        self.credential = Credential(settings, wire)
        self._tenants: dict[str, tuple[datetime, str]] = {}
        self._http = _MsalHttp(settings.login_url, wire, clock)
        # Called by the owner at the end, or by the garbage collector.
        self.close = weakref.finalize(self, self._http.client.close)
        # msal logs answers that it cannot read, and a token may be in them.
        logging.getLogger("msal").setLevel(logging.CRITICAL)

    async def token(self, tenant: str, resource: str) -> AccessToken:
        """A new token. Raises Permanent or Temporary by what the refusal means."""
        now = self._clock.now()
        answer = await self._wire.aside(self._ask, _named(tenant), scope(self._settings, resource))
        value, seconds = answer.get("access_token"), answer.get("expires_in")
        if value is None:
            raise classify(answer)
        if not isinstance(value, str) or not isinstance(seconds, int):
            raise unreadable(self._wire.service(self._settings.login_url), 200)
        return AccessToken(value=value, expires_at=now + timedelta(seconds=seconds))

    def _ask(self, tenant: str, wanted: str) -> dict[str, Any]:
        import msal

        authority = f"{self._settings.login_url}/{tenant}"
        try:
            application = msal.ConfidentialClientApplication(
                self._settings.client_id,
                authority=authority,
                client_credential=self.credential.for_tenant(authority),
                http_client=self._http,
                instance_discovery=False,
            )
            answer: dict[str, Any] = application.acquire_token_for_client([wanted])
        except httpx.RequestError as error:  # of the managed identity's own address
            raise unreachable("The managed identity", error) from None
        except JSONDecodeError:
            raise unreadable("The managed identity", 200) from None
        return answer

    async def tenant_of(self, name: str) -> str:
        """The id of the tenant that owns a domain, or that has this id. Raises Permanent if there is none."""
        known_at, known = self._tenants.get(name, (None, ""))
        if known_at is not None and self._clock.now() - known_at < NAME_HOLDS:
            return known
        async with self._wire.client(self._settings.login_url) as http:
            reply = await http.send("GET", f"/{_named(name)}{DISCOVERY}")
        found = _object(reply)
        if reply.status != 200:
            raise _no_tenant(name) if codes_of(found) & NO_TENANT else classify(found)
        # The issuer is https://host/{tenant id}/v2.0
        tenant = urlsplit(str(found.get("issuer", ""))).path.strip("/").split("/")[0]
        if not TENANT.fullmatch(tenant):
            raise unreadable(reply.service, reply.status)
        if len(self._tenants) >= MAX_NAMES:
            self._tenants.pop(next(iter(self._tenants)))
        self._tenants[name] = self._clock.now(), tenant
        return tenant
