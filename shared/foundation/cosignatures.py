"""Cosignatures: what a witness says of a checkpoint, in the form C2SP tlog-cosignature. Pure.

A witness signs the time and the whole checkpoint, and with that says that every tree it has seen of this log grew into
this one: https://c2sp.org/tlog-cosignature. Keys are written as https://c2sp.org/signed-note says.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.foundation.errors import Permanent, Refused
from shared.foundation.transparency import ED25519, key_id, parts

COSIGNATURE = b"\x04"
# A time and an Ed25519 signature behind the key's id.
LENGTH = 4 + 8 + 64


@dataclass(frozen=True, kw_only=True)
class WitnessKey:
    """Who a witness is: its name, and the 32 bytes of its Ed25519 public key."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which its cosignatures name this key."""
        return key_id(self.name, COSIGNATURE, self.public)


def witness_key(text: str) -> WitnessKey:
    """The key in a verifier key `NAME+ID+KEY`. Raises Refused 400 `witness_key_not_valid`.

    Some witnesses publish the key under the type of plain signatures; it is the same key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        name, number, encoded = text.strip().split("+", 2)
        material = base64.b64decode(encoded, validate=True)
        kind, public = material[:1], material[1:]
        Ed25519PublicKey.from_public_bytes(public)
        known = kind in (ED25519, COSIGNATURE) and bytes.fromhex(number) == key_id(name, kind, public)
    except ValueError:
        known = False
    if not known or not name or not name.isprintable() or any(map(str.isspace, name)):
        raise Refused(
            400,
            "witness_key_not_valid",
            "key: the witness's verifier key, NAME+ID+KEY, of type Ed25519 (0x04, or 0x01). Copy it whole.",
        )
    return WitnessKey(name=name, public=public)


def cosignature(note: str, key: WitnessKey) -> tuple[str, datetime]:
    """The line with which a witness cosigned a checkpoint, and when.

    Signatures of others are passed over. Raises Permanent `cosignature_not_valid` if there is none of this key, or if
    it is not of this checkpoint.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        text, signatures = parts(note)
        given = next(one for name, one in signatures if (name, one[:4], len(one)) == (key.name, key.id, LENGTH))
        seconds = int.from_bytes(given[4:12])
        signed = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        Ed25519PublicKey.from_public_bytes(key.public).verify(given[12:], signed)
        at = datetime.fromtimestamp(seconds, UTC)
    except (StopIteration, InvalidSignature, ValueError, OverflowError, OSError):
        raise Permanent(
            "cosignature_not_valid", f"Do not rely on this checkpoint: {key.name} has not cosigned it."
        ) from None
    return f"\u2014 {key.name} {base64.b64encode(given).decode()}\n", at
