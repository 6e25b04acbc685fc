"""What the texts of a message show, and where they lead: bodies, pages, drawings, calendars, documents, each once."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from shared.protection.inspection import (
    archives,
    calendars,
    compound,
    decoding,
    documents,
    message,
    nested,
    pages,
    pdf,
    rich_text,
)
from shared.protection.inspection.budget import Budget
from shared.protection.inspection.file_types import ARCHIVES, NAMED, PAGES, ZIPPED, extension, signed, sniffed
from shared.protection.inspection.links import INVISIBLE, Link, written
from shared.protection.inspection.parts import MEDIA, Part

MAX_TEXT_CHARS = 500_000
MAX_LINKS = 5_000
# Of archives in archives.
DEEPEST = 4
TOO_MUCH_TEXT = "The text is too long: only the beginning was inspected."
TOO_TANGLED = "A page in the message is built so that only the beginning was inspected."
COMPUTED = "A program in an attached page puts together where it leads: that address is not known."
TOO_MANY_LINKS = f"The message has more than {MAX_LINKS} links: only the first were inspected."

MARKUP = frozenset(
    {
        "text/html",
        "text/xml",
        "application/xml",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/x-amp-html",
        "text/enriched",
        "text/richtext",
    }
)
CALENDARS = frozenset(
    {
        "text/calendar",
        "application/ics",
        "application/calendar",
        "application/calendar+json",
        "application/calendar+xml",
        "text/x-vcalendar",
        "text/vcard",
        "text/x-vcard",
        "text/directory",
    }
)
TEXTS = NAMED["shortcut"] | {"csv", "json", "log", "md", "txt", "vcf", "xml"}
GZIP = b"\x1f\x8b"
# In an archive; others are made of addresses that nobody can click.
TEXTS_WITHIN = TEXTS - {"xml"}
# Of which only the links are read.
LEADING: Mapping[str, Callable[[bytes], Iterator[str]]] = {"document": rich_text.leads_to, "binary": documents.older}
# What is one by the way it is written, whatever its type.
BEGINNINGS = ((b"BEGIN:VCALENDAR", "calendar"), (b"{\\RT", "document"))
# What a drawing may call its texts (XML 1.0, 4.2), and how often they are put in at most.
ENTITY = re.compile(r"<!ENTITY\s{1,20}(\w{1,40})\s{1,20}(?:\"([^\"]{0,1000})\"|'([^']{0,1000})')")
MAX_ENTITIES = 1_000
# Where a shortcut leads; a share of files has two backslashes.
SHORTCUT = re.compile(
    r"^[ \t]*(?:Base)?(?:URL|IconFile|WorkingDirectory)[ \t]*=[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE
)
# Behind this letter a text is shown from right to left, to the end of its line or to the next letter.
TURNED = re.compile("\u202e([^\u202c\n]{1,1000})")


class Found(NamedTuple):
    """A link, and the part that it stands in."""

    link: Link
    where: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The text and the links of all parts together, each link once, and what was missed: of all, of links alone."""

    text: str = field(default="", repr=False)
    links: Sequence[Found] = field(default=(), repr=False)
    missed: Sequence[str] = ()
    missed_links: Sequence[str] = ()


@dataclass(kw_only=True)
class _Reading:
    budget: Budget
    room: int = MAX_TEXT_CHARS
    texts: list[str] = field(default_factory=list)
    links: dict[Link, str] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    missed_links: list[str] = field(default_factory=list)


def shown(mail: message.Mail, budget: Budget) -> Shown:
    """Read every text that is shown, an attached one with them: some programs show it, too."""
    reading = _Reading(budget=budget)
    for part in mail.parts or ():
        if budget.spent:
            reading.missed.append(message.TOO_SLOW)
            break
        _read(part, reading)
    links = list(map(Found._make, reading.links.items()))
    if len(links) > MAX_LINKS:
        reading.missed.append(TOO_MANY_LINKS)
    return Shown(
        text="\n".join(reading.texts),
        links=links[:MAX_LINKS],
        missed=tuple(dict.fromkeys(reading.missed)),
        missed_links=tuple(dict.fromkeys(reading.missed_links)),
    )


def _read(part: Part, reading: _Reading, depth: int = 0) -> None:
    kind = _kind(part)
    if kind == "archive":
        _archive(part, reading, depth)
    if kind is not None and kind in LEADING:
        reading.links |= {Link(target=one): part.where for one in LEADING[kind](part.content())}
    if kind == "document" and not part.attached and not part.names:
        _rich(part, reading)
    if kind == "pdf":
        _pdf(part, reading, depth)
    if kind == "saved":
        _saved(part, reading, depth)
    if kind not in ("page", "calendar", "text"):
        return
    text, more = part.text(reading.room, page=kind == "page")
    reading.room -= len(text)
    if more:
        reading.missed.append(TOO_MUCH_TEXT)
    views = [text]
    if kind == "calendar":
        views = _calendar(text, part, reading, depth)
    elif kind == "page":
        views = _page(text, part, reading)
    elif {extension(name) for name in part.names} & NAMED["shortcut"]:
        reading.links |= {Link(target=one): part.where for one in SHORTCUT.findall(text)}
    for view in dict.fromkeys(views):
        _note(view, part, reading)


def _pdf(part: Part, reading: _Reading, depth: int) -> None:
    document = pdf.read(part.content(), reading.budget)
    reading.missed += document.missed
    reading.missed_links += document.missed_links
    reading.links |= {Link(target=one): part.where for one in document.links}
    _within(part, document.files, reading, depth)


def _calendar(text: str, part: Part, reading: _Reading, depth: int) -> list[str]:
    whole, inner_pages = calendars.shown(text)
    _within(part, calendars.files(text), reading, depth)
    return [whole, *(view for inner in inner_pages for view in _page(inner, part, reading))]


