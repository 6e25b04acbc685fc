"""What a master key does: it wraps the data keys. What it does not let us do is an error of these kinds."""

from dataclasses import dataclass, field
from typing import Protocol

from shared.foundation.errors import Permanent


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


def not_ours() -> Permanent:
    """A wrapped key that another master key wrapped, or that was tampered with or moved."""
    return Permanent(
        "sealed_by_another_key",
        "A stored key does not open with this deployment's master key. Restore the master key that wrapped it, or the "
        "database's backup.",
    )


def refused(host: str, status: int, reason: str) -> Permanent:
    """The vault does not let us use the master key; `reason` is the vault's own word."""
    word = reason if reason.isascii() and reason.replace("_", "").isalnum() and len(reason) <= 40 else "no reason"
    return Permanent(
        "our_master_key",
        f"{host} does not let this deployment use its master key ({status}, {word}). Check that the key is there and "
        "enabled, and that the deployment's own identity may wrap and unwrap with it.",
    )
