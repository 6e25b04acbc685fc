"""Who we are to Microsoft: a secret, a certificate, or a managed identity as federated credential."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from shared.errors import Permanent
from shared.http import Wire
from shared.settings import Microsoft

# The one audience that Entra takes for a federated assertion.
EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
LIFE = timedelta(minutes=10)


class Credential:
    """Made once for a process: reading a private key costs more than a hundred signatures."""

    def __init__(self, settings: Microsoft, wire: Wire) -> None:
        self._settings, self._wire = settings, wire
        self._assertion: Callable[[str], str] | None = None
        if settings.certificate is not None:
            self._assertion = _signer(settings.client_id, settings.certificate.read_bytes())

    def for_tenant(self, authority: str) -> Any:
        """What msal takes as `client_credential` for one tenant's authority."""
        sign = self._assertion
        if sign is not None:
            return {"client_assertion": lambda: sign(f"{authority}/oauth2/v2.0/token")}
        if self._settings.federated is not None:
            return {"client_assertion": self._managed_identity}
        if self._settings.client_secret is not None:
            return self._settings.client_secret.get_secret_value()
        raise Permanent(
            "our_credential",
            "This deployment has no credential for Microsoft. Set one of CLIENT_SECRET, CERTIFICATE and FEDERATED.",
        )

    def _managed_identity(self) -> str:
        import msal

        with httpx.Client(verify=self._wire.ssl_context, trust_env=False, timeout=30.0) as client:
            identity = msal.ManagedIdentityClient(
                msal.UserAssignedManagedIdentity(client_id=self._settings.federated), http_client=client
            )
            answer = identity.acquire_token_for_client(resource=EXCHANGE_AUDIENCE)
        if "access_token" not in answer:
            raise Permanent(
                "our_credential",
                f"The managed identity gave no token ({answer.get('error')}). Check that it is assigned to this app.",
            )
        return str(answer["access_token"])


def _signer(client_id: str, pem: bytes) -> Callable[[str], str]:
    """Signs client assertions with a key that is loaded once; msal would parse it anew for every tenant."""
    key: Any = load_pem_private_key(pem, password=None)
    certificate = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    thumbprint = jwt.utils.base64url_encode(digest).decode()

    def sign(audience: str) -> str:
        # The machine's own time: Microsoft compares it with its own.
        now = datetime.now(UTC)
        content = {
            "aud": audience, "iss": client_id, "sub": client_id, "jti": str(uuid4()), "nbf": now, "exp": now + LIFE,
        }  # fmt: skip
        return jwt.encode(content, key, algorithm="PS256", headers={"x5t#S256": thumbprint})

    return sign
