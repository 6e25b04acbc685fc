"""Who this deployment is to the cloud it runs in: tokens without a secret of ours.

msal and google-auth are synchronous and sleep while they retry, so they run in a thread, on our own HTTP client.
"""

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from shared.deployment.issuers import Issuers
from shared.foundation.clock import Clock
from shared.foundation.errors import Permanent
from shared.foundation.http_client import busy, retry_after, unreachable, unreadable
from shared.foundation.permits import ask_in_thread
from shared.foundation.wire import Wire

TIMEOUT = 30.0
# Who signs the tokens of Google's accounts, people's and services' alike; it has signed both ways.
ISSUERS = ("https://accounts.google.com", "accounts.google.com")


class Identity(Protocol):
    """Gives tokens of the cloud that this deployment runs in."""

    async def token(self, audience: str) -> str:
        """A token for one resource or scope. Raises Temporary during an outage, Permanent if we have no identity."""
        ...


@dataclass(frozen=True)
class Answer:
    """What msal and google-auth expect of a transport."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body, as msal reads it."""
        return self.content.decode("utf-8", "replace")

    @property
    def status(self) -> int:
        """The status, by google-auth's name."""
        return self.status_code

    @property
    def data(self) -> bytes:
        """The body, by google-auth's name."""
        return self.content


class Transport:
    """Their way to the network. They have no words for an outage, so that is raised from here as what it is."""

    def __init__(self, wire: Wire, clock: Clock, route: Callable[[str], str] = lambda url: url) -> None:
        """`route` says where a request for a URL is really sent."""
        self._clock, self._route, self._service = clock, route, wire.service
        self.status: int | None = None
        """Of the last answer: theirs are the words for one that refuses, and for one that cannot be read."""
        self._client = wire.blocking(timeout=TIMEOUT)
        # Called when nobody holds us any more.
        self.close = weakref.finalize(self, self._client.close)

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **rest: Any,
    ) -> Answer:
        """google-auth's call."""
        import httpx

        ask_in_thread()
        target = self._route(url)
        service = self._service(target)
        try:
            answer = self._client.request(
                method,
                target,
                content=body,
                headers=headers,
                params=rest.get("params"),
                data=rest.get("data"),
                timeout=timeout or TIMEOUT,
            )
        except httpx.RequestError as error:
            raise unreachable(service, error) from None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise busy(service, answer.status_code, retry_after(answer.headers, self._clock.now()))
        self.status = answer.status_code
        return Answer(answer.status_code, answer.headers, answer.content)

    def get(self, url: str, **options: Any) -> Answer:
        """msal's call, to ask."""
        return self(url, "GET", **options)

    def post(self, url: str, **options: Any) -> Answer:
        """msal's call, to send."""
        return self(url, "POST", **options)


class ManagedIdentity:
    """The identity that Azure assigned to the app; msal keeps its tokens while they last."""

    def __init__(self, wire: Wire, clock: Clock, client_id: str | None) -> None:
        """`client_id` names a user-assigned identity; None means the system-assigned one."""
        self._wire, self._clock, self._client_id = wire, clock, client_id
        self._client: Any = None

    async def token(self, audience: str) -> str:
        """A token for a resource, such as https://vault.azure.net."""
        return await self._wire.aside(self.ask, audience)

    def ask(self, resource: str) -> str:
        """The same, in a thread that may wait."""
        import msal

        if self._client is None:
            named = self._client_id
            identity = (
                msal.UserAssignedManagedIdentity(client_id=named) if named else msal.SystemAssignedManagedIdentity()
            )
            self._client = msal.ManagedIdentityClient(identity, http_client=Transport(self._wire, self._clock))
        try:
            answer = self._client.acquire_token_for_client(resource=resource)
        except (AttributeError, TypeError, ValueError):  # what msal makes of an answer that is none
            raise unreadable("The managed identity's endpoint", 200) from None
        if "access_token" not in answer:
            raise Permanent(
                "our_credential",
                f"The managed identity gave no token ({answer.get('error')}). Check that it is assigned to this app.",
            )
        return str(answer["access_token"])


class ServiceIdentity:
    """The service account that Google Cloud runs the function under, or the one of the machine's own settings."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire, self._clock = wire, clock
        self._kept: dict[str, Any] = {}

    async def token(self, audience: str) -> str:
        """A token of a scope, such as https://www.googleapis.com/auth/cloud-platform."""
        return await self._wire.aside(self._ask, audience)

    def assertion(self, resource: str) -> str:
        """Who we are, signed by Google for somebody else; in a thread that may wait. Raises as `token` does."""
        from google.oauth2 import id_token

        # A token that is bound to a certificate is taken by Google alone.
        find: Any = partial(id_token.fetch_id_token_credentials, resource, bind_id_token=False)
        return self._fresh(resource, find)

    def _ask(self, scope: str) -> str:
        from google.auth import default

        return self._fresh(scope, lambda transport: default(scopes=[scope], request=transport)[0])

    def _fresh(self, wanted: str, find: Callable[[Any], Any]) -> str:
        """A token of the credentials that `find` gives; they are kept, and their token while it lasts."""
        from google.auth.exceptions import GoogleAuthError

        credentials, transport = self._kept.get(wanted) or (None, Transport(self._wire, self._clock))
        try:
            credentials = credentials or find(transport)
            if not credentials.valid:
                credentials.refresh(transport)
        except (GoogleAuthError, KeyError, TypeError, ValueError) as error:
            if transport.status == 200:
                raise unreadable("The service account's own endpoint", 200) from None
            # Its text may hold an answer's body, so only its kind is told.
            raise Permanent(
                "our_credential",
                f"This deployment's own service account gave no token ({type(error).__name__}). "
                "Check which account the function runs under.",
            ) from None
        self._kept[wanted] = credentials, transport
        return str(credentials.token)


async def is_account(issuers: Issuers, authorization: str, account: str, *, certs_url: str, audience: str) -> bool:
    """Whether an Authorization header bears a token that this Google service account had signed for us.

    Signature, algorithm, issuer, audience and times count, and that it is this account and nobody else's. Never true
    without an account. Raises Temporary if the issuer's keys cannot be had.
    """
    import jwt

    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not account or not audience:
        return False
    try:
        claims = await issuers.claims(token, url=certs_url, audience=audience, issuers=ISSUERS, require=("email",))
    except jwt.InvalidTokenError:
        return False
    return claims["email"] == account and claims.get("email_verified") is True
