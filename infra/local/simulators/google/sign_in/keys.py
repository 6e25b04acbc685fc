"""The keys Google signs with: a ring that turns, and its public halves in both published forms."""

from __future__ import annotations

import datetime
import functools
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from infra.local.simulators.signing import Signer

KEPT = 2  # what was signed with the key before the present one still verifies


class KeyRing:
    """Signs with its newest key. Rings are replaced, never turned in place, so a saved one stays as it was."""

    def __init__(self, signers: tuple[Signer, ...] = ()) -> None:
        self._signers = signers or (Signer(),)

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the claims as a signed token."""
        return self._signers[0].sign(claims)

    def rotated(self) -> KeyRing:
        """Return a ring with a new key to sign with."""
        return KeyRing((Signer(), *self._signers)[:KEPT])

    @property
    def jwks(self) -> dict[str, Any]:
        """The public keys as a key set."""
        return {"keys": [key for one in self._signers for key in one.jwks["keys"]]}

    @functools.cached_property
    def certificates(self) -> dict[str, str]:
        """The public keys as certificates, by the identity of the key."""
        return {one.key_id: _certificate(one) for one in self._signers}


def _certificate(signer: Signer) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "federated-signon.system.gserviceaccount.com")])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(signer.key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin.replace(year=2100))
        .sign(signer.key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()
