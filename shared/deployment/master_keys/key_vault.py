"""A master key in Azure Key Vault, or in a managed HSM: an RSA key that never leaves it."""

import base64
import hashlib
import re
from typing import Any
from urllib.parse import urlsplit

from shared.deployment.identity import Identity
from shared.deployment.master_keys.wrapping import Wrapped, not_ours, refused
from shared.foundation.errors import Permanent
from shared.foundation.http_client import Reply, foreign_link, unreadable
from shared.foundation.wire import Wire

API = {"api-version": "7.4"}
ALGORITHM = "RSA-OAEP-256"
KEY = re.compile(r"(https?://[^/]+)(/keys/[0-9A-Za-z-]+)(/[0-9a-f]+)?")
VERSION = re.compile(r"/[0-9a-f]+")


class KeyVault:
    """Asks the vault to wrap with the key's newest version, and to unwrap with the version that wrapped."""

    def __init__(self, key: str, wire: Wire, identity: Identity) -> None:
        """`key` is the key's own address; with a version, that one wraps. Raises ValueError for another address."""
        found = KEY.fullmatch(key)
        if found is None:
            raise ValueError("FOOTPRINT_MASTER_KEY__KEY_VAULT must be https://….vault.azure.net/keys/…")
        self._base, self._name, self._wrapping = found[1], found[1] + found[2], key
        self._wire, self._identity = wire, identity
        self._audience = f"https://{_cloud(str(urlsplit(key).hostname))}"

    async def wrap(self, key: bytes, scope: str) -> Wrapped:
        """Wrap under the key's newest version.

        RSA-OAEP takes no associated data here, so the scope's digest goes inside, of one length for every scope.
        """
        said, value = await self._ask(self._wrapping, "wrapkey", key + _digest(scope))
        master = said.get("kid")
        if not isinstance(master, str):
            raise unreadable(self._wire.service(self._base), 200)
        if not self._is_version(master):
            raise foreign_link(self._wire.service(self._base))
        return Wrapped(master=master, content=value)

    async def unwrap(self, wrapped: Wrapped, scope: str) -> bytes:
        """Unwrap with the version that wrapped it, if it is one of our key's: no other is ever asked."""
        if not self._is_version(wrapped.master):
            raise not_ours()
        _, value = await self._ask(wrapped.master, "unwrapkey", wrapped.content)
        if value[32:] != _digest(scope):
            raise not_ours()
        return value[:32]

    def _is_version(self, address: str) -> bool:
        # A vault may write the name in other letters than the settings do.
        begin, rest = address[: len(self._name)], address[len(self._name) :]
        return begin.lower() == self._name.lower() and VERSION.fullmatch(rest) is not None

    async def _ask(self, key: str, what: str, value: bytes) -> tuple[dict[str, Any], bytes]:
        token = await self._identity.token(self._audience)
        asked = {"alg": ALGORITHM, "value": base64.urlsafe_b64encode(value).rstrip(b"=").decode()}
        async with self._wire.client(self._base) as http:
            reply = await http.send(
                "POST",
                f"{key}/{what}",
                params=API,
                json=asked,
                headers={"Authorization": f"Bearer {token}"},
                repeatable=True,
            )
        if reply.status == 400 and what == "unwrapkey":
            raise not_ours()
        if 400 <= reply.status < 500:
            raise _refused(reply)
        try:
            said = reply.json()
            return said, base64.b64decode(said["value"] + "==", altchars=b"-_")
        except (LookupError, TypeError, ValueError):
            raise unreadable(reply.service, reply.status) from None


def _digest(scope: str) -> bytes:
    return hashlib.sha256(scope.encode()).digest()


def _cloud(host: str) -> str:
    """The service whose tokens a vault takes: its host without its own name. Any other host is a simulated one."""
    cloud = host.partition(".")[2]
    return cloud if cloud.startswith(("vault.", "managedhsm.")) else "vault.azure.net"


def _refused(reply: Reply) -> Permanent:
    error: Any = reply.json() if reply.body else {}
    error = error.get("error") if isinstance(error, dict) else None
    inner = error.get("innererror") if isinstance(error, dict) else None
    told = inner if isinstance(inner, dict) else error if isinstance(error, dict) else {}
    return refused(reply.service, reply.status, str(told.get("code")))
