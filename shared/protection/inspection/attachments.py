"""What attachments really are: by their content, for a name says what its writer wants.

Archives that the standard library can open are looked into, as are older Office documents, PDFs and saved messages,
within bounds of time, size and depth. What could not be looked at is said in `missed`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from shared.protection.inspection import calendars, compound, decoding, doubts, message, nested, pdf, rich_text
from shared.protection.inspection.archives import (
    CLOSED,
    MAX_MEMBER_BYTES,
    TOO_MUCH,
    Look,
    Member,
    ends_as_zip,
    locked,
    opened,
)
from shared.protection.inspection.conditions import Attachment
from shared.protection.inspection.file_types import (
    ALLOWED,
    ARCHIVES,
    BY_TYPE,
    HARMLESS,
    MARKDOWN,
    ON_SIGHT,
    OPENED_WHATEVER,
    TURNING,
    ZIPPED,
    extension,
    named,
    parts_of_name,
    signed,
    sniffed,
    text_of,
)
from shared.protection.inspection.parts import Part

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
# A newer document in one piece, as XML.
# A zip with one of these is a program for Java, Android or Windows.
PROGRAMS_BY_MEMBER = frozenset(
    {"meta-inf/manifest.mf", "androidmanifest.xml", "appxmanifest.xml", "appxmetadata/appxbundlemanifest.xml"}
)
MSO = re.compile(rb"<\?mso-application\b")
MSO_MACROS = re.compile(rb"macrosPresent\s{0,9}=\s{0,9}[\"']yes|vbaProject\.bin|\beditdata\.mso\b")
# What newer documents call their macros, whatever the parts are named (ECMA-376, part 2, 10.1).
MACRO_TYPES = (
    b"application/vnd.ms-office.vbaProject",
    b"application/vnd.ms-excel.macrosheet",
    b"vnd.ms-excel.intlmacrosheet",
)
OPEN_DOCUMENTS = frozenset({"odg", "odp", "ods", "odt"})


def kinds(mail: message.Mail, look: Look) -> dict[Attachment, str]:
    """What is attached to a message, all parts together, each kind with the first part that it is in."""
    found: dict[Attachment, str] = {}
    for part in mail.parts or ():
        if look.budget.spent:
            look.missed.add(message.TOO_SLOW)
            break
        for kind in sorted(_kinds_of_part(part, look)):
            found.setdefault(kind, part.where)
    return found


def _kinds_of_part(part: Part, look: Look, depth: int = 0) -> set[Attachment]:
    # A text that is no attachment is a body, whatever it begins with.
    body = part.type in ("text/plain", "text/html", "text/x-amp-html") and not part.attached and not part.names
    content = part.content()
    if body:
        return kinds_of("", content, look, depth) - ON_SIGHT
    # Programs differ in which of two names they take.
    names = part.names or (f"part.{BY_TYPE[part.type]}" if part.type in BY_TYPE else "",)
    return {kind for name in names for kind in kinds_of(name, content, look, depth)}


def _of_message(content: bytes, look: Look, depth: int) -> set[Attachment]:
    """What is attached to a message that is in an archive, or attached to a document."""
    if depth >= DEEPEST:
        look.missed.add(TOO_MUCH)
        return set()
    mail = message.read(content, look.budget, only_headers=False)
    look.missed |= set(mail.missed)
    return {kind for part in mail.parts or () for kind in _kinds_of_part(part, look, depth + 1)}


def kinds_of(name: str, content: bytes, look: Look, depth: int = 0) -> set[Attachment]:
    """What one file is, and what is in it."""
    ending = extension(name)
    own = signed(content)
    inner: set[Attachment] = set()
    compounded = content.startswith(compound.OLE)
    # Older documents hold zips themselves. Only behind another name, or at the end of the file, it is opened as one.
    members = (
        None if compounded and ending not in ARCHIVES and not ends_as_zip(content) else opened(name, content, look)
    )
    if members is not None:
        own, inner = _archive(own, members, ending, look, depth)
    elif "archive" in own:
        look.missed.add(CLOSED)
        own |= {"encrypted-archive"} if locked(content) else set()
    if compounded:
        file = compound.read(content, look)
        own |= file.kinds
        inner |= _within(file.members, look, depth)
    elif b"%PDF-" in content[:1024]:
        document = pdf.read(content, look.budget)
        own |= {"encrypted-document"} if document.encrypted else set()
        own |= {"script"} if document.program else set()
        look.missed |= document.missed
        inner |= _held(document.files, look, depth)
    elif content[:4].lower() == rich_text.SIGN:
        inner |= _held(rich_text.objects(content, look.missed), look, depth)
    elif content[:40].lstrip()[:15].upper() == b"BEGIN:VCALENDAR":
        inner |= _held(calendars.files(decoding.guessed(content[:MAX_MEMBER_BYTES])), look, depth)
    elif nested.closed("", (name,), content):
        look.missed.add(doubts.CLOSED)
    elif depth and nested.is_message("", (name,), content):
        inner |= _of_message(content, look, depth)
    elif MSO.search(content[:4096]) and MSO_MACROS.search(content[:MAX_MEMBER_BYTES]):
        own.add("macro")
    if content:
        own |= _by_text_and_name(name, content, own)
    return own | inner | ({"disguised"} if _disguised(name, ending, own) else set())


def _by_text_and_name(name: str, content: bytes, own: set[Attachment]) -> set[Attachment]:
    text = text_of(content)
    found = sniffed(content) if not own else set()
    ending = extension(name)
    # A browser opens these as pages, whatever they hold.
    found |= named(name) & {"html", "svg", "script"} if text is not None or ending in OPENED_WHATEVER else set()
    if not own:
        # Some have no signature.
        found |= named(name) if text is None else named(name) & ON_SIGHT
    elif own <= {"archive", "encrypted-archive"}:
        found |= named(name) & {"executable", "notebook", "script", "shortcut"}  # some are archives themselves
    return found - {"html", "svg"} if ending in MARKDOWN else found


def _archive(
    own: set[Attachment], members: Iterator[Member], ending: str, look: Look, depth: int
) -> tuple[set[Attachment], set[Attachment]]:
    own = own | {"archive"}
    inner: set[Attachment] = set()
    for member in members:
        path = member.name.lower()
        if member.encrypted:
            own.add("encrypted-archive")
        if path.endswith("vbaproject.bin") or path.startswith(("xl/macrosheets/", "basic/")):
            own.add("macro")
        if ending in OPEN_DOCUMENTS:
            own |= _of_open_document(path, member.content or b"")
        if path == "[content_types].xml" and any(
            # In whatever charset it is written.
            sign in (member.content or b"").replace(b"\0", b"")
            for sign in MACRO_TYPES
        ):
            own.add("macro")
        if path in PROGRAMS_BY_MEMBER and ending not in ZIPPED:
            own.add("executable")
        if member.content is None:
            inner |= named(member.name)  # the name is all that there is to see
        else:
            inner |= _within([member], look, depth)
    if ending in ZIPPED:
        own -= {"archive"}
        inner -= {"archive", "disguised", "html", "svg"}  # the document's own parts, whose names nobody sees
    return own, inner


def _of_open_document(path: str, content: bytes) -> set[Attachment]:
    found: set[Attachment] = {"macro"} if path.startswith("scripts/") else set()
    # (OpenDocument 1.3, part 2, 4.8.)
    encrypted = path == "encrypted-package" or (path == "meta-inf/manifest.xml" and b"encryption-data" in content)
    return found | ({"encrypted-document"} if encrypted else set())


def _within(members: list[Member], look: Look, depth: int) -> set[Attachment]:
    found: set[Attachment] = set()
    for member in members:
        if depth >= DEEPEST:
            look.missed.add(TOO_MUCH)
            break
        found |= kinds_of(member.name, member.content or b"", look, depth + 1)
    return found


def _held(files: Iterable[tuple[str, bytes]], look: Look, depth: int) -> set[Attachment]:
    return _within([Member(name=name, content=content) for name, content in files], look, depth)


def _disguised(name: str, ending: str, own: set[Attachment]) -> bool:
    if ending in HARMLESS:
        return bool(own - {"encrypted-document"} - ALLOWED.get(ending, frozenset()))
    if not own - {"archive", "encrypted-archive"}:
        return False
    parts = parts_of_name(name)
    return bool(TURNING.search(name)) or (len(parts) > 2 and parts[-2] in HARMLESS)
