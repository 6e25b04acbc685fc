"""Who we are to Microsoft: a secret, a certificate, or what the cloud that runs us says, as federated credential."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from shared.deployment.identity import ManagedIdentity, ServiceIdentity
from shared.foundation.errors import Permanent
from shared.foundation.platform_settings import Microsoft
from shared.foundation.wire import Wire

# The one audience that Entra takes for a federated assertion.
EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
# What the settings call the service account that Google Cloud runs us under.
SERVICE_ACCOUNT = "google"
ASSERTION_LIFE = timedelta(minutes=10)


class Credential:
    """Made once for a process: reading a private key costs more than a hundred signatures."""

    def __init__(self, settings: Microsoft, wire: Wire) -> None:
        self._settings = settings
        self._assertion: Callable[[str], str] | None = None
        if settings.certificate is not None:
            self._assertion = _signer(settings.client_id, settings.certificate.read_bytes())
        elif settings.federated is not None:
            self._assertion = _federated(settings.federated, wire)

    def for_tenant(self, authority: str) -> Any:
        """What msal takes as `client_credential` for one tenant's authority."""
        proof = self._assertion
        return {"client_assertion": lambda: proof(authority)} if proof else self._secret()

    def proof(self, authority: str) -> dict[str, str]:
        """What shows an authority's token endpoint who we are: a `secret`, or an `assertion` made for it."""
        return {"assertion": self._assertion(authority)} if self._assertion else {"secret": self._secret()}

    def _secret(self) -> str:
        if self._settings.client_secret is not None:
            return self._settings.client_secret.get_secret_value()
        raise Permanent(
            "our_credential",
            "This deployment has no credential for Microsoft. Set one of CLIENT_SECRET, CERTIFICATE and FEDERATED.",
        )


def _signer(client_id: str, pem: bytes) -> Callable[[str], str]:
    """Signs client assertions with a key that is loaded once; msal would parse it anew for every tenant."""
    key: Any = load_pem_private_key(pem, password=None)
    certificate = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    thumbprint = jwt.utils.base64url_encode(digest).decode()

    def sign(authority: str) -> str:
        # The machine's own time: Microsoft compares it with its own.
        now = datetime.now(UTC)
        content = {
            "aud": f"{authority}/oauth2/v2.0/token",
            "iss": client_id,
            "sub": client_id,
            "jti": str(uuid4()),
            "nbf": now,
            "exp": now + ASSERTION_LIFE,
        }
        return jwt.encode(content, key, algorithm="PS256", headers={"x5t#S256": thumbprint})

    return sign


def _federated(named: str, wire: Wire) -> Callable[[str], str]:
    """Has the cloud that runs us say who we are, to every tenant alike."""
    if named == SERVICE_ACCOUNT:
        ask = ServiceIdentity(wire, wire.clock).assertion
    else:
        ask = ManagedIdentity(wire, wire.clock, named).ask
    return lambda _authority: ask(EXCHANGE_AUDIENCE)
