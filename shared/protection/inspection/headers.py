"""What people read in headers: encoded words put together, and whom a mail program shows as the sender.

The grammar (RFC 5322, RFC 2047) is broken by many that write mail, and a mail program shows something all the same. The
standard library then finds no address, or another one than is shown; so what stands in angle brackets is the address,
wherever it stands, and all around it is a name.
"""

import re
from collections.abc import Iterator

from shared.protection.inspection import decoding

# Also with spaces in it, with question marks, and with a language (RFC 2231, 5).
WORD = re.compile(r"=\?([\w.:+-]+)(?:\*[\w-]*)?\?([bq])\?((?:[^?]|\?(?!=))*+)\?=", re.IGNORECASE)
BETWEEN = re.compile(r"\s*\Z")
QUOTED = r'"(?:[^"\\]|\\.)*+"'
# The pieces of a list of addresses. A comment may hold comments.
PIECE = re.compile(
    rf"({QUOTED})|(\()|(<[^<>]*+>?)|([,;])|(=\?[\w.:+*-]+\?[bBqQ]\?[^?\s]*+\?=|[^\"(<,;=]+|=)|(.)", re.DOTALL
)
# Without angle brackets: what has an @ in it and no space.
BARE = re.compile(rf"(?:{QUOTED}|[^\s,;:<>()\[\]\"]+)\s*@\s*(?:\[[^\[\]\s]*\]|[^\s@,;:<>()\[\]\"]+)")
APOSTROPHE, QUOTE = "'", '"'
CONTROLS = dict.fromkeys([*range(32), *range(127, 160)])


def decoded(text: str) -> str:
    """Text with its encoded words as they are shown. A letter may be split over several of one charset."""
    if "=?" not in text:
        return text
    found: list[str] = []
    pending, charset, at = b"", "", 0
    for word in WORD.finditer(text):
        between = text[at : word.start()]
        joined = pending and BETWEEN.match(between) is not None
        if not joined or word[1].lower() != charset:
            found.append(decoding.text(pending, charset) if pending else "")
            pending = b""
        if not joined:
            found.append(between)
        charset, at = word[1].lower(), word.end()
        pending += _bytes(word[2], word[3])
    found.append(decoding.text(pending, charset) if pending else "")
    return "".join([*found, text[at:]])


def _bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if encoding in "bB":
        return decoding.content(raw, "base64")
    # An equals sign at the end is no soft line break here.
    return decoding.content(raw.replace(b"_", b"=20").rstrip(b"="), "quoted-printable")


def people(value: str) -> list[tuple[str, str]]:
    """The display names and addresses of a header. Without any address, what stands there is a name.

    A name in a comment is given beside the other: the old form of a display name, which mail programs show.
    """
    found = list(_mailboxes(value))
    if not any(address for _, address in found):
        # A mail program that decodes first, or that minds no brackets, shows what is in them.
        inner = decoded(value).replace("(", " ").replace(")", " ")
        found = [one for one in _mailboxes(inner) if one[1]] if "@" in inner and inner != value else []
    return found or [(_shown(value), "")]


def _mailboxes(value: str) -> Iterator[tuple[str, str]]:
    names: list[str] = []
    comments: list[str] = []
    addresses: list[str] = []
    at = 0
    while at < len(value):
        piece = PIECE.match(value, at)
        if piece is None:
            break
        at = piece.end()
        quoted, comment, angle, end, text, _ = piece.groups()
        if comment:
            inner, at = _comment(value, at)
            comments.append(inner)
        elif angle:
            addresses.append(angle.strip("<>"))
        elif quoted:
            names.append(quoted)
        elif text:
            before, colon, behind = text.partition(":")
            is_group = colon and "@" not in before
            names += [behind] if is_group else [text]
            comments += ["".join([*names[:-1], before])] if is_group else []
        elif end == "," and not any("@" in one for one in addresses) and not BARE.search("".join(names)):
            names.append(",")  # Miller, Jane <…>
        elif end:
            yield from _one(names, comments, addresses)
            names, comments, addresses = [], [], []
    yield from _one(names, comments, addresses)


def _one(names: list[str], comments: list[str], addresses: list[str]) -> Iterator[tuple[str, str]]:
    """One mailbox, by its pieces. Where there are two addresses, programs differ in which they show."""
    name = "".join(names)
    in_angles = [one for one in addresses if "@" in one]
    if not in_angles and (bare := BARE.search(name)):
        in_angles, name = [bare[0]], f"{name[: bare.start()]} {name[bare.end() :]}"
    shown = [one for one in dict.fromkeys([_shown(name), *map(_shown, comments)]) if one] or [""]
    for address in in_angles or [""]:
        yield from ((one, _address(address)) for one in shown if one or address)


def _comment(value: str, at: int) -> tuple[str, int]:
    """A comment's text, without those within, and where it ends."""
    begin, depth = at, 1
    while at < len(value) and depth:
        depth += {"(": 1, ")": -1}.get(value[at], 0)
        at += 2 if value[at] == "\\" else 1
    return value[begin : at - (not depth)], at


def _address(text: str) -> str:
    # Of a route only its end; spaces and what cannot be seen do not belong to it.
    local, at, domain = re.sub(r"\s", "", text.translate(CONTROLS)).rpartition("@")
    local = local.rpartition(":")[2] if local.startswith("@") else local
    # Some programs write quotation marks around all of it.
    return f"{_unquoted(local).lstrip(APOSTROPHE + QUOTE)}@{domain.strip('[].' + APOSTROPHE + QUOTE)}" if at else ""


def _shown(text: str) -> str:
    return " ".join(decoded(_unquoted(text)).translate(CONTROLS).split())


def _unquoted(text: str) -> str:
    return re.sub(QUOTED, lambda found: re.sub(r"\\(.)", r"\1", found[0][1:-1], flags=re.DOTALL), text, flags=re.DOTALL)
