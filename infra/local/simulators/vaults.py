"""Key Vault and Cloud KMS on one loopback port, with the two endpoints that give a deployment its own tokens.

Real cryptography behind the real APIs' shapes and strictness. What they do not simulate they answer with 501.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.local.simulators import faults
from infra.local.simulators.faults import Fault, Subject
from infra.local.simulators.small_server import serving
from infra.local.simulators.wire import Answer, Refusal, Request

IDENTITY_HEADER = "the-header-of-this-app"
KMS_KEY = "projects/footprint/locations/europe-west1/keyRings/footprint/cryptoKeys/master"
ACCOUNT = "deployment@footprint.iam.gserviceaccount.com"
VAULT_PATH = re.compile(r"/keys/([0-9A-Za-z-]+)(?:/([0-9a-f]{32}))?/(wrapkey|unwrapkey)")
KMS_PATH = re.compile(r"/v1/(projects/[^:]+):(encrypt|decrypt)")
VAULT_RESOURCE = "https://vault.azure.net"
KMS_SCOPES = {"https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/cloudkms"}
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
NONCE = 12


def _eight(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 * (value & 1))
    return value


# The checksum's table, a byte at a time.
CASTAGNOLI = [_eight(byte) for byte in range(256)]


@dataclass
class Version:
    """One version of a key, on either side."""

    name: str
    secret: Any
    enabled: bool = True


@dataclass
class Vaults:
    """What both keep, and how a test disturbs it."""

    folder: Path
    address: str = ""
    vault: list[Version] = field(default_factory=list)  # of the key `footprint`, the newest last
    kms: list[Version] = field(default_factory=list)  # of KMS_KEY; the newest is the primary one
    permitted: bool = True
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    tokens: dict[str, set[str]] = field(default_factory=dict)  # the resource or the scopes of each
    lasts: int | None = None  # seconds, of each token; by default as long as in its cloud

    def __post_init__(self) -> None:
        self.account = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.rotate_vault()
        self.rotate_kms()

    @classmethod
    @contextmanager
    def start(cls, folder: Path, port: int = 0) -> Iterator[Vaults]:
        """Both, until the end of the block; the deployment's key file is written into `folder`."""
        made = cls(folder)
        with serving(made.answer, port) as made.address:
            yield made

    @property
    def key_vault(self) -> str:
        """The key's address, without a version."""
        return f"{self.address}/keys/footprint"

    @property
    def environment(self) -> dict[str, str]:
        """What a cloud's runtime sets: where an app and a function get their own tokens."""
        pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        key = {
            "type": "service_account",
            "client_email": ACCOUNT,
            "token_uri": f"{self.address}/token",
            "private_key_id": "1",
            "private_key": self.account.private_bytes(*pem).decode(),
        }
        file = self.folder / "deployment.json"
        file.write_text(json.dumps(key))
        return {
            "IDENTITY_ENDPOINT": f"{self.address}/msi/token",
            "IDENTITY_HEADER": IDENTITY_HEADER,
            "GOOGLE_APPLICATION_CREDENTIALS": str(file),
        }

    def rotate_vault(self) -> None:
        """Make a new version of the vault's key."""
        secret = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.vault.append(Version(name=secrets.token_hex(16), secret=secret))

    def rotate_kms(self) -> None:
        """Make a new primary version of the KMS key."""
        self.kms.append(Version(name=str(len(self.kms) + 1), secret=AESGCM(secrets.token_bytes(32))))

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        name = "kms" if request.path.startswith("/v1/") else "vault" if "/keys/" in request.path else "identity"
        self.calls.append(f"{name} {request.path.rpartition('/')[2].rpartition(':')[2]}")
        subject = Subject(host=name, method=request.method, path=request.path, cmdlet=None, tenant=None)
        if do := faults.first_hit(self.faults, subject):
            return faults.instead(do, faults.plain)
        try:
            if request.path == "/msi/token":
                return self._managed_identity(request)
            if request.path == "/token":
                return self._service_account(request)
            if found := VAULT_PATH.fullmatch(request.path):
                return self._vault(request, found[1], found[2], found[3])
            if found := KMS_PATH.fullmatch(request.path):
                return self._kms(request, found[1], found[2])
        except Refusal as refusal:
            return refusal.answer
        return Answer(status=501, body={"error": f"{request.path} is not simulated."})

    def _token(self, of: set[str]) -> str:
        token = secrets.token_urlsafe(24)
        self.tokens[token] = of
        return token

    def _bearer(self, request: Request) -> set[str]:
        return self.tokens.get((request.header("authorization") or "").removeprefix("Bearer "), set())

    def _managed_identity(self, request: Request) -> Answer:
        query = dict(request.query)
        if request.header("x-identity-header") != IDENTITY_HEADER or query.get("api-version") != "2019-08-01":
            return Answer(status=401, body={"statusCode": 401, "message": "Unauthorized"})
        if not query.get("resource"):
            return Answer(status=400, body={"statusCode": 400, "message": "The parameter resource is missing."})
        until = str(int(time.time()) + (self.lasts or 86400))
        token = self._token({query["resource"]})
        return Answer(body={"access_token": token, "expires_on": until, "resource": query["resource"]})

    def _service_account(self, request: Request) -> Answer:
        form, audience = request.form(), ["https://oauth2.googleapis.com/token", f"{self.address}/token"]
        try:
            said = jwt.decode(form["assertion"], self.account.public_key(), algorithms=["RS256"], audience=audience)
        except (KeyError, jwt.InvalidTokenError):
            return Answer(status=400, body={"error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        token = self._token(set(str(said["scope"]).split()))
        return Answer(body={"access_token": token, "expires_in": self.lasts or 3599, "token_type": "Bearer"})

    def _vault(self, request: Request, name: str, version: str | None, what: str) -> Answer:
        if dict(request.query).get("api-version") not in ("7.4", "7.5", "7.6"):
            raise _vault_refused(400, "BadParameter", "The specified version is not recognized.")
        if VAULT_RESOURCE not in self._bearer(request):
            refusal = _vault_refused(401, "Unauthorized", "The token's audience is not this service.")
            said = 'Bearer authorization="https://login.microsoftonline.com/0", resource="https://vault.azure.net"'
            refusal.answer.headers["WWW-Authenticate"] = said
            raise refusal
        if not self.permitted:
            text = "Caller is not authorized to perform action on resource."
            raise _vault_refused(403, "Forbidden", text, inner="ForbiddenByRbac")
        known = [one for one in self.vault if version in (None, one.name)] if name == "footprint" else []
        if request.method != "POST" or not known or (version is None and what == "unwrapkey"):
            raise _vault_refused(404, "KeyNotFound", f"A key with (name/id) {name}/{version or ''} was not found.")
        asked = _asked(request)
        if asked.get("alg") != "RSA-OAEP-256":
            raise _vault_refused(400, "BadParameter", "Property has invalid value: alg")
        value, one = _base64url(asked.get("value")), known[-1]
        return Answer(body={"kid": f"{self.key_vault}/{one.name}", "value": _text(_rsa(one, what, value))})

    def _kms(self, request: Request, name: str, what: str) -> Answer:
        if not self._bearer(request):
            raise _kms_refused(401, "Request had invalid authentication credentials.", name="UNAUTHENTICATED")
        if not self._bearer(request) & KMS_SCOPES:
            raise _kms_refused(403, "Request had insufficient authentication scopes.", name="PERMISSION_DENIED")
        if not self.permitted or name != KMS_KEY:
            use = f"cloudkms.cryptoKeyVersions.useTo{what.title()}"
            text = f"Permission '{use}' denied on resource '{name}' (or it may not exist)."
            raise _kms_refused(403, text, name="PERMISSION_DENIED")
        asked = _asked(request)
        aad = _checked(asked, "additionalAuthenticatedData")
        if what == "encrypt":
            primary, nonce = self.kms[-1], secrets.token_bytes(NONCE)
            _usable(primary)
            sealed = nonce + primary.secret.encrypt(nonce, _checked(asked, "plaintext"), aad)
            said = _said("ciphertext", bytes([int(primary.name)]) + sealed)
            verified = {f"verified{n[0].upper()}{n[1:]}": True for n in asked if n.endswith("Crc32c")}
            return Answer(body={"name": f"{KMS_KEY}/cryptoKeyVersions/{primary.name}", **said, **verified})
        sealed = _checked(asked, "ciphertext")
        one = next((one for one in self.kms if sealed[:1] == bytes([int(one.name)])), None)
        if one is None:
            raise _kms_invalid("Decryption failed: verify that 'name' refers to the correct CryptoKey.")
        _usable(one)
        try:
            value = one.secret.decrypt(sealed[1 : 1 + NONCE], sealed[1 + NONCE :], aad)
        except (InvalidTag, ValueError):
            raise _kms_invalid("Decryption failed: the ciphertext is invalid.") from None
        return Answer(body={**_said("plaintext", value), "usedPrimary": one is self.kms[-1]})


def _rsa(one: Version, what: str, value: bytes) -> bytes:
    if what == "wrapkey":
        # Even when disabled: the public half is not held back.
        if len(value) > 190:
            raise _vault_refused(400, "BadParameter", "The parameter is incorrect.")
        return bytes(one.secret.public_key().encrypt(value, OAEP))
    if not one.enabled:
        text = "Operation unwrapKey is not allowed on a disabled key."
        raise _vault_refused(403, "Forbidden", text, inner="KeyDisabled")
    try:
        return bytes(one.secret.decrypt(value, OAEP))
    except ValueError:
        raise _vault_refused(400, "BadParameter", "The parameter is incorrect.") from None


def _vault_refused(status: int, code: str, message: str, inner: str | None = None) -> Refusal:
    error: dict[str, Any] = {"code": code, "message": message}
    if inner is not None:
        error["innererror"] = {"code": inner}
    return Refusal(Answer(status=status, body={"error": error}))


def _kms_refused(status: int, message: str, *, name: str) -> Refusal:
    """Return a refusal in the envelope of Google Cloud's APIs, where `name` is the word for the status."""
    body = {"error": {"code": status, "message": message, "status": name}}
    return Refusal(Answer(status=status, body=body, content_type="application/json; charset=UTF-8"))


def _kms_invalid(message: str) -> Refusal:
    return _kms_refused(400, message, name="INVALID_ARGUMENT")


def _usable(one: Version) -> None:
    if not one.enabled:
        text = f"{KMS_KEY}/cryptoKeyVersions/{one.name} is not enabled, current state is: DISABLED."
        raise _kms_refused(400, text, name="FAILED_PRECONDITION")


def _asked(request: Request) -> dict[str, Any]:
    asked = request.json() if request.body.startswith(b"{") else None
    if not isinstance(asked, dict) or not (request.header("content-type") or "").startswith("application/json"):
        raise _kms_invalid("Invalid JSON payload received.")
    return asked


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _base64url(text: Any) -> bytes:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9A-Za-z_-]+", text):
        raise _vault_refused(400, "BadParameter", "Property has invalid value: value")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _checked(asked: dict[str, Any], name: str) -> bytes:
    """A field, which a checksum may come with; then it must be the right one."""
    try:
        value = base64.b64decode(asked.get(name, ""), validate=True)
        wanted = asked.get(f"{name}Crc32c")
        if wanted is None or int(wanted) == _crc32c(value):
            return value
    except (TypeError, ValueError):
        raise _kms_invalid(f"Invalid value at '{name}'.") from None
    raise _kms_invalid(f"The checksum in field {name}_crc32c did not match the data in field {name}.")


def _said(name: str, value: bytes) -> dict[str, str]:
    return {name: base64.b64encode(value).decode(), f"{name}Crc32c": str(_crc32c(value))}


def _crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value = CASTAGNOLI[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF
