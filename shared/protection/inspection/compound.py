"""Older Office documents, installers and saved Outlook messages: file systems of their own, read by olefile."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from shared.protection.inspection.archives import CLOSED, MAX_MEMBER_BYTES, Look, Member
from shared.protection.inspection.budget import Spent
from shared.protection.inspection.conditions import Attachment

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The class identifiers of installers, their patches and their transforms (Windows Installer).
INSTALLERS = frozenset(f"000C108{last}-0000-0000-C000-000000000046" for last in "246")
INSTALLER = b"\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0F"
MAX_ENTRIES = 5_000
MAX_RECORDS = 100_000
ATTACHMENT = re.compile(r"(__attach_version1\.0_#[0-9a-f]+)/__substg1\.0_37010102", re.IGNORECASE)
# In records of Excel ([MS-XLS] 2.4.28, 2.4.117) and PowerPoint ([MS-PPT] 2.4.10, 2.3.2).
BOUND_SHEET, FILE_PASS = 0x0085, 0x002F
VBA_INFO, LOCKED_SHOW = 0x03FF, 0xF3D1C4DF


@dataclass(kw_only=True)
class Compound:
    """What a file of this kind is, the files in it, and the texts of a saved message: plain ones, and pages."""

    kinds: set[Attachment] = field(default_factory=set)
    members: list[Member] = field(default_factory=list, repr=False)
    texts: list[str] = field(default_factory=list, repr=False)
    pages: list[bytes] = field(default_factory=list, repr=False)


def read(content: bytes, look: Look) -> Compound:
    """Read such a file within the look's bounds."""
    import olefile

    found = Compound()
    try:
        with look.budget.enforced(), olefile.OleFileIO(BytesIO(content)) as file:
            _read(file, found, look)
    except Spent:
        look.missed.add(CLOSED)
    except Exception:  # the library may fail at anything that it is given
        look.missed.add(CLOSED)
        found.kinds |= _as_it_stands(content)
    return found


def _read(file: Any, found: Compound, look: Look) -> None:
    paths = ["/".join(path) for path in file.listdir(streams=True, storages=True)]
    if len(paths) > MAX_ENTRIES:
        look.missed.add(CLOSED)
        paths = paths[:MAX_ENTRIES]
    if file.root.clsid in INSTALLERS:
        found.kinds.add("executable")
    for path in paths:
        base = path.rpartition("/")[2].lower()
        if base.startswith("_vba_project") or base == "vba":
            found.kinds.add("macro")
        if base == "encryptedpackage":
            found.kinds.add("encrypted-document")
        if base in READERS and file.get_type(path) == 2:
            found.kinds |= READERS[base](_stream(file, path, look))
        if base == "\x01ole10native":
            packed = native(_stream(file, path, look))
            found.members += [Member(name=name, content=inner) for name, inner in packed]
        elif base in ("package", "contents") and file.get_type(path) == 2:
            found.members.append(Member(name="", content=_stream(file, path, look)))
        elif attachment := ATTACHMENT.fullmatch(path):
            found.members.append(Member(name=_name(file, attachment[1], look), content=_stream(file, path, look)))
        elif "/" not in path and base in ("__substg1.0_1000001f", "__substg1.0_1000001e"):
            text = _stream(file, path, look)
            found.texts.append(text.decode("utf-16-le" if base.endswith("f") else "cp1252", "replace"))
        elif path == "__substg1.0_10130102":
            found.pages.append(_stream(file, path, look))


def _stream(file: Any, path: str, look: Look) -> bytes:
    content: bytes = file.openstream(path).read(min(MAX_MEMBER_BYTES, max(0, look.room)))
    look.room -= len(content)
    return content


def _name(file: Any, storage: str, look: Look) -> str:
    for name in ("__substg1.0_3707001F", "__substg1.0_3704001F"):
        if file.exists(f"{storage}/{name}"):
            return _stream(file, f"{storage}/{name}", look).decode("utf-16-le", "replace")
    return ""


def native(content: bytes) -> Iterator[tuple[str, bytes]]:
    """A file that was put into a document: three names, each ended by NUL, and then the content."""
    found = re.match(rb".{6}([^\0]{0,500})\0[^\0]{0,500}\0.{8}[^\0]{0,500}\0", content, re.DOTALL)
    if found and found.end() + 4 <= len(content):
        (size,) = struct.unpack_from("<I", content, found.end())
        yield found[1].decode("cp1252", "replace"), content[found.end() + 4 : found.end() + 4 + size]
    else:
        yield "", content[4:]


def _excel(content: bytes) -> set[Attachment]:
    kinds: set[Attachment] = set()
    at = 0
    for _ in range(MAX_RECORDS):
        if at + 4 > len(content):
            break
        kind, size = struct.unpack_from("<2H", content, at)
        # The kind of a sheet stands behind its place and whether it is shown: one is of macros.
        if kind == BOUND_SHEET and content[at + 9 : at + 10] == b"\x01":
            kinds.add("macro")
        if kind == FILE_PASS:
            return kinds | {"encrypted-document"}
        at += 4 + size
    return kinds


def _word(content: bytes) -> set[Attachment]:
    encrypted = len(content) > 12 and struct.unpack_from("<H", content, 10)[0] & 0x0100
    return {"encrypted-document"} if encrypted else set()


def _show(content: bytes) -> set[Attachment]:
    """The records of a presentation, of which some hold others."""
    at = 0
    for _ in range(MAX_RECORDS):
        if at + 8 > len(content):
            break
        version, kind, size = struct.unpack_from("<2HI", content, at)
        if kind == VBA_INFO:
            return {"macro"}
        at += 8 if version & 0x0F == 0x0F else 8 + size
    return set()


def _show_user(content: bytes) -> set[Attachment]:
    locked = len(content) >= 16 and struct.unpack_from("<I", content, 12)[0] == LOCKED_SHOW
    return {"encrypted-document"} if locked else set()


READERS = {
    "workbook": _excel,
    "book": _excel,
    "worddocument": _word,
    "powerpoint document": _show,
    "current user": _show_user,
}


def _as_it_stands(content: bytes) -> set[Attachment]:
    """What the names of a broken one say: they are in wide letters."""
    found: set[Attachment] = set()
    if "_VBA_PROJECT".encode("utf-16-le") in content:
        found.add("macro")
    if "EncryptedPackage".encode("utf-16-le") in content:
        found.add("encrypted-document")
    if INSTALLER in content[:4096]:
        found.add("executable")
    return found
