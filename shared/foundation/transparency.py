"""A Merkle tree (RFC 6962) whose signed checkpoint (C2SP tlog-checkpoint, signed-note) anchors what it holds.

Pure, for the service and for a stranger with files alone.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from shared.foundation.errors import Permanent
from shared.foundation.signatures import canonical

# https://github.com/C2SP/C2SP/blob/main/signed-note.md: the type of an Ed25519 signature.
ED25519 = b"\x01"
# The same page: a verifier takes sixteen signatures at least, and need not take more.
MAX_SIGNATURES = 16


def leaf_hash(leaf: Mapping[str, Any]) -> bytes:
    """The hash of one leaf, in its canonical form."""
    return hashlib.sha256(b"\x00" + canonical(leaf)).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The tree's root over the hashes of its leaves."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    half = _half(len(hashes))
    return _node(root(hashes[:half]), root(hashes[half:]))


def roots(hashes: Iterable[bytes]) -> Iterator[bytes]:
    """The root after each leaf, in time and memory that hardly grow with the tree."""
    whole: list[tuple[int, bytes]] = []  # the perfect trees from left to right, each with its height
    for one in hashes:
        height, tree = 0, one
        while whole and whole[-1][0] == height:
            height, tree = height + 1, _node(whole.pop()[1], tree)
        whole.append((height, tree))
        *left, (_, folded) = whole
        for _, beside in reversed(left):
            folded = _node(beside, folded)
        yield folded


def inclusion(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The proof that a leaf is in the tree: the roots beside its way up, from below."""
    if len(hashes) < 2:
        return []
    half = _half(len(hashes))
    if index < half:
        return [*inclusion(hashes[:half], index), root(hashes[half:])]
    return [*inclusion(hashes[half:], index - half), root(hashes[:half])]


def consistency(hashes: Sequence[bytes], size: int) -> list[bytes]:
    """The proof that the tree of the first `size` leaves grew into that of all (RFC 6962, section 2.1.2)."""
    return [] if size == 0 else _beside(hashes, size, whole=True)


def _beside(hashes: Sequence[bytes], size: int, *, whole: bool) -> list[bytes]:
    if size == len(hashes):
        return [] if whole else [root(hashes)]
    half = _half(len(hashes))
    if size <= half:
        return [*_beside(hashes[:half], size, whole=whole), root(hashes[half:])]
    return [*_beside(hashes[half:], size - half, whole=False), root(hashes[:half])]


def proven_root(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that a proof leads to. Raises Permanent if the proof is not one of a tree of that size."""
    if not 0 <= index < size:
        raise _refused("the proof is not one of this tree")
    if size == 1:
        if proof:
            raise _refused("the proof is too long")
        return leaf
    if not proof:
        raise _refused("the proof is too short")
    half, beside = _half(size), proof[-1]
    if index < half:
        return _node(proven_root(leaf, index, half, proof[:-1]), beside)
    return _node(beside, proven_root(leaf, index - half, size - half, proof[:-1]))


def checkpoint(origin: str, size: int, tree: bytes, public: bytes, sign: Callable[[bytes], bytes]) -> str:
    """A signed note that says how many leaves there are and what their root is."""
    text = f"{origin}\n{size}\n{base64.b64encode(tree).decode()}\n"
    signature = base64.b64encode(key_id(origin, ED25519, public) + sign(text.encode())).decode()
    return f"{text}\n\u2014 {origin} {signature}\n"


def parts(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """A signed note's text, and each signature: the signer's name, and key id with signature. Raises ValueError."""
    text, _, lines = note.rpartition("\n\n")
    *signed, end = lines.split("\n")
    if end or not text or not 0 < len(signed) <= MAX_SIGNATURES:
        raise ValueError("not a signed note")
    return f"{text}\n", [_signature(line) for line in signed]


def _signature(line: str) -> tuple[str, bytes]:
    dash, name, signature = line.split(" ")
    if dash != "\u2014":
        raise ValueError("not a signature of a note")
    return name, base64.b64decode(signature, validate=True)


def size_of(note: str) -> int:
    """How many leaves a checkpoint is of, by any signer. Raises Permanent if it is none."""
    try:
        return int(note.split("\n")[1])
    except (LookupError, ValueError):
        raise _refused("the checkpoint cannot be read") from None


def opened_checkpoint(note: str, keys: Mapping[str, Any]) -> tuple[int, bytes]:
    """The size and root of a checkpoint that one of a set of public keys signed. Raises Permanent otherwise."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        text, signatures = parts(note)
        origin, size, tree = text.rstrip("\n").split("\n")
        publics = {key_id(origin, ED25519, one): one for one in _publics(keys)}
        public, given = next(
            (publics[one[:4]], one) for name, one in signatures if name == origin and one[:4] in publics
        )
        Ed25519PublicKey.from_public_bytes(public).verify(given[4:], text.encode())
        return int(size), base64.b64decode(tree, validate=True)
    except (StopIteration, InvalidSignature, KeyError, TypeError, ValueError):
        raise _refused("the checkpoint was not signed by a key that you trust") from None


def _half(size: int) -> int:
    """The largest power of two below a size."""
    return 1 << (size - 1).bit_length() - 1


def key_id(name: str, kind: bytes, public: bytes) -> bytes:
    """The four bytes by which a note's signature names its key."""
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def verifier_keys(origin: str, keys: Mapping[str, Any]) -> list[str]:
    """A key set as the verifier keys of a log (signed-note): name, key id and key, for those who witness it."""
    return [
        f"{origin}+{key_id(origin, ED25519, one).hex()}+{base64.b64encode(ED25519 + one).decode()}"
        for one in _publics(keys)
    ]


def _publics(keys: Mapping[str, Any]) -> list[bytes]:
    return [base64.urlsafe_b64decode(f"{key['x']}==") for key in keys["keys"]]


def _refused(why: str) -> Permanent:
    return Permanent("anchor_not_valid", f"Do not rely on this anchor: {why}.")
