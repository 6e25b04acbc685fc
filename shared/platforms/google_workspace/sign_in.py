"""OAuth 2.0 for the administrator's own account: consent, the code's exchange, refresh, and giving the grant back."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt

from shared.deployment import openid
from shared.deployment.identity import ISSUERS
from shared.deployment.issuers import Issuers
from shared.foundation.clock import Clock
from shared.foundation.errors import FootprintError, Permanent, Refused
from shared.foundation.http_client import Reply, unreadable
from shared.foundation.platform_settings import Google
from shared.foundation.wire import Wire
from shared.platforms.google_workspace.refusals import Family, TokenRefused, classify, our_credential

USERS = "https://www.googleapis.com/auth/admin.directory.user.readonly"
# Who it is, and whether they are a super administrator, and of which customer: nothing more is asked of the person.
SCOPES = ("openid", "email", USERS)
# The endpoint's answer names the e-mail scope by its long name.
LONG_NAMES = {"https://www.googleapis.com/auth/userinfo.email": "email"}

Unused = Callable[[str, str], Awaitable[None]]
"""Given the account of a refresh token that nobody will use, and the token."""


@dataclass(frozen=True, kw_only=True)
class Granted:
    """What a code was exchanged for."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    account: str
    address: str
    domain: str


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What a refresh came to; `refresh_token` is a new one only where Google has sent one."""

    access_token: str = field(repr=False)
    expires_at: datetime
    refresh_token: str | None = field(default=None, repr=False)


class SignIn:
    """Google's sign-in, for every administrator of this deployment's customers."""

    def __init__(self, settings: Google, wire: Wire, issuers: Issuers, clock: Clock) -> None:
        self._settings, self._wire, self._issuers, self._clock = settings, wire, issuers, clock

    def consent_url(self, *, redirect_uri: str, state: str, verifier: str, nonce: str, hint: str | None) -> str:
        """Google's page on which an administrator consents. `hint` is a domain; the account is checked later."""
        more = {
            "access_type": "offline",
            # Without it a repeated consent brings no refresh token.
            "prompt": "consent",
            # Merged grants would end together.
            "include_granted_scopes": "false",
        } | ({"hd": hint} if hint else {})
        return openid.authorization_url(
            f"{self._settings.accounts_url}/o/oauth2/v2/auth",
            openid.Client(id=self._settings.client_id),
            redirect_uri=redirect_uri,
            scopes=SCOPES,
            state=state,
            verifier=verifier,
            nonce=nonce,
            **more,
        )

    async def exchange(self, code: str, *, redirect_uri: str, verifier: str, nonce: str, unused: Unused) -> Granted:
        """Exchange a callback's code. Raises Refused for one that is not good, or a consent that lacks a part.

        `unused` is told whose refresh token nobody will use.
        """
        client, url = self._client(), self._token_endpoint
        try:
            answer = _granted(
                *await openid.exchange(self._wire, url, client, code, redirect_uri=redirect_uri, verifier=verifier)
            )
        except TokenRefused:
            raise Refused(
                400, "callback_not_valid", "Google does not take this answer any more. Open the invitation again."
            ) from None
        refresh = answer.get("refresh_token")
        if not isinstance(refresh, str) or not refresh:
            raise Refused(400, "consent_incomplete", "Google gave no lasting consent. Open the invitation again.")
        try:
            return await self._checked(answer, refresh, nonce)
        except (FootprintError, jwt.InvalidTokenError) as error:
            # What will not be used is not left behind in the person's account.
            await unused(_account(answer), refresh)
            if isinstance(error, FootprintError):
                raise
            raise Refused(
                400, "callback_not_valid", "Google's answer does not say reliably who consented. Open the link again."
            ) from None

    async def _checked(self, answer: Mapping[str, Any], refresh: str, nonce: str) -> Granted:
        granted = {LONG_NAMES.get(scope, scope) for scope in str(answer.get("scope", "")).split()}
        if missing := sorted(set(SCOPES) - granted):
            raise Refused(
                403,
                "consent_incomplete",
                f"Not every permission was granted ({', '.join(missing)}). Open the invitation again, and leave "
                "every box ticked.",
            )
        claims = await openid.verified(
            self._issuers,
            str(answer.get("id_token")),
            self._client(),
            nonce=nonce,
            keys_url=self._settings.certs_url,
            names=ISSUERS,
            require=("sub", "email"),
        )
        if claims.get("email_verified") is not True:
            raise jwt.InvalidTokenError("An address that is not proven")
        if not claims.get("hd"):
            raise Refused(
                403, "not_an_organisation", "You signed in with a private account. Use your organisation's account."
            )
        return Granted(
            access_token=str(answer["access_token"]),
            refresh_token=refresh,
            account=str(claims["sub"]),
            address=str(claims["email"]).lower(),
            domain=str(claims["hd"]).lower(),
        )

    async def refresh(self, secret: str) -> Refreshed:
        """A new access token. Raises TokenRefused if the grant does not hold any more."""
        now = self._clock.now()
        answer = _granted(*await openid.refresh(self._wire, self._token_endpoint, self._client(), secret))
        seconds, new = answer.get("expires_in"), answer.get("refresh_token")
        if not isinstance(answer.get("access_token"), str) or not isinstance(seconds, int):
            raise unreadable(self._wire.service(self._settings.token_url), 200)
        return Refreshed(
            access_token=answer["access_token"],
            expires_at=now + timedelta(seconds=seconds),
            refresh_token=new if isinstance(new, str) and new else None,
        )

    async def revoke(self, secret: str) -> None:
        """Give the grant back, with every token that came of it. One that holds no more is given back already."""
        async with self._wire.client(self._settings.token_url) as http:
            reply = await http.send("POST", "/revoke", form={"token": secret}, repeatable=True)
        if reply.status == 200:
            return
        if _object(reply).get("error") not in ("invalid_token", "invalid_request"):
            raise unreadable(reply.service, reply.status)

    async def holds(self, secret: str) -> bool:
        """Whether a grant still holds, by using it."""
        try:
            await self.refresh(secret)
        except TokenRefused as error:
            if error.family is Family.GRANT:
                return False
            raise
        return True

    def _client(self) -> openid.Client:
        secret = self._settings.client_secret
        if not self._settings.client_id or secret is None:
            raise Permanent("our_credential", "This deployment has no Google client: set its id and secret.")
        return openid.Client(id=self._settings.client_id, secret=secret.get_secret_value())

    @property
    def _token_endpoint(self) -> str:
        return f"{self._settings.token_url}/token"


def _account(answer: Mapping[str, Any]) -> str:
    """Whose tokens these are. Google itself has just said so to us, and it decides only what is given back."""
    try:
        claims = jwt.decode(str(answer.get("id_token")), options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return ""
    return str(claims.get("sub", ""))


def _granted(reply: Reply, answer: dict[str, Any]) -> dict[str, Any]:
    """What the token endpoint gave. Raises what its refusal means."""
    if reply.status != 200:
        raise _refusal(reply, answer)
    return answer


def _refusal(reply: Reply, answer: Mapping[str, Any]) -> FootprintError:
    if reply.status == 401 and answer.get("error") == "invalid_client":
        return our_credential("invalid_client", str(answer.get("error_description", "")))
    return classify(answer)


def _object(reply: Reply) -> dict[str, Any]:
    body = reply.json()
    if not isinstance(body, dict):
        raise unreadable(reply.service, reply.status)
    return body
