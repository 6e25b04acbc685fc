"""The older of the two forms in which Google publishes the keys that it signs with: certificates."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from infra.local.simulators.signing import KeyRing, Signer


def certificates(ring: KeyRing) -> dict[str, str]:
    """Return a ring's public keys as certificates, by the id of the key."""
    return {one.key_id: _certificate(one) for one in ring.signers}


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
