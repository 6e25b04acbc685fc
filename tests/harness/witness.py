"""A witness as https://c2sp.org/tlog-witness describes it, at a real address, that keeps to every rule for itself."""

import base64
import hashlib
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tests.harness.scripted_host import Host, Say, Seen


class Witness:
    """Trusts the logs of some verifier keys, and remembers the largest tree of each."""

    def __init__(self, host: Host, time: int, name: str = "witness.example.com/w1") -> None:
        self.private, self.name, self.time = Ed25519PrivateKey.generate(), name, time
        self.trusted: list[str] = []
        self.seen: dict[str, tuple[int, bytes]] = {}
        host.script = self.answer

    @property
    def key(self) -> str:
        """Its verifier key."""
        public = b"\x04" + self.private.public_key().public_bytes_raw()
        return f"{self.name}+{self._id().hex()}+{base64.b64encode(public).decode()}"

    def answer(self, seen: Seen) -> Say:
        """What it answers to a checkpoint."""
        assert (seen.method, seen.path) == ("POST", "/w1/add-checkpoint")
        head, note = seen.body.decode().split("\n\n", 1)
        text, _, signatures = note.rpartition("\n\n")
        old, *proof = head.split("\n")
        origin, size, tree = text.split("\n")
        known = [one.split("+", 2)[2] for one in self.trusted if one.startswith(f"{origin}+")]
        if not known:
            return Say(status=404)
        if not any(self._signed(f"{text}\n", signatures, one) for one in known):
            return Say(status=403)
        before, earlier = int(old.removeprefix("old ")), self.seen.get(origin, (0, b""))
        if before != earlier[0]:
            return Say(status=409, body=f"{earlier[0]}\n".encode(), headers={"Content-Type": "text/x.tlog.size"})
        new = int(size), base64.b64decode(tree)
        if before == new[0] and earlier[1] != new[1]:
            return Say(status=409, body=f"{before}\n".encode(), headers={"Content-Type": "text/x.tlog.size"})
        if before and not grew(before, new[0], [base64.b64decode(one) for one in proof], earlier[1], new[1]):
            return Say(status=422)
        self.seen[origin] = new
        return Say(body=self.line(f"{text}\n").encode())

    def line(self, text: str) -> str:
        """Its cosignature of a checkpoint's text."""
        signed = self.private.sign(f"cosignature/v1\ntime {self.time}\n{text}".encode())
        return f"\u2014 {self.name} {base64.b64encode(self._id() + self.time.to_bytes(8) + signed).decode()}\n"

    def _id(self) -> bytes:
        public = self.private.public_key().public_bytes_raw()
        return hashlib.sha256(self.name.encode() + b"\n\x04" + public).digest()[:4]

    @staticmethod
    def _signed(text: str, signatures: str, key: str) -> bool:
        given: Any = base64.b64decode(signatures.partition("\n")[0].split(" ")[2])
        try:
            Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[1:]).verify(given[4:], text.encode())
        except InvalidSignature:
            return False
        return True


def grew(first: int, second: int, proof: list[bytes], old: bytes, new: bytes) -> bool:
    """Whether a tree grew into another, by the steps of https://www.rfc-editor.org/rfc/rfc9162#section-2.1.4.2."""
    if first == second:
        return not proof and old == new
    path = proof if first & (first - 1) else [old, *proof]
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for one in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = _node(one, fr), _node(one, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = _node(sr, one)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr, sn) == (old, new, 0)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
