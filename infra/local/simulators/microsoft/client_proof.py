"""How the application proves itself at the token endpoint: a secret, its certificate, or another issuer's token."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key

from infra.local.simulators.microsoft.applications import CLIENT_ID, CLIENT_SECRET
from infra.local.simulators.microsoft.sign_in_errors import sign_in_refusal
from infra.local.simulators.signing import UNTIMED

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"


@dataclass(frozen=True, kw_only=True)
class Federation:
    """A federated identity credential: whose tokens are taken, and for which subject."""

    issuer: str
    subject: str
    key: Any


class ClientProofs:
    """The credentials registered for the application."""

    def __init__(self) -> None:
        self._certificates: dict[tuple[str, str], Any] = {}
        self._federations: list[Federation] = []

    def add_certificate(self, pem: str) -> None:
        """Register a public certificate under both of its thumbprints."""
        certificate = x509.load_pem_x509_certificate(pem.encode())
        der = certificate.public_bytes(Encoding.DER)
        key = certificate.public_key()
        self._certificates["x5t", _thumbprint(hashlib.sha1(der, usedforsecurity=False).digest())] = key
        self._certificates["x5t#S256", _thumbprint(hashlib.sha256(der).digest())] = key

    def add_federated(self, issuer: str, subject: str, public_key_pem: str) -> None:
        """Register another issuer's subject. Whether it is right shows only at the first exchange."""
        key = load_pem_public_key(public_key_pem.encode())
        self._federations.append(Federation(issuer=issuer, subject=subject, key=key))

    def check(self, form: dict[str, str], audiences: set[str], now: float) -> None:
        """Refuse a token request whose proof does not hold."""
        if "client_assertion" in form:
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                raise sign_in_refusal(50027, "invalid_request", "JWT token is invalid or malformed.")
            self._check_assertion(form["client_assertion"], audiences, now)
        elif "client_secret" not in form:
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise sign_in_refusal(7000218, "invalid_client", text, status=401)
        elif form["client_secret"] != CLIENT_SECRET:
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client "
                f"secret value, not the client secret ID, for a secret added to app '{CLIENT_ID}'."
            )
            raise sign_in_refusal(7000215, "invalid_client", text, status=401)

    def _check_assertion(self, assertion: str, audiences: set[str], now: float) -> None:
        try:
            header = jwt.get_unverified_header(assertion)
            claims = jwt.decode(assertion, options={**UNTIMED, "verify_signature": False})
        except jwt.InvalidTokenError as error:
            text = "JWT token is invalid or malformed."
            raise sign_in_refusal(50027, "invalid_request", text) from error
        if claims.get("iss") == CLIENT_ID:
            self._check_certificate(assertion, header, audiences)
            if claims.get("sub") != CLIENT_ID:
                text = "Client assertion's subject must be the application itself."
                raise sign_in_refusal(700021, "invalid_client", text, status=401)
        else:
            self._check_federated(assertion, claims)
        if not isinstance(claims.get("exp"), int | float) or claims["exp"] <= now:
            text = "Client assertion is not within its valid time range."
            raise sign_in_refusal(700024, "invalid_client", text, status=401)

    def _check_certificate(self, assertion: str, header: dict[str, Any], audiences: set[str]) -> None:
        """Verify RS256 with `x5t` or PS256 with `x5t#S256`, and nothing else."""
        name, algorithm = ("x5t#S256", "PS256") if "x5t#S256" in header else ("x5t", "RS256")
        key = self._certificates.get((name, str(header.get(name, "")).rstrip("=")))
        wrong = sign_in_refusal(
            700027,
            "invalid_client",
            "Client assertion failed signature validation, or its certificate with identifier "
            f"'{header.get(name)}' is not registered on the application.",
            status=401,
        )
        if key is None or header.get("alg") != algorithm:
            raise wrong
        try:
            claims = jwt.decode(assertion, key, algorithms=[algorithm], options=UNTIMED)
        except jwt.InvalidTokenError as error:
            raise wrong from error
        if claims.get("aud") not in audiences:
            text = "Client assertion audience claim does not match this token endpoint."
            raise sign_in_refusal(700023, "invalid_client", text, status=401)

    def _check_federated(self, assertion: str, claims: dict[str, Any]) -> None:
        known = [one for one in self._federations if one.issuer == claims.get("iss")]
        if not known:
            text = "No matching federated identity record found for presented assertion issuer."
            raise sign_in_refusal(700211, "invalid_client", f"{text} '{claims.get('iss')}'", status=401)
        if claims.get("aud") != EXCHANGE_AUDIENCE:
            text = "No matching federated identity record found for presented assertion audience."
            raise sign_in_refusal(700212, "invalid_client", f"{text} '{claims.get('aud')}'", status=401)
        federation = next((one for one in known if one.subject == claims.get("sub")), None)
        if federation is None:
            text = "No matching federated identity record found for presented assertion subject."
            raise sign_in_refusal(700213, "invalid_client", f"{text} '{claims.get('sub')}'", status=401)
        try:
            jwt.decode(assertion, federation.key, algorithms=["RS256"], options=UNTIMED)
        except jwt.InvalidTokenError as error:
            text = "Client assertion failed signature validation."
            raise sign_in_refusal(700027, "invalid_client", text, status=401) from error


def _thumbprint(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
