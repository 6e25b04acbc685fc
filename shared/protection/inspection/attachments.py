"""What attachments really are: by their content, for a name says what its writer wants.

Archives that the standard library can open are looked into, within bounds of time, size and depth. What could not be
looked at is said in `missed`.
"""

import re
from collections.abc import Iterator, Mapping

from shared.protection.inspection import message as parse
from shared.protection.inspection.archives import CLOSED, OLE, TOO_MUCH, Look, Member, locked, opened
from shared.protection.inspection.conditions import Attachment

SENTENCES: Mapping[Attachment, str] = {
    "executable": "a program",
    "script": "a script",
    "macro": "a document with macros",
    "archive": "an archive",
    "encrypted-archive": "an encrypted archive",
    "encrypted-document": "an encrypted document",
    "disk-image": "a disk image",
    "html": "a web page",
    "svg": "a drawing that can hold scripts",
    "shortcut": "a shortcut",
    "notebook": "a notebook that can hold programs",
    "disguised": "not what its name says",
}
# Of archives in archives.
DEEPEST = 4

SIGNATURES: tuple[tuple[int, bytes, Attachment], ...] = (
    (0, b"MZ", "executable"), (0, b"\x7fELF", "executable"), (0, b"\xca\xfe\xba\xbe", "executable"),
    (0, b"\xfe\xed\xfa\xce", "executable"), (0, b"\xfe\xed\xfa\xcf", "executable"),
    (0, b"\xce\xfa\xed\xfe", "executable"), (0, b"\xcf\xfa\xed\xfe", "executable"), (0, b"dex\n", "executable"),
    (0, b"ITSF", "executable"), (0, b"L\0\0\0\x01\x14\x02\0", "shortcut"),
    (0, b"\xe4R\\{\x8c\xd8\xa7M\xae\xb1Sx\xd0)\x96\xd3", "notebook"),
    (0, b"PK\x03\x04", "archive"), (0, b"Rar!\x1a\x07", "archive"), (0, b"7z\xbc\xaf\x27\x1c", "archive"),
    (0, b"\x1f\x8b", "archive"), (0, b"BZh", "archive"), (0, b"\xfd7zXZ\0", "archive"), (0, b"\x1f\x9d", "archive"),
    (0, b"(\xb5/\xfd", "archive"), (0, b"MSCF", "archive"), (7, b"**ACE**", "archive"), (2, b"-lh", "archive"),
    (0, b"\x60\xea", "archive"), (257, b"ustar", "archive"),
    (0x8001, b"CD001", "disk-image"), (0x8801, b"CD001", "disk-image"), (0x9001, b"CD001", "disk-image"),
    (0x8001, b"BEA01", "disk-image"), (0, b"conectix", "disk-image"), (0, b"vhdxfile", "disk-image"),
    (0, b"KDMV", "disk-image"), (0, b"QFI\xfb", "disk-image"), (0, b"MSWIM\0\0\0", "disk-image"),
    (54, b"FAT1", "disk-image"), (82, b"FAT32", "disk-image"),
    (-512, b"conectix", "disk-image"), (-512, b"koly", "disk-image"),
)  # fmt: skip
INSTALLER = b"\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0F"
# What may stand before the first element of a page; each piece is given up whole, or hostile ones take for ever.
PROLOG = r"\s*(?:(?><!--.*?-->|<\?.*?>|<!doctype (?!html).*?>)\s*)*+"
TEXTS: tuple[tuple[re.Pattern[str], Attachment], ...] = (
    (re.compile(r"\s*#!|\s*@echo off|#@~\^|\s*windows registry editor|\s*regedit4", re.S), "script"),
    (re.compile(r".*?<hta:application", re.S), "script"),
    (re.compile(PROLOG + r"<svg[\s>/]", re.S), "svg"),
    (re.compile(r"\s*\[(?:internetshortcut|desktop entry)\]", re.S), "shortcut"),
    (re.compile(PROLOG + r"<(?:searchconnector|library)description", re.S), "shortcut"),
    (re.compile(PROLOG + r"<(?:!doctype html|(?:html|head|body|script|title|meta|style|table|div|form|iframe|img|font|"
                r"center|h1|p|a|br)[\s>/])", re.S), "html"),
)  # fmt: skip
SCRIPTS = frozenset({
    "applescript", "asp", "bash", "bat", "cmd", "command", "csh", "fish", "hta", "inf", "js", "jse", "jsx",
    "ksh", "mjs", "php", "pl", "ps1", "psd1", "psm1", "py", "pyw", "rb", "reg", "sct", "sh", "vb", "vbe", "vbs",
    "wsc", "wsf", "wsh", "zsh",
})  # fmt: skip
PAGES = frozenset({"htm", "html", "mht", "mhtml", "shtml", "xht", "xhtml"})
PROGRAMS = frozenset({"com", "cpl", "dll", "exe", "jar", "msi", "msix", "ocx", "pif", "scr", "sys", "xll"})
IMAGES = frozenset({"img", "iso", "vhd", "vhdx"})
OLD_OFFICE = frozenset({"doc", "dot", "pot", "pps", "ppt", "xls", "xlt"})
OFFICE = frozenset({"docx", "potx", "ppsx", "pptx", "xlsx"})
# Whose names do not say whether they hold macros.
MACROS = OLD_OFFICE | {"odp", "ods", "odt"}
# They are zips; by another name the same content is opened as a zip.
ZIPPED = OFFICE | frozenset({
    "docm", "dotm", "dotx", "epub", "odg", "odp", "ods", "odt", "potm", "ppam", "ppsm", "pptm", "vsdm", "vsdx",
    "xlam", "xlsb", "xlsm", "xltm",
})  # fmt: skip
HARMLESS = OLD_OFFICE | OFFICE | frozenset({
    "avi", "bmp", "csv", "eml", "gif", "heic", "ics", "jpeg", "jpg", "json", "log", "md", "mov", "mp3", "mp4",
    "odp", "ods", "odt", "pdf", "png", "rtf", "tif", "tiff", "txt", "vcf", "wav", "webp", "xml",
})  # fmt: skip
# What a text can be only as a file.
ON_SIGHT: frozenset[Attachment] = frozenset({"html", "svg", "script", "shortcut"})
# The letters that turn the direction of reading round: "exe.fdp" becomes "pdf.exe".
TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def kinds(mail: parse.Mail, look: Look) -> frozenset[Attachment]:
    """What is attached to a message, all parts together."""
    found: set[Attachment] = set()
    for part in mail.parts or ():
        if look.budget.spent:
            look.missed.add(parse.TOO_SLOW)
            break
        # A text that is no attachment is a body, whatever it begins with.
        body = part.type in ("text/plain", "text/html") and not part.attached and not part.name
        inside = kinds_of(part.name, part.content(), look)
        found |= inside - ON_SIGHT if body else inside
    return frozenset(found)


