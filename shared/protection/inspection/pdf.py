"""What a PDF leads to and can do, by pypdf: links of its annotations, programs and files in it, whether it is locked.

Of its text only addresses are looked for, which viewers make into links. What the library cannot read is searched as
the bytes that it is, and said.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from shared.protection.inspection import pdf_text
from shared.protection.inspection.budget import Budget, Spent
from shared.protection.inspection.links import absolute, addresses

MAX_PAGES = 200
MAX_LINKS = 2_000
MAX_ANNOTATIONS = 5_000
MAX_ACTIONS = 20
TOO_LONG = "A document is too long: only the beginning was inspected."
TEXT_TOO_LONG = "The text of a document is too long: only its beginning was searched for addresses."
UNREADABLE = "The text of a document is in numbers that only its fonts know, and was not searched for addresses."
BROKEN = "A document cannot be read whole."
LOCKED = "A document is encrypted, and cannot be looked into."
# Of a document that no reader can take apart: what stands in it uncompressed.
SIGNS = (
    (re.compile(rb"/Encrypt\b\s*(?:\d|<<)"), "encrypted"),
    (re.compile(rb"/(?:JavaScript|JS|Launch)\b"), "program"),
)
ADDRESS = re.compile(rb"/URI\s*\(((?:[^()\\]|\\.){1,2000})\)")
# Where a form of the other kind sends what is filled in (XML Forms Architecture 3.3, "submit"); not its namespaces.
SENT_TO = re.compile(rb"""\b(?:target|href)\s*=\s*["']\s*((?:https?|ftp):[^"'<>\s]{1,2000})""")
MAX_PAGES_OF_TEXT = 20
MAX_FONTS = 100
MAX_TEXT_BYTES = 200_000
PROGRAMS = frozenset({"/JavaScript", "/Launch"})


@dataclass(kw_only=True)
class Document:
    """What a PDF holds: links, whether there is a program in it, files with their names.

    And what was missed: of all that it holds, and of links alone.
    """

    links: dict[str, None] = field(default_factory=dict, repr=False)
    base: str = ""
    program: bool = False
    encrypted: bool = False
    files: list[tuple[str, bytes]] = field(default_factory=list, repr=False)
    missed: set[str] = field(default_factory=set)
    missed_links: set[str] = field(default_factory=set)
    tables: dict[bytes, Mapping[int, str]] = field(default_factory=dict, repr=False)
    """Each table of a font's letters, by its source."""


def read(content: bytes, budget: Budget) -> Document:
    """Read a PDF within a budget."""
    document = Document()
    try:
        with budget.enforced():
            _read(content, document)
    except Spent:
        document.missed.add(TOO_LONG)
    except Exception:  # the library may fail at anything that it is given
        _as_it_stands(content, document)
    return document


def _read(content: bytes, document: Document) -> None:
    from pypdf import PdfReader

    # It logs pieces of what it cannot read.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)
    reader = PdfReader(BytesIO(content), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        document.encrypted = True
        document.missed.add(LOCKED)
        return
    root: Any = reader.root_object
    found = _mapping(root.get("/URI")).get("/Base")
    document.base = found if isinstance(found, str) else ""
    _action(root.get("/OpenAction"), document)
    _actions(root.get("/AA"), document)
    names = _plain(root.get("/Names"))
    if isinstance(names, Mapping) and "/JavaScript" in names:
        document.program = True
    if isinstance(names, Mapping) and "/EmbeddedFiles" in names:
        for name, files in reader.attachments.items():
            document.files += [(name, bytes(file)) for file in files]
    form = _mapping(root.get("/AcroForm"))
    for data in map(_data, [form.get("/XFA"), *_several(form.get("/XFA"))]):
        document.program |= b"<script" in data
        document.links |= dict.fromkeys(one.decode("utf-8", "replace") for one in SENT_TO.findall(data)[:MAX_LINKS])
    _files(root, document)
    for one in _below([root.get("/Outlines"), *_several(form.get("/Fields"))]):
        _action(one.get("/A"), document)
        _actions(one.get("/AA"), document)
    for number, page in enumerate(reader.pages):
        if number == MAX_PAGES or len(document.links) > MAX_LINKS:
            document.missed.add(TOO_LONG)
            return
        _actions(page.get("/AA"), document)
        _files(page, document)
        if number < MAX_PAGES_OF_TEXT:
            document.links |= dict.fromkeys(_written(page, document))
        elif page.get("/Contents") is not None:
            document.missed_links.add(TEXT_TOO_LONG)
        for annotation in _several(page.get("/Annots"))[:MAX_ANNOTATIONS]:
            given = _mapping(annotation)
            _action(given.get("/A"), document)
            _actions(given.get("/AA"), document)
            _files(given, document)


def _files(given: Mapping[str, Any], document: Document) -> None:
    """The files that belong to something: itself one, associated ones, or those of a medium."""
    assets = _mapping(_mapping(given.get("/RichMediaContent")).get("/Assets"))
    for one in [given.get("/FS"), *_several(given.get("/AF")), *_several(assets.get("/Names"))][:MAX_ANNOTATIONS]:
        file = _mapping(one)
        kept = _mapping(file.get("/EF"))
        if content := _data(kept.get("/F") or kept.get("/UF")):
            document.files.append((str(_plain(file.get("/UF")) or _plain(file.get("/F"))), content))


def _written(page: Any, document: Document) -> Iterator[str]:
    """The addresses in the text of a page; said where it is too long, or in numbers that its fonts do not explain."""
    streams = [page.get("/Contents"), *_several(page.get("/Contents"))]
    content = b"\n".join(map(_data, streams))
    if len(content) > MAX_TEXT_BYTES:
        document.missed_links.add(TEXT_TOO_LONG)
        content = content[:MAX_TEXT_BYTES]
    named = _mapping(_mapping(page.get("/Resources")).get("/Font"))
    fonts = {str(name)[1:]: _font(_mapping(given), document) for name, given in list(named.items())[:MAX_FONTS]}
    text, whole = pdf_text.text(content, fonts)
    if not whole:
        document.missed_links.add(UNREADABLE)
    yield from addresses(text)


def _font(given: Mapping[str, Any], document: Document) -> pdf_text.Font:
    """How its strings are read. The pages of a document share their fonts."""
    bytes_each = 2 if given.get("/Subtype") == "/Type0" else 1
    content = _data(given.get("/ToUnicode"))
    if not content:
        return pdf_text.Font(bytes_each=bytes_each, letters=None)
    if content not in document.tables:
        document.tables[content] = pdf_text.table(content)
    return pdf_text.Font(bytes_each=bytes_each, letters=document.tables[content])


def _plain(given: Any) -> Any:
    return given.get_object() if hasattr(given, "get_object") else given


def _mapping(given: Any) -> Mapping[str, Any]:
    found = _plain(given)
    return found if isinstance(found, Mapping) else {}


def _data(given: Any) -> bytes:
    found = _plain(given)
    return bytes(found.get_data()) if hasattr(found, "get_data") else b""


def _below(begin: list[Any]) -> Iterator[Mapping[str, Any]]:
    """All nodes of a tree of bookmarks or of fields."""
    waiting, most = begin, MAX_ANNOTATIONS
    while waiting and most:
        most -= 1
        node = _mapping(waiting.pop())
        yield node
        waiting += [node[name] for name in ("/First", "/Next") if name in node] + _several(node.get("/Kids"))


def _several(given: Any) -> list[Any]:
    found = _plain(given)
    return list(found) if isinstance(found, list) else []


def _actions(given: Any, document: Document) -> None:
    found = _plain(given)
    for one in found.values() if isinstance(found, Mapping) else ():
        _action(one, document)


def _action(given: Any, document: Document) -> None:
    for one in _chain(given):
        if one.get("/S") in PROGRAMS or "/JS" in one:
            document.program = True
        target = _plain(one.get("/URI")) or _plain(one.get("/F"))
        if isinstance(target, Mapping):
            target = _plain(target.get("/UF")) or _plain(target.get("/F"))
        if isinstance(target, bytes | str):
            text = target if isinstance(target, str) else target.decode("utf-8", "replace")
            document.links[absolute(text, document.base)] = None


def _chain(given: Any) -> Iterator[Mapping[str, Any]]:
    """An action and those that follow it."""
    waiting = [given]
    for _ in range(MAX_ACTIONS):
        if not waiting:
            return
        found = _mapping(waiting.pop())
        yield found
        waiting += [found["/Next"], *_several(found["/Next"])] if "/Next" in found else []


def _as_it_stands(content: bytes, document: Document) -> None:
    found = {kind for sign, kind in SIGNS if sign.search(content)}
    document.encrypted |= "encrypted" in found
    document.program |= "program" in found
    document.links |= dict.fromkeys(one.decode("utf-8", "replace") for one in ADDRESS.findall(content)[:MAX_LINKS])
    # Without any of these it is a document to no reader.
    if any(sign in content for sign in (b"startxref", b"trailer", b"/Root", b"/Catalog")):
        document.missed.add(BROKEN)
