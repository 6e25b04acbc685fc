"""Signs and checks the tokens of the simulated issuers: one key, or a ring of keys that turns."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.types import Options

# Times are compared with the simulated clock in place of the machine's, audiences by the caller.
UNTIMED: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
KEPT = 2  # what was signed with the key before the present one still verifies


class Signer:
    """One RSA key, the tokens signed with it, and its public half as a key set."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._public = self.key.public_key()
        numbers = self._public.public_numbers()
        self.key_id = _number(numbers.n)[:16]
        self.jwks = {
            "keys": [
                {
                    "kty": "RSA",
                    "use": "sig",
                    "alg": "RS256",
                    "kid": self.key_id,
                    "n": _number(numbers.n),
                    "e": _number(numbers.e),
                }
            ]
        }
        self._checked: dict[str, dict[str, Any]] = {}

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the claims as a signed token."""
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.key_id})

    def claims(self, token: str, audience: str, now: datetime) -> dict[str, Any]:
        """Return a token's claims; a wrong signature, audience or time raises `jwt.InvalidTokenError`."""
        known = self._checked.get(token)
        if known is None:
            # Times are compared below, with the simulated clock in place of the machine's.
            known = jwt.decode(token, self._public, algorithms=["RS256"], options=UNTIMED)
            if len(self._checked) > 5_000:
                self._checked.clear()
            self._checked[token] = known
        if known.get("aud") != audience:
            raise jwt.InvalidAudienceError("Access token validation failure. Invalid audience.")
        if known["exp"] <= now.timestamp():
            raise jwt.ExpiredSignatureError("Lifetime validation failed, the token is expired.")
        return known


class KeyRing:
    """Signs with its newest key. Rings are replaced, never turned in place, so a saved one stays as it was."""

    def __init__(self, signers: tuple[Signer, ...] = ()) -> None:
        self.signers = signers or (Signer(),)

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the claims as a signed token."""
        return self.signers[0].sign(claims)

    def rotated(self) -> KeyRing:
        """Return a ring with a new key to sign with."""
        return KeyRing((Signer(), *self.signers)[:KEPT])

    @property
    def jwks(self) -> dict[str, Any]:
        """The public keys as a key set."""
        return {"keys": [key for one in self.signers for key in one.jwks["keys"]]}


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
