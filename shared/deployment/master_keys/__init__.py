"""The master key, which wraps the keys of single connections: held by us, by a key vault or by a KMS."""

from dataclasses import dataclass, field
from typing import Protocol

from shared.foundation.errors import Permanent
from shared.foundation.http_client import Wire
from shared.foundation.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Wrapped:
    """A data key as it is stored. `master` names the key, and its version, that wrapped it."""

    master: str
    content: bytes = field(repr=False)


class MasterKey(Protocol):
    """Wraps data keys of 32 bytes, each for one scope."""

    async def wrap(self, key: bytes, scope: str) -> Wrapped:
        """Wrap a data key under the present version. Raises Temporary in an outage, else Permanent."""
        ...

    async def unwrap(self, wrapped: Wrapped, scope: str) -> bytes:
        """The data key. Raises Permanent `sealed_by_another_key` unless we wrapped it, and for this very scope."""
        ...


def chosen(settings: Settings, wire: Wire) -> MasterKey:
    """The master key that the settings name."""
    mine = settings.master_key
    if mine.key_vault is not None:
        from shared.deployment.identity import ManagedIdentity
        from shared.deployment.master_keys.key_vault import KeyVault

        return KeyVault(mine.key_vault, wire, ManagedIdentity(wire, wire.clock, settings.azure_identity))
    if mine.kms is not None:
        from shared.deployment.identity import ServiceIdentity
        from shared.deployment.master_keys.kms import Kms

        return Kms(mine.kms_url, mine.kms, wire, ServiceIdentity(wire, wire.clock))
    from shared.deployment.master_keys.local import LocalKeys

    if mine.file is not None:
        return LocalKeys(mine.file.read_text().split())
    return LocalKeys([mine.value.get_secret_value()] if mine.value else [])


def not_ours() -> Permanent:
    """A wrapped key that another master key wrapped, or that was tampered with or moved."""
    return Permanent(
        "sealed_by_another_key",
        "A stored key does not open with this deployment's master key. Restore the master key that wrapped it, or the "
        "database's backup.",
    )


def refused(host: str, status: int, reason: str) -> Permanent:
    """Whoever holds the master key does not let us use it; `reason` is their own word."""
    word = reason if reason.isascii() and reason.replace("_", "").isalnum() and len(reason) <= 40 else "no reason"
    return Permanent(
        "our_master_key",
        f"{host} does not let this deployment use its master key ({status}, {word}). Check that the key is there and "
        "enabled, and that the deployment's own identity may wrap and unwrap with it.",
    )
