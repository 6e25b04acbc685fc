"""Signing people in at an OpenID Connect issuer: the authorization code flow, with PKCE and a nonce.

Sources: https://openid.net/specs/openid-connect-core-1_0.html and https://www.rfc-editor.org/rfc/rfc7636.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from shared.deployment.issuers import ISSUER_TIMEOUT_SECONDS, Issuers
from shared.foundation.http_client import Reply, unreadable
from shared.foundation.wire import Wire

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, kw_only=True)
class Client:
    """Who we are at an issuer: by a secret, or by an assertion (RFC 7523). A public client has neither."""

    id: str
    secret: str = field(default="", repr=False)
    assertion: str = field(default="", repr=False)


def authorization_url(
    endpoint: str,
    client: Client,
    *,
    redirect_uri: str,
    scopes: Iterable[str],
    state: str,
    verifier: str,
    nonce: str,
    **more: str,
) -> str:
    """The issuer's page on which a person signs in; `more` are parameters of that issuer alone.

    The `verifier` proves at the exchange that we asked; the `nonce` proves that the id token answers this request.
    """
    query = {
        "client_id": client.id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": " ".join(scopes),
        "state": state,
        "nonce": nonce,
        "code_challenge": _challenge(verifier),
        "code_challenge_method": "S256",
        **more,
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


async def exchange(
    wire: Wire, endpoint: str, client: Client, code: str, *, redirect_uri: str, verifier: str
) -> tuple[Reply, dict[str, Any]]:
    """Exchange a callback's code for tokens. Returns what the token endpoint answered, a refusal too.

    Raises Temporary during an outage, or if the answer cannot be read.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    # A person waits, and a code is good once.
    return await _token(wire, endpoint, client, form, timeout=ISSUER_TIMEOUT_SECONDS)


async def refresh(wire: Wire, endpoint: str, client: Client, refresh_token: str) -> tuple[Reply, dict[str, Any]]:
    """Ask for a new access token; as `exchange`, but it may be sent again."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return await _token(wire, endpoint, client, form, repeatable=True)


async def verified(
    issuers: Issuers,
    id_token: str,
    client: Client,
    *,
    nonce: str | None,
    keys_url: str,
    names: tuple[str, ...],
    require: tuple[str, ...],
) -> dict[str, Any]:
    """What an id token says. Raises `jwt.InvalidTokenError` unless it was issued to us for this very sign-in.

    A refresh has no `nonce`. `names` are the issuer's own; the claims in `require` must be there. Raises Temporary if
    its keys cannot be had.
    """
    import jwt

    claims = await issuers.claims(id_token, url=keys_url, audience=client.id, issuers=names, require=require)
    if nonce is not None and not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise jwt.InvalidTokenError("Another sign-in's token")
    # A token that is for others too says to whom it was issued.
    if claims["aud"] not in (client.id, [client.id]) and claims.get("azp") != client.id:
        raise jwt.InvalidTokenError("Issued to another client")
    return claims


async def _token(
    wire: Wire, endpoint: str, client: Client, form: dict[str, str], **options: Any
) -> tuple[Reply, dict[str, Any]]:
    whole = {**form, "client_id": client.id}
    if client.secret:
        whole["client_secret"] = client.secret
    if client.assertion:
        whole |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": client.assertion}
    async with wire.client("/".join(endpoint.split("/")[:3])) as http:
        reply = await http.send("POST", endpoint, form=whole, **options)
    answer = reply.json()
    if not isinstance(answer, dict):
        raise unreadable(reply.service, reply.status)
    return reply, answer


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
