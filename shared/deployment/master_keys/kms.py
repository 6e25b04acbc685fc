"""A master key in Google Cloud KMS: a symmetric key that never leaves it."""

import base64
from typing import Any

from shared.deployment.identity import Identity
from shared.deployment.master_keys.wrapping import Wrapped, not_ours, refused
from shared.foundation.errors import Permanent
from shared.foundation.http_client import Reply, unreadable
from shared.foundation.wire import Wire

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class Kms:
    """Asks KMS to encrypt with the key's primary version; it finds the version that decrypts by itself."""

    def __init__(self, url: str, key: str, wire: Wire, identity: Identity) -> None:
        """`key` is projects/…/locations/…/keyRings/…/cryptoKeys/…."""
        self._url, self._key, self._wire, self._identity = url, key, wire, identity

    async def wrap(self, key: bytes, scope: str) -> Wrapped:
        """Encrypt, with the scope as associated data."""
        reply, said = await self._ask("encrypt", "plaintext", key, scope)
        content = _sound(reply, said, "ciphertext")
        # They are only there if what we sent has arrived as it was.
        arrived = said.get("verifiedPlaintextCrc32c") and said.get("verifiedAdditionalAuthenticatedDataCrc32c")
        master = str(said.get("name"))
        if arrived is not True or not self._is_version(master):
            raise unreadable(reply.service, reply.status)
        return Wrapped(master=master, content=content)

    async def unwrap(self, wrapped: Wrapped, scope: str) -> bytes:
        """Decrypt, with the same scope, if it was one of our key's versions: no other is ever asked."""
        if not self._is_version(wrapped.master):
            raise not_ours()
        reply, said = await self._ask("decrypt", "ciphertext", wrapped.content, scope)
        return _sound(reply, said, "plaintext")

    def _is_version(self, name: str) -> bool:
        return name.startswith(f"{self._key}/cryptoKeyVersions/")

    async def _ask(self, what: str, field: str, value: bytes, scope: str) -> tuple[Reply, dict[str, Any]]:
        token = await self._identity.token(SCOPE)
        asked = _checked(field, value) | _checked("additionalAuthenticatedData", scope.encode())
        async with self._wire.client(self._url) as http:
            reply = await http.send(
                "POST",
                f"/v1/{self._key}:{what}",
                json=asked,
                headers={"Authorization": f"Bearer {token}"},
                repeatable=True,
            )
        said = reply.json()
        if 400 <= reply.status < 500:
            raise _refused(reply, said, what)
        if reply.status != 200 or not isinstance(said, dict):
            raise unreadable(reply.service, reply.status)
        return reply, said


def _checked(field: str, value: bytes) -> dict[str, str]:
    return {field: base64.b64encode(value).decode(), f"{field}Crc32c": str(crc32c(value))}


def _sound(reply: Reply, said: dict[str, Any], field: str) -> bytes:
    """A field of an answer, if it arrived as it was sent."""
    try:
        value = base64.b64decode(said[field], validate=True)
        if int(said[f"{field}Crc32c"]) == crc32c(value):
            return value
    except (LookupError, TypeError, ValueError):
        pass
    raise unreadable(reply.service, reply.status)


def _refused(reply: Reply, said: Any, what: str) -> Permanent:
    error = said.get("error") if isinstance(said, dict) else None
    status = str(error.get("status")) if isinstance(error, dict) else ""
    if what == "decrypt" and status == "INVALID_ARGUMENT":
        return not_ours()
    return refused(reply.service, reply.status, status)


def crc32c(data: bytes) -> int:
    """The checksum that KMS uses: Castagnoli's polynomial, bits reversed. Ours are a hundred bytes at most."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF
