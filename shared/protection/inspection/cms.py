"""Messages that are signed or packed in one piece, by the Cryptographic Message Syntax (RFC 5652, RFC 3274, RFC 8551).

Nobody needs a key to read them. They are walked through by their lengths (ITU-T X.690), down to the content alone: a
library takes time by the square of the pieces that a long content is written in, 40 seconds for nine million bytes.
"""

import re
import zlib
from collections.abc import Iterator

from shared.protection.inspection import decoding
from shared.protection.inspection.budget import Budget

SIGNED = bytes.fromhex("2a864886f70d010702")
PACKED = bytes.fromhex("2a864886f70d0109100109")
SEQUENCE, OBJECT_NAME, CONTENT, BYTES, BYTES_IN_PIECES = 0x30, 0x06, 0xA0, 0x04, 0x24
END_OF_CONTENTS = 0x00
MAX_UNPACKED_BYTES = 16_000_000
DEEPEST = 10
ARMOUR = re.compile(rb"-----[^\r\n]{1,80}")
ENCODED = re.compile(rb"\s*(?:-----BEGIN (?:PKCS7|CMS)-----\s*)?M[A-Za-z0-9+/]{20}")


class _Broken(ValueError):
    """It is not written by the rules, or ends early."""


def opened(content: bytes, budget: Budget) -> tuple[bytes, bool] | None:
    """What a signed or packed message holds, b"" if that is elsewhere, and whether that is all of it.

    None if it is no such message: what is sealed is none.
    """
    if ENCODED.match(content[:200]):
        content = decoding.content(ARMOUR.sub(b"", content), "base64")
    pieces: list[bytes] = []
    try:
        kind, at = _kind(content)
        if kind not in (SIGNED, PACKED):
            return None
        whole = True
        pieces.extend(_pieces(content, at, budget, 0) if at else ())
    except (_Broken, IndexError, RecursionError):
        if not pieces:
            return None
        whole = False
    inner = b"".join(pieces)
    return (inner, whole) if kind == SIGNED else _unpacked(inner, whole=whole)


def _unpacked(inner: bytes, *, whole: bool) -> tuple[bytes, bool]:
    packed = zlib.decompressobj()
    try:
        plain = packed.decompress(inner, MAX_UNPACKED_BYTES)
    except zlib.error:
        return b"", False
    return plain, whole and packed.eof


def _kind(content: bytes) -> tuple[bytes, int]:
    """Of which kind a message is, and where its content begins; 0 if it holds none."""
    at = _into(content, 0, SEQUENCE)
    kind, at = _name(content, at)
    if kind not in (SIGNED, PACKED):
        return kind, 0
    at = _into(content, _into(content, at, CONTENT), SEQUENCE)
    for _ in range(2):  # a version, and one or several algorithms
        at = _behind(content, at, 0)
    tag, begin, size = _element(content, at)
    if tag != SEQUENCE:
        raise _Broken
    _, at = _name(content, begin)
    ended = at >= len(content) or at == (None if size is None else begin + size) or content[at] != CONTENT
    return kind, 0 if ended else _into(content, at, CONTENT)


def _element(content: bytes, at: int) -> tuple[int, int, int | None]:
    """The tag of what stands at a place, where its content begins, and how long that is; None: to its end mark."""
    tag, length = content[at], content[at + 1]
    if tag & 0x1F == 0x1F:
        raise _Broken
    if length < 0x80:
        return tag, at + 2, length
    if length == 0x80:
        return tag, at + 2, None
    begin = at + 2 + (length & 0x7F)
    if length > 0x88 or begin > len(content):
        raise _Broken
    return tag, begin, int.from_bytes(content[at + 2 : begin], "big")


def _into(content: bytes, at: int, wanted: int) -> int:
    tag, begin, _ = _element(content, at)
    if tag != wanted:
        raise _Broken
    return begin


def _name(content: bytes, at: int) -> tuple[bytes, int]:
    tag, begin, size = _element(content, at)
    if tag != OBJECT_NAME or size is None:
        raise _Broken
    return content[begin : begin + size], begin + size


def _behind(content: bytes, at: int, depth: int) -> int:
    """Where what stands at a place is over."""
    _, at, size = _element(content, at)
    if size is not None:
        return at + size
    if depth == DEEPEST:
        raise _Broken
    while content[at] != END_OF_CONTENTS:
        at = _behind(content, at, depth + 1)
    return at + 2


def _pieces(content: bytes, at: int, budget: Budget, depth: int) -> Iterator[bytes]:
    """The pieces of a string of bytes, which may be written in pieces of pieces."""
    tag, begin, size = _element(content, at)
    if tag == BYTES and size is not None:
        yield content[begin : begin + size]
        if begin + size > len(content):
            raise _Broken
        return
    if tag != BYTES_IN_PIECES or depth == DEEPEST:
        raise _Broken
    at, end = begin, None if size is None else begin + size
    while at != end and (end is not None or content[at] != END_OF_CONTENTS):
        if budget.spent:
            raise _Broken
        yield from _pieces(content, at, budget, depth + 1)
        at = _behind(content, at, depth)