def _saved(part: Part, reading: _Reading, depth: int) -> None:
    """A message that Outlook saved as a file."""
    look = archives.Look(budget=reading.budget)
    saved = compound.read(part.content(), look)
    reading.missed += look.missed
    _within(part, ((one.name, one.content or b"") for one in saved.members), reading, depth)
    pages_shown = [view for inner in saved.pages for view in _page(decoding.guessed(inner), part, reading)]
    for text in [*saved.texts, *pages_shown]:
        _note(text, part, reading)


def _rich(part: Part, reading: _Reading) -> None:
    """A body that is a rich text: what it shows."""
    text, is_page, whole = rich_text.shown(part.content())
    reading.room -= len(text)
    if not whole or reading.room < 0:
        reading.missed.append(TOO_MUCH_TEXT)
    page = replace(part, type="text/html")
    for view in dict.fromkeys(_page(text, page, reading) if is_page else [text]):
        _note(view, part, reading)


def _archive(part: Part, reading: _Reading, depth: int) -> None:
    """Where files in an archive or a document lead. Their words are not shown with the message."""
    content = part.content()
    look = archives.Look(budget=reading.budget, beginning=MAX_TEXT_CHARS)
    members = archives.opened("", content, look) if depth < DEEPEST else None
    if content.startswith(archives.OLE):
        reading.links |= {Link(target=one): part.where for one in documents.older(content)}
    if members is None and ("archive" in signed(content) or documents.ENCRYPTED in content):
        look.missed.add(archives.CLOSED)
    held = list[tuple[str, bytes]]()
    for member in members or ():
        if member.encrypted:
            look.missed.add(archives.CLOSED)
        held.append((member.name, member.content or b""))
        reading.links |= {Link(target=one): part.where for one in documents.references(*held[-1])}
    reading.missed_links += look.missed
    _within(part, held, reading, depth)


def _within(part: Part, held: Iterable[tuple[str, bytes]], reading: _Reading, depth: int) -> None:
    """Where the files lead that a part holds, by their names and contents."""
    inner = _Reading(budget=reading.budget)
    for name, content in held if depth < DEEPEST else ():
        file = replace(part, type="", names=(name,), encoding="", raw=content, _decoded=[])
        if nested.is_message("", file.names, file.raw):
            for one in message.read(file.raw, reading.budget, only_headers=False).parts or ():
                _read(one, inner, depth + 1)
        elif _kind(file) != "text" or extension(name) in TEXTS_WITHIN:
            _read(file, inner, depth + 1)
    reading.links = dict.fromkeys(inner.links, part.where) | reading.links
    reading.missed_links += [*inner.missed, *inner.missed_links]


def _note(text: str, part: Part, reading: _Reading) -> None:
    plain = text if text.isascii() else text.translate(INVISIBLE)
    reading.texts += [plain, *turned(text)]
    where = part.where
    for one in written(plain):
        reading.links.setdefault(Link(one), where)


def turned(text: str) -> list[str]:
    """What is shown from right to left in a text, as it is shown."""
    return [found[::-1].translate(INVISIBLE) for found in TURNED.findall(text)] if "\u202e" in text else []


def _page(text: str, part: Part, reading: _Reading) -> list[str]:
    """What a page shows, with what is hidden and, if there is such, without; its links are noted."""
    body = part.type in ("text/html", "text/x-amp-html") and not part.attached and not part.names
    page = pages.read(text if body else _with_entities(text), file=not body)
    if page.cut:
        reading.missed.append(TOO_TANGLED)
    if page.computed:
        reading.missed_links.append(COMPUTED)
    where = part.where
    for link in page.links:
        reading.links.setdefault(link, where)
    # Nobody makes a link of what is written in a field or a title.
    reading.texts.append("\n".join(page.beside).translate(INVISIBLE))
    return page.views()


def _with_entities(text: str) -> str:
    """A text with those that it defines itself put in; one may hold another."""
    given = (
        {name: one or other for name, one, other in ENTITY.findall(text[:MAX_TEXT_CHARS])} if "<!ENTITY" in text else {}
    )
    for _ in range(2 if given else 0):
        text = re.sub(r"&(\w{1,40});", lambda found: given.get(found[1], found[0]), text, count=MAX_ENTITIES)
    return text


def _kind(part: Part) -> str | None:
    """How a part is read: by its type, its names, and what it begins with, whichever says that there is something."""
    endings = {extension(name) for name in part.names}
    if part.type in CALENDARS or endings & {"ics", "vcs", "ical", "vcf"}:
        return "calendar"
    if part.type in MARKUP or endings & (PAGES | {"svg"}):
        # Browsers unpack a drawing.
        return "archive" if part.content().startswith(GZIP) else "page"
    head = part.content()[:2_048] if not part.type.startswith(MEDIA) else b""
    begin = head.removeprefix(decoding.UTF_8_MARK).lstrip()[:15].upper()
    if written_as := next((kind for sign, kind in BEGINNINGS if begin.startswith(sign)), None):
        return written_as
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(compound.OLE) and ("msg" in endings or part.type == "application/vnd.ms-outlook"):
        return "saved"
    packed = head.startswith(archives.OLE) or "archive" in signed(part.content())
    if head and (packed or endings & (ARCHIVES | ZIPPED)):
        return "archive"
    if signed(head) & {"shortcut", "notebook"}:
        return "binary"
    is_body = part.type == "text/plain" and not part.attached
    if not is_body and sniffed(head) & {"html", "svg"}:
        return "page"
    # One that has parts and none was found is shown as it stands.
    return "text" if part.type.startswith(("text/", "multipart/")) or endings & TEXTS else None
