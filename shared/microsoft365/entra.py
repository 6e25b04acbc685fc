"""Microsoft's sign-in: tokens of one tenant by msal, and what its refusals mean.

msal is synchronous, sleeps, and remembers a refusal for a minute inside one application object. So it runs in a
thread, on our own HTTP client, and every attempt gets a fresh application; what it obtains is kept by us, sealed.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import jwt

from shared.clock import Clock
from shared.errors import FootprintError, Permanent, Temporary
from shared.http import Wire
from shared.microsoft365.credential import Credential
from shared.settings import Microsoft

GRAPH = "https://graph.microsoft.com"
EXCHANGE = "https://outlook.office365.com"
# Hosts of the national clouds, whose tokens are for their own services; everywhere else the global names hold.
NATIONAL = (".us", ".cn")


class TokenRefused(Temporary):
    """A service refused our token. It keeps saying what was true when it was minted, so a new one is needed."""


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """A token of one tenant for one service."""

    value: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What one family of AADSTS codes means to us."""

    codes: frozenset[int]
    code: str
    sentence: str
    after: timedelta | None = None


def _refusal(code: str, codes: tuple[int, ...], sentence: str, after: timedelta | None = None) -> Refusal:
    return Refusal(codes=frozenset(codes), code=code, sentence=sentence, after=after)


REFUSALS = (
    _refusal(
        "consent_missing",
        (7000229, 700016, 65001, 650056),
        "The tenant has no consent for our application. An administrator must open the consent link again.",
    ),
    _refusal(
        "our_credential",
        (7000215, 7000222, 70002, 700024, 700211, 700212, 700213),
        "Microsoft does not accept this deployment's own credential. Check the client secret, the certificate or the "
        "federated identity, and whether it has expired.",
    ),
    _refusal(
        "our_credential_not_known_yet",
        (700027,),
        "Microsoft does not know our certificate yet.",
        timedelta(minutes=1),
    ),
    _refusal(
        "exchange_not_licensed",
        (500011, 650052),
        "The tenant has no Exchange Online. It needs a licence for it before mail can be protected.",
    ),
    _refusal(
        "tenant_gone",
        (90002, 900023, 5000224),
        "Microsoft does not know this tenant, or it cannot be used any more. Check its id and its cloud.",
    ),
    _refusal(
        "blocked_by_customer",
        (53003, 530034, 7000112, 70001),
        "The tenant blocks our application: it is disabled there, or a Conditional Access policy stops it. An "
        "administrator of the tenant must allow it.",
    ),
    _refusal("token_loop", (50196,), "Microsoft saw too many equal token requests from us.", timedelta(hours=1)),
    _refusal(
        "platform_unavailable",
        (90006, 90012, 50033, 50087),
        "Microsoft's sign-in has a passing fault.",
        timedelta(minutes=1),
    ),
)


def classify(error: Mapping[str, Any]) -> FootprintError:
    """What an error answer of the token endpoint means, by its AADSTS codes and never by its text."""
    codes = {int(code) for code in error.get("error_codes") or []}
    for refusal in REFUSALS:
        if codes & refusal.codes:
            number = min(codes & refusal.codes)
            sentence = f"{refusal.sentence} (AADSTS{number})"
            if refusal.after is None:
                return Permanent(refusal.code, sentence)
            return Temporary(refusal.code, sentence, after=refusal.after)
    # A code that we do not know proves nothing.
    named = ", ".join(f"AADSTS{code}" for code in sorted(codes)) or str(error.get("error", "no code"))
    return Temporary("token_refused", f"Microsoft gave no token ({named}).", after=timedelta(minutes=15))


def claims(token: str) -> Mapping[str, Any]:
    """What a token says, unverified: only to explain a refusal to people, never to decide anything."""
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
    """The HTTP client that msal is given: our TLS context, no environment, discovery answered from memory."""

    def __init__(self, client: httpx.Client, discovered: dict[str, httpx.Response]) -> None:
        self._client, self._discovered = client, discovered

    def get(self, url: str, params: Any = None, headers: Any = None, **_options: Any) -> httpx.Response:
        if url not in self._discovered:
            answer = self._client.get(url, params=params, headers=headers)
            if answer.status_code != 200:
                return answer
            self._discovered[url] = answer
        return self._discovered[url]

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        return self._client.post(url, params=params, data=data, headers=headers)

    def close(self) -> None:
        self._client.close()


class Entra:
    """Microsoft's sign-in host, for every tenant of this deployment."""

    def __init__(self, *, settings: Microsoft, wire: Wire, clock: Clock) -> None:
        self._settings, self._wire, self._clock = settings, wire, clock
        self._credential = Credential(settings, wire)
        self._client = httpx.Client(verify=wire.ssl_context, trust_env=False, timeout=30.0)
        # What a tenant's sign-in addresses are does not change while a process lives.
        self._discovered: dict[str, httpx.Response] = {}

    async def token(self, tenant: str, resource: str) -> AccessToken:
        """A new token. Raises Permanent or Temporary by what the refusal means."""
        now = self._clock.now()
        try:
            answer = await asyncio.to_thread(self._ask, tenant, scope(self._settings, resource))
        except httpx.TransportError as error:
            raise self._unreachable(type(error).__name__) from None
        if "access_token" not in answer:
            raise classify(answer)
        return AccessToken(value=answer["access_token"], expires_at=now + timedelta(seconds=int(answer["expires_in"])))

    def _ask(self, tenant: str, wanted: str) -> dict[str, Any]:
        import msal
        import requests

        try:
            application = msal.ConfidentialClientApplication(
                self._settings.client_id,
                authority=f"{self._settings.login_url}/{tenant}",
                client_credential=self._credential.for_tenant(f"{self._settings.login_url}/{tenant}"),
                http_client=_MsalHttp(self._client, self._discovered),
                instance_discovery=False,
            )
            answer: dict[str, Any] = application.acquire_token_for_client([wanted])
        except ValueError as error:
            # msal says so when the tenant's own sign-in addresses cannot be had: there is no such tenant, or no answer.
            raise self._no_authority(tenant) from error
        except (requests.RequestException, httpx.HTTPStatusError) as error:
            raise self._unreachable(type(error).__name__) from None
        return answer

    def _no_authority(self, tenant: str) -> FootprintError:
        answer = self._client.get(f"{self._settings.login_url}/{tenant}/v2.0/.well-known/openid-configuration")
        if answer.status_code == 400:
            return classify(answer.json())
        return self._unreachable(f"status {answer.status_code}")

    def _unreachable(self, why: str) -> Temporary:
        return Temporary("platform_unreachable", f"Microsoft's sign-in did not answer ({why}).")

    async def tenant_of(self, name: str) -> str:
        """The id of the tenant that owns a domain, or that has this id. Raises Permanent if there is none."""
        async with self._wire.client(self._settings.login_url) as http:
            reply = await http.send("GET", f"/{name}/v2.0/.well-known/openid-configuration")
        if reply.status != 200:
            raise classify(reply.json())
        # The issuer is https://host/{tenant id}/v2.0
        return str(urlsplit(reply.json()["issuer"]).path.strip("/").split("/")[0])

    def consent_url(self, *, tenant: str | None, redirect_uri: str, state: str) -> str:
        """Microsoft's page on which an administrator consents to all application permissions."""
        query = {
            "client_id": self._settings.client_id,
            "scope": f"{GRAPH}/.default",
            "redirect_uri": redirect_uri,
            "state": state,
        }
        return f"{self._settings.login_url}/{tenant or 'organizations'}/v2.0/adminconsent?{urlencode(query)}"
