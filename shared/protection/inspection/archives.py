"""What is in archives that the standard library can open, within bounds of time, size and number."""

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.protection.inspection.budget import Budget
from shared.protection.inspection.file_types import signed

MAX_UNPACKED_BYTES = 48_000_000
MAX_MEMBER_BYTES = 16_000_000
MAX_MEMBERS = 2_000
# Twice for each member, and by chance.
MAX_SIGNATURES = 10_000
# Enough for every signature, a disk image's being the farthest from the beginning.
BEGINNING = 0x9010
CLOSED = "An archive could not be opened."
TOO_MUCH = "An archive holds more than can be inspected."
CONTRADICTS = "An archive lists its content in two ways that differ."

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The longest comment that may stand after the end of a zip, and the end itself.
END_OF_ZIP = 65_557
TAPE = slice(257, 262)
PATH_OF_NEXT = re.compile(rb"\d+ path=([^\n]{1,4000})\n")


@dataclass(kw_only=True)
class Look:
    """What may still be spent on a message's attachments, and what was missed so far."""

    budget: Budget
    room: int = MAX_UNPACKED_BYTES  # bytes that may still be unpacked
    members: int = MAX_MEMBERS
    beginning: int = BEGINNING  # how much of a member is wanted that holds no others
    missed: set[str] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file in an archive; its content, or the beginning of it, is None if it cannot be had."""

    name: str
    content: bytes | None = field(default=None, repr=False)
    encrypted: bool = False


def opened(name: str, content: bytes, look: Look) -> Iterator[Member] | None:
    """The members of an archive as far as they may be looked at; None if it is none that can be opened here."""
    if content.startswith(ZIP) or content.rfind(b"PK\x05\x06", -END_OF_ZIP) >= 0:
        return _bounded(_zipped(content, look), look)
    for sign, (make, most) in STREAMS.items():
        if content.startswith(sign) and "archive" in signed(content):
            return _bounded(_streamed(name, content, make, min(most, look.room), look), look)
    return _bounded(_taped(content, look), look) if content[TAPE] == b"ustar" else None


def ends_as_zip(content: bytes) -> bool:
    """Whether a file ends as a zip does, whatever it begins with."""
    at = content.rfind(b"PK\x05\x06", -END_OF_ZIP)
    return (
        at >= 0
        and at + 22 <= len(content)
        and at + 22 + int.from_bytes(content[at + 20 : at + 22], "little") == len(content)
    )


def locked(content: bytes) -> bool:
    """Whether an archive that cannot be opened here is encrypted, as far as its beginning or end shows."""
    if content.startswith(b"Rar!\x1a\x07\0"):
        return bool(content[10:11] and content[10] & 0x80)
    if content.startswith(b"Rar!\x1a\x07\x01\0"):
        return content[13:14] == b"\x04"
    return content.startswith(b"7z") and b"\x06\xf1\x07\x01" in content[-0x10000:]


def _bounded(members: Iterator[Member], look: Look) -> Iterator[Member]:
    for member in members:
        look.members -= 1
        if look.members < 0 or look.room <= 0 or look.budget.spent:
            look.missed.add(TOO_MUCH)
            return
        yield member


def _bzip2() -> Any:
    from bz2 import BZ2Decompressor

    return BZ2Decompressor()


def _xz() -> Any:
    from lzma import LZMADecompressor

    return LZMADecompressor(memlimit=64_000_000)


# How to unpack each, and how many bytes of it: some give a fraction of what others give in the same time.
STREAMS: Mapping[bytes, tuple[Callable[[], Any], int]] = {
    b"\x1f\x8b": (lambda: zlib.decompressobj(31), MAX_MEMBER_BYTES),
    b"BZh": (_bzip2, 1_500_000),
    b"\xfd7zXZ\0": (_xz, 4_000_000),
    b"]\0\0": (_xz, 4_000_000),
}


def _streamed(name: str, content: bytes, make: Callable[[], Any], most: int, look: Look) -> Iterator[Member]:
    """One compressed file, often a tape."""
    try:
        inner = make().decompress(_packed(content, 0, most), most)
    except Exception:  # zlib, bz2 and lzma have an error each
        look.missed.add(CLOSED)
        return
    if len(inner) == most:
        look.missed.add(TOO_MUCH)
    look.room -= len(inner)
    yield Member(name=name.rpartition(".")[0], content=inner)


def _packed(content: bytes, begin: int, most: int) -> bytes:
    """What is needed to unpack so many bytes: what does not pack takes a little more than it holds."""
    return content[begin : begin + most + most // 50 + 1000]


def _taped(content: bytes, look: Look) -> Iterator[Member]:
    at, longer = 0, b""
    while content[at : at + 512][TAPE] == b"ustar":
        name = content[at : at + 100].partition(b"\0")[0]
        try:
            size = max(0, int(content[at + 124 : at + 136].strip(b"\0 ") or b"0", 8))
        except ValueError:
            look.missed.add(CLOSED)
            return
        inner = content[at + 512 : at + 512 + min(size, MAX_MEMBER_BYTES)]
        kind = content[at + 156 : at + 157]
        if kind in b"Lx":  # the name of the next, in GNU's form or in that of POSIX
            longer = inner.rstrip(b"\0") if kind == b"L" else (PATH_OF_NEXT.search(inner) or [b"", b""])[1]
        else:
            yield Member(name=(longer or name).decode("utf-8", "replace"), content=inner)
            longer = b""
        at += 512 + (size + 511) // 512 * 512


@dataclass(frozen=True, kw_only=True)
class _Entry:
    name: bytes
    encrypted: bool
    method: int
    begin: int
    size: int  # packed; 0 if it is not said
    listed: bool  # in the list at the end, which has no content


def _zipped(content: bytes, look: Look) -> Iterator[Member]:
    said: dict[bool, set[tuple[bytes, bool, int]]] = {True: set(), False: set()}
    for entry in _entries(content, look):
        key = (entry.name, entry.encrypted, entry.method)
        said[entry.listed].add(key)
        if entry.listed and key in said[False]:
            continue  # seen where its content is
        name = entry.name.decode("utf-8", "replace")
        yield Member(name=name, content=_unpacked(content, entry, look), encrypted=entry.encrypted)
    if said[True] != said[False]:
        look.missed.add(CONTRADICTS)


def _entries(content: bytes, look: Look) -> Iterator[_Entry]:
    """Every member that any program could find: some go by the list at the end, some by what stands before each."""
    for number, hit in enumerate(re.finditer(rb"PK(?:\x03\x04|\x01\x02)", content)):
        if number == MAX_SIGNATURES:
            look.missed.add(TOO_MUCH)
            return
        at, listed = hit.start(), hit[0].endswith(b"\x02")
        begin = at + (46 if listed else 30)
        if begin > len(content):
            return
        version, flags, method = struct.unpack_from("<3H", content, at + (6 if listed else 4))
        size, _, length, extra = struct.unpack_from("<2I2H", content, at + (20 if listed else 18))
        # Four bytes may stand there by chance.
        if version & 0xFF > 63 or method > 99 or not 0 < length <= 1024:
            continue
        yield _Entry(
            name=content[begin : begin + length],
            encrypted=bool(flags & 1),
            method=method,
            listed=listed,
            begin=begin + length + extra,
            size=0 if flags & 8 else size,
        )


def _unpacked(content: bytes, entry: _Entry, look: Look) -> bytes | None:
    """The beginning of a member, and more of what may have members itself; it is taken from the room that is left."""
    if entry.listed or entry.encrypted:
        return None
    if entry.name.endswith(b"/"):
        return b""
    inner = _inflated(content, entry, min(look.beginning, look.room))
    if inner is not None and len(inner) == look.beginning and _may_hold_more(entry.name, inner):
        inner = _inflated(content, entry, min(MAX_MEMBER_BYTES, look.room))
        if inner is not None and len(inner) == MAX_MEMBER_BYTES:
            look.missed.add(TOO_MUCH)
    if inner is None:
        look.missed.add(CLOSED)
        return None
    look.room -= len(inner)
    return inner


def _may_hold_more(name: bytes, content: bytes) -> bool:
    return content.startswith((ZIP, OLE, *STREAMS, b"%PDF", b"{\\rt")) or name.lower().endswith((b".eml", b".mht"))


def _inflated(content: bytes, entry: _Entry, most: int) -> bytes | None:
    match entry.method:
        case 0:
            inner = content[entry.begin : entry.begin + min(entry.size or most, most)]
            # An empty file is followed by the next.
            return b"" if not entry.size and inner.startswith(b"PK") else inner
        case 8:
            try:
                return zlib.decompressobj(-15).decompress(_packed(content, entry.begin, most), max(1, most))
            except zlib.error:
                return None
    return None