def kinds_of(name: str, content: bytes, look: Look, depth: int = 0) -> set[Attachment]:
    """What one file is, and what is in it."""
    extension = _extension(name)
    found: set[Attachment] = {kind for at, sign, kind in SIGNATURES if _has(content, at, sign)}
    members = opened(name, content, look)
    if members is not None:
        found |= _archive(members, extension, look, depth)
    elif "archive" in found:
        look.missed.add(CLOSED)
        if locked(content):
            found.add("encrypted-archive")
    elif content.startswith(OLE):
        found |= _compound(content)
    if members is not None and extension in ZIPPED:
        found -= {"archive", "html", "svg"}  # the document's own parts
    text = None if found else _text(content)
    if text is not None:
        found |= {kind for sign, kind in TEXTS if sign.match(text)}
        if extension in PAGES:
            found.add("html")
    if not found and content:
        # Some have no signature.
        found |= _by_name(extension) if text is None else _by_name(extension) & ON_SIGHT
    if _disguised(name, extension, found):
        found.add("disguised")
    return found


def _archive(members: Iterator[Member], extension: str, look: Look, depth: int) -> set[Attachment]:
    found: set[Attachment] = {"archive"}
    for member in members:
        path = member.name.lower()
        if member.encrypted:
            found.add("encrypted-archive")
        if path.endswith("vbaproject.bin") or path.startswith(("xl/macrosheets/", "basic/")):
            found.add("macro")
        if path in ("meta-inf/manifest.mf", "androidmanifest.xml") and extension not in ZIPPED:
            found.add("executable")
        if member.content is None:
            found |= _by_name(_extension(member.name))  # the name is all that there is to see
        elif depth < DEEPEST:
            found |= kinds_of(member.name, member.content, look, depth + 1)
        else:
            look.missed.add(TOO_MUCH)
    return found


def _by_name(extension: str) -> set[Attachment]:
    named: tuple[tuple[frozenset[str], Attachment], ...] = (
        (PROGRAMS, "executable"), (SCRIPTS, "script"), (IMAGES, "disk-image"), (frozenset({"lnk", "url"}), "shortcut"),
    )  # fmt: skip
    return {kind for extensions, kind in named if extension in extensions}


def _has(content: bytes, at: int, sign: bytes) -> bool:
    at = at if at >= 0 else len(content) + at
    if sign == b"MZ" and content[:2] == sign:
        return _text(content) is None
    return at >= 0 and content.startswith(sign, at)


def _text(content: bytes) -> str | None:
    """The beginning of a text in small letters; None if it is none."""
    head = content[:4096]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[: len(head) & ~1].decode("utf-16", "replace").lower()
    if not head or b"\0" in head or len(head.translate(None, bytes(range(1, 8)) + bytes(range(14, 27)))) < len(head):
        return None
    return head.decode("utf-8-sig", "replace").lower()


def _extension(name: str) -> str:
    return _names(name)[-1] if "." in name else ""


def _names(name: str) -> list[str]:
    base = re.split(r"[/\\]", TURNING.sub("", name))[-1].lower().rstrip(" .\0")
    return [part.strip() for part in base.split(".")]


def _disguised(name: str, extension: str, found: set[Attachment]) -> bool:
    if extension in HARMLESS:
        return bool(found - {"encrypted-document"} - ({"macro"} if extension in MACROS else set()))
    if not found - {"archive", "encrypted-archive"}:
        return False
    return bool(TURNING.search(name)) or (len(_names(name)) > 2 and _names(name)[-2] in HARMLESS)


def _compound(content: bytes) -> set[Attachment]:
    """Older documents and installers: a file system of its own, whose names are in wide letters."""
    found: set[Attachment] = set()
    if _wide("_VBA_PROJECT") in content:
        found.add("macro")
    if _wide("EncryptedPackage") in content:
        found.add("encrypted-document")
    if INSTALLER in content:
        found.add("executable")
    return found


def _wide(name: str) -> bytes:
    return name.encode("utf-16-le")
