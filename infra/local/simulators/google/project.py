"""Our own Google Cloud project: its service accounts, their keys, and who may sign in whose name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from infra.local.simulators.google import application
from infra.local.simulators.signing import UNTIMED, Signer


@dataclass(frozen=True, kw_only=True)
class ServiceAccount:
    """One account: the key somebody holds in a file, and the key only Google holds."""

    email: str
    client_id: str  # its unique id too
    file_key: Signer = field(default_factory=Signer)
    own_key: Signer = field(default_factory=Signer)

    def key_file(self, token_uri: str) -> dict[str, str]:
        """Return what stands in its key file."""
        plain = serialization.NoEncryption()
        pem = self.file_key.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        return {
            "type": "service_account",
            "project_id": application.PROJECT,
            "private_key_id": self.file_key.key_id,
            "private_key": pem.decode(),
            "client_email": self.email,
            "client_id": self.client_id,
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
        }

    def claims(self, assertion: str) -> dict[str, Any]:
        """Return the claims of an assertion; a signature by none of its keys is a `jwt.InvalidTokenError`."""
        wanted = jwt.get_unverified_header(assertion).get("kid")
        # The IAM signer's header names no key.
        keys = [one for one in (self.file_key, self.own_key) if wanted in (None, one.key_id)]
        for one in keys:
            try:
                return jwt.decode(assertion, one.key.public_key(), algorithms=["RS256"], options=UNTIMED)
            except jwt.InvalidSignatureError:
                continue
        raise jwt.InvalidSignatureError("Invalid JWT Signature.")

    def signature(self, payload: bytes) -> bytes:
        """Sign with the key only Google holds."""
        return self.own_key.key.sign(payload, padding.PKCS1v15(), hashes.SHA256())


@dataclass(frozen=True, kw_only=True)
class Project:
    """The service accounts, and the right to make tokens for another one."""

    accounts: Mapping[str, ServiceAccount]  # by address
    token_creators: Mapping[str, frozenset[str]]  # account -> accounts that may sign for it

    def account(self, key: str) -> ServiceAccount | None:
        """Find an account by address or unique id."""
        found = (one for one in self.accounts.values() if key in (one.email, one.client_id))
        return next(found, None)

    def may_sign(self, caller: str | None, account: str) -> bool:
        """Say whether one account has the token-creator right on another."""
        return caller is not None and caller in self.token_creators.get(account, frozenset())


def project() -> Project:
    """Return the project as it is set up: the runtime may sign for the account that has the delegations."""
    service = ServiceAccount(email=application.SERVICE_ACCOUNT, client_id=application.SERVICE_CLIENT_ID)
    runtime = ServiceAccount(email=application.RUNTIME_ACCOUNT, client_id=application.RUNTIME_CLIENT_ID)
    public = ServiceAccount(email=application.PUBLIC_ACCOUNT, client_id=application.PUBLIC_CLIENT_ID)
    return Project(
        accounts={one.email: one for one in (service, runtime, public)},
        token_creators={service.email: frozenset({runtime.email})},
    )
