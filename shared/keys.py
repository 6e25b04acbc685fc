"""Public keys of token issuers: fetched when an unknown one is met, kept for as long as the issuer allows."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.clock import Clock
from shared.http import Reply, Wire, unreadable

if TYPE_CHECKING:
    from jwt.types import Options

# The times in a token are compared by our own clock, which on one machine can be moved.
BY_OUR_CLOCK: "Options" = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
# The issuer's clock may be a little ahead of ours, in seconds.
LEEWAY = 60.0
# Whoever sends us made-up key ids must not make us ask the issuer each time.
NOT_SOONER = timedelta(minutes=1)
LONGEST = timedelta(days=1)


@dataclass
class _Known:
    keys: dict[str, Any] = field(default_factory=dict)
    asked_at: datetime | None = None
    until: datetime | None = None


class Keys:
    """The keys of every issuer, by the address at which it publishes them."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire, self._clock = wire, clock
        self._known: dict[str, _Known] = {}

    async def claims(
        self, token: str, *, url: str, audience: str, issuers: tuple[str, ...], require: tuple[str, ...]
    ) -> dict[str, Any]:
        """What a signed token says. Raises `jwt.InvalidTokenError` unless signature, audience, issuer and times hold.

        Only RS256 is taken. Raises Temporary if the issuer's keys cannot be had.
        """
        import jwt

        key = await self._key(url, str(jwt.get_unverified_header(token).get("kid")))
        needed = ["exp", "iat", "iss", "aud", *require]
        content: dict[str, Any] = jwt.decode(
            token, key, algorithms=["RS256"], audience=audience, options={"require": needed, **BY_OUR_CLOCK}
        )
        if content["iss"] not in issuers:
            raise jwt.InvalidIssuerError("Invalid issuer")
        now = self._clock.now().timestamp()
        try:
            begins, ends = max(float(content.get("nbf", 0)), float(content["iat"])), float(content["exp"])
        except (TypeError, ValueError):
            raise jwt.InvalidTokenError("The times are no numbers") from None
        if not begins - LEEWAY <= now < ends:
            raise jwt.ExpiredSignatureError("Not valid now")
        return content

    async def _key(self, url: str, kid: str) -> Any:
        import jwt

        known, now = self._known.setdefault(url, _Known()), self._clock.now()
        stale = known.until is None or known.until <= now
        soon = known.asked_at is not None and timedelta(0) <= now - known.asked_at < NOT_SOONER
        if (kid not in known.keys or stale) and not (soon and known.keys):
            origin = "/".join(url.split("/")[:3])
            async with self._wire.client(origin) as http:
                reply = await http.send("GET", url)
            # What the issuer does not list any more does not count.
            known.keys, known.asked_at, known.until = _parsed(reply), now, now + _lasts(reply)
        if kid not in known.keys:
            raise jwt.InvalidTokenError("Unknown key")
        return known.keys[kid]


def _parsed(reply: Reply) -> dict[str, Any]:
    """A key set (RFC 7517), or a map of key ids to PEM certificates; issuers publish either."""
    content = reply.json()
    if reply.status != 200 or not isinstance(content, dict):
        raise unreadable(reply.host, reply.status)
    if isinstance(content.get("keys"), list):
        import jwt

        listed = [key for key in content["keys"] if key.get("kty") == "RSA" and key.get("use", "sig") == "sig"]
        return {str(key.get("kid")): jwt.PyJWK.from_json(json.dumps(key), "RS256").key for key in listed}
    from cryptography.x509 import load_pem_x509_certificate

    return {
        kid: load_pem_x509_certificate(pem.encode()).public_key()
        for kid, pem in content.items()
        if "BEGIN CERTIFICATE" in str(pem)
    }


def _lasts(reply: Reply) -> timedelta:
    found = re.search(r"max-age=(\d+)", reply.headers.get("cache-control", ""))
    return min(timedelta(seconds=int(found[1])), LONGEST) if found else timedelta(hours=1)
