"""What token issuers publish, above all their keys: fetched when it is needed, kept for as long as they allow."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.foundation.clock import Clock
from shared.foundation.errors import Temporary
from shared.foundation.http_client import Reply, unreadable
from shared.foundation.permits import unasked
from shared.foundation.wire import Wire

if TYPE_CHECKING:
    from jwt.types import Options

# The times in a token are compared by our own clock, which on one machine can be moved.
BY_OUR_CLOCK: "Options" = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
# The issuer's clock may be a little ahead of ours, in seconds.
LEEWAY_SECONDS = 60.0
# A caller with made-up key ids must not make us ask the issuer each time; nor do we while the issuer is down.
MIN_KEYS_AGE = timedelta(minutes=1)
KEYS_MAX_AGE = timedelta(days=1)
# Somebody waits for the answer, in seconds.
ISSUER_TIMEOUT_SECONDS = 10.0
LOOPBACK = ("localhost", "127.0.0.1")


@dataclass
class _Known:
    content: dict[str, Any] = field(default_factory=dict)
    asked_at: datetime | None = None
    until: datetime | None = None
    failure: Temporary | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def holds(self, name: str, now: datetime) -> bool:
        return name in self.content and self.until is not None and now < self.until


class Issuers:
    """What every issuer publishes, by the address at which it does."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire, self._clock = wire, clock
        self._known: dict[str, _Known] = {}

    async def endpoint(self, issuer: str, name: str) -> str:
        """The address that an OpenID Connect issuer gives in its discovery document, such as its `jwks_uri`.

        Raises Temporary if the document cannot be had, is another issuer's, or names no address to be trusted.
        """
        # Some issuers' names end with a slash, which counts when names are compared.
        url = issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = (await self._published(url, name, partial(_described, issuer))).get(name)
        if not isinstance(found, str) or not _is_trusted(found, issuer):
            raise Temporary("issuer_incomplete", f"The issuer's discovery document names no usable {name}.")
        return found

    async def claims(
        self, token: str, *, url: str, audience: str, issuers: tuple[str, ...], require: tuple[str, ...]
    ) -> dict[str, Any]:
        """What a signed token says. Raises `jwt.InvalidTokenError` unless signature, audience, issuer and times hold.

        Only RS256 is taken. Raises Temporary if the issuer's keys cannot be had.
        """
        import jwt

        needed = ["exp", "iat", "iss", "aud", *require]
        try:
            key = await self._key(url, str(jwt.get_unverified_header(token).get("kid")))
            content: dict[str, Any] = jwt.decode(
                token, key, algorithms=["RS256"], audience=audience, options={"require": needed, **BY_OUR_CLOCK}
            )
        except (TypeError, ValueError):  # what the library makes of some tokens that are none
            raise jwt.InvalidTokenError("Not a token") from None
        if content["iss"] not in issuers:
            raise jwt.InvalidIssuerError("Invalid issuer")
        now = self._clock.now().timestamp()
        try:
            begins, ends = max(float(content.get("nbf", 0)), float(content["iat"])), float(content["exp"])
        except (TypeError, ValueError):
            raise jwt.InvalidTokenError("The times are no numbers") from None
        if not begins - LEEWAY_SECONDS <= now < ends:
            raise jwt.ExpiredSignatureError("Not valid now")
        return content

    async def _key(self, url: str, kid: str) -> Any:
        import jwt

        keys = await self._published(url, kid, _parsed)
        if kid not in keys:
            raise jwt.InvalidTokenError("Unknown key")
        return keys[kid]

    async def _published(self, url: str, name: str, parsed: Callable[[Reply], dict[str, Any]]) -> dict[str, Any]:
        """What is published at an address, asked for anew if that `name` is not in what is known of it.

        One at a time asks and not too often; what the answer was is the others' answer too.
        """
        known = self._known.setdefault(url, _Known())
        if known.holds(name, self._clock.now()):
            return known.content
        async with known.turn:
            now = self._clock.now()
            soon = known.asked_at is not None and timedelta(0) <= now - known.asked_at < MIN_KEYS_AGE
            if not soon and not known.holds(name, now):
                try:
                    with unasked():
                        async with self._wire.client("/".join(url.split("/")[:3])) as http:
                            reply = await http.send("GET", url, timeout=ISSUER_TIMEOUT_SECONDS)
                    # What the issuer does not list any more does not count.
                    known.content, known.until, known.failure = parsed(reply), now + _lasts(reply), None
                except Temporary as error:
                    known.failure = error
                known.asked_at = now
        if known.failure is not None:
            raise Temporary(known.failure.code, known.failure.sentence)
        return known.content


def _parsed(reply: Reply) -> dict[str, Any]:
    """A key set (RFC 7517), or a map of key ids to PEM certificates; issuers publish either."""
    import jwt
    from cryptography.x509 import load_pem_x509_certificate

    content = _object(reply)
    try:
        if isinstance(content.get("keys"), list):
            listed = [key for key in content["keys"] if key.get("kty") == "RSA" and key.get("use", "sig") == "sig"]
            return {str(key.get("kid")): jwt.PyJWK.from_json(json.dumps(key), "RS256").key for key in listed}
        certificates = {kid: pem for kid, pem in content.items() if "BEGIN CERTIFICATE" in str(pem)}
        return {kid: load_pem_x509_certificate(pem.encode()).public_key() for kid, pem in certificates.items()}
    except (AttributeError, ValueError, jwt.PyJWTError):
        raise unreadable(reply.service, reply.status) from None


def _described(issuer: str, reply: Reply) -> dict[str, Any]:
    content = _object(reply)
    if content.get("issuer") != issuer:
        raise Temporary("another_issuer", "The discovery document at the issuer's address is another issuer's.")
    return content


def _object(reply: Reply) -> dict[str, Any]:
    content = reply.json()
    if reply.status != 200 or not isinstance(content, dict):
        raise unreadable(reply.service, reply.status)
    return content


def _is_trusted(url: str, issuer: str) -> bool:
    """Whether an address is one that nobody can listen to; in the open only on the machine that the issuer is on."""
    try:
        found = urlsplit(url)
    except ValueError:
        return False
    # It goes into the header of a redirect as well, and what is added there has to end up in its query.
    whole = bool(found.hostname) and "@" not in found.netloc and not found.fragment and url.isascii()
    in_the_open = issuer.startswith("http:") and found.scheme == "http" and found.hostname in LOOPBACK
    return whole and url.isprintable() and (found.scheme == "https" or in_the_open)


def _lasts(reply: Reply) -> timedelta:
    found = re.search(r"max-age=(\d+)", reply.headers.get("cache-control", ""))
    return min(timedelta(seconds=int(found[1])), KEYS_MAX_AGE) if found else timedelta(hours=1)
