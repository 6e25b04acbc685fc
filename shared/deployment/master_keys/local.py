"""Master keys that the deployment holds itself, in its settings or in a file."""

import base64
import hmac
import os
from collections.abc import Sequence

from shared.deployment.master_keys.wrapping import Wrapped, not_ours

NONCE = 12


class LocalKeys:
    """The first key wraps; the others only unwrap what they have wrapped before."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Each text is 32 bytes in base64url. Raises ValueError for anything else."""
        keys = [_key(text) for text in texts]
        if not keys:
            raise ValueError("There is no master key in the settings or the file")
        self._keys = {_name(key): key for key in keys}
        self._present = _name(keys[0])

    async def wrap(self, key: bytes, scope: str) -> Wrapped:
        """Wrap with the first key."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(NONCE)
        sealed = AESGCM(self._keys[self._present]).encrypt(nonce, key, scope.encode())
        return Wrapped(master=self._present, content=nonce + sealed)

    async def unwrap(self, wrapped: Wrapped, scope: str) -> bytes:
        """Unwrap with the key that wrapped it."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if wrapped.master not in self._keys:
            raise not_ours()
        nonce, sealed = wrapped.content[:NONCE], wrapped.content[NONCE:]
        try:
            return AESGCM(self._keys[wrapped.master]).decrypt(nonce, sealed, scope.encode())
        except (InvalidTag, ValueError):
            raise not_ours() from None


def _key(text: str) -> bytes:
    try:
        key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ValueError("A master key is 32 bytes in base64url")
    return key


def _name(key: bytes) -> str:
    """What tells one key from another and nothing else."""
    return "local " + hmac.digest(key, b"name", "sha256").hex()[:16]
