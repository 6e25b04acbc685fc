"""A part of a message: what it is declared to be, and what it holds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.utils import collapse_rfc2231_value

from shared.protection.inspection import decoding, headers, nested

# Their content is looked at only where it is asked for.
MEDIA = ("image/", "audio/", "video/", "font/")
# Not the mark of a signature.
FLOWING = re.compile(r"(?<!^--) \r?\n", re.MULTILINE)
# Where a name stands, if the standard's grammar gives none.
COMMENT = re.compile(r"\s*\([^()]*\)\s*\Z")
LOOSELY_NAMED = re.compile(r"name\s*\*?=\s*[\"']?([^\"';]+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A leaf of the tree of parts, with its content.

    `number` is counted from the top, "3.2" being the second part of a message that is the third. The type is as
    declared. Of two file names programs differ in which they take, so there may be several.
    """

    number: str
    type: str
    names: tuple[str, ...]
    attached: bool
    charset: str
    encoding: str
    raw: bytes = field(repr=False)
    # Lines that end with a space go on in the next, without it (RFC 3676, 4.1 and 5.1).
    flowing: bool = False
    _decoded: list[bytes] = field(default_factory=list, repr=False, compare=False)

    @property
    def where(self) -> str:
        """By which people find the part in the message."""
        return f"part {self.number} ({self.type})"

    def content(self) -> bytes:
        """What the part holds, decoded as far as it can be."""
        if not self._decoded:
            self._decoded.append(decoding.content(self.raw, self.encoding))
        return self._decoded[0]

    def text(self, most: int, *, page: bool = False) -> tuple[str, bool]:
        """The first characters of a text, and whether there are more."""
        # No charset has more than four bytes for a character, or nearly so.
        content = self.content()
        text = decoding.text(content[: 4 * most], self.charset, page=page)
        text = FLOWING.sub("", text) if self.flowing else text
        return text[:most], len(text) > most or len(content) > 4 * most


def sanitized(text: str) -> str:
    """Text without half characters; raw bytes in it are taken for UTF-8 if they can be that."""
    if text.isascii():
        return text
    if any("\ud800" <= c <= "\udfff" and not "\udc80" <= c <= "\udcff" for c in text):
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return decoding.guessed(text.encode("utf-8", "surrogateescape"))


def part_of(number: str, node: EmailMessage) -> Part:
    try:
        charset = collapse_rfc2231_value(node.get_param("charset", "")) if node["content-type"] else ""
        flowing = [str(node.get_param(name, "")).lower() for name in ("format", "delsp")] == ["flowed", "yes"]
        attached = node.get_content_disposition() == "attachment"
        names = tuple(dict.fromkeys(headers.decoded(sanitized(name)) for name in _names(node)))
    except Exception:  # the library may fail at anything that it is given
        names, charset, attached, flowing = (), "", True, False
    raw = node.get_payload(decode=True)
    return Part(
        number=number,
        type=_type(node),
        names=names,
        attached=attached,
        charset=charset,
        encoding=encoding_of(node),
        raw=raw if isinstance(raw, bytes) else b"",
        flowing=flowing,
    )


def _names(node: EmailMessage) -> Iterator[str]:
    """Every file name that a part is given: programs differ in which of two they take."""
    for header, wanted in (("content-disposition", "filename"), ("content-type", "name")):
        given = [
            collapse_rfc2231_value(value).strip()
            for name, value in node.get_params([], header=header)
            if name.lower().rstrip("*") == wanted
        ]
        for one in given or LOOSELY_NAMED.findall(str(node[header] or "")):
            # A comment may follow (RFC 822, 3.4.3); to some programs it is a part of the name.
            # To others it ends with its first NUL.
            forms = (one, COMMENT.sub("", one), one.partition("\0")[0])
            yield from (bare for each in forms if (bare := each.strip("' \"")))


def _type(node: EmailMessage) -> str:
    # "text/html charset=utf-8" is meant as "text/html"; spaces, comments and quotation marks do not belong to it.
    found = re.match(r"[\w.+-]+/[\w.+-]+", re.sub(r"[\"']|\s*(?=/)|(?<=/)\s*", "", node.get_content_type()).strip())
    return found[0] if found else "text/plain"


def encoding_of(node: EmailMessage) -> str:
    """The transfer encoding, without the comments and quotation marks that may stand around it (RFC 2045, 5.1)."""
    written = next((value for name, value in node.raw_items() if name.lower() == "content-transfer-encoding"), "")
    plain = str(written)
    for _ in range(5):  # comments may hold comments
        plain = re.sub(r"\([^()]*\)", " ", plain)
    bare = re.sub(r"\s+([;,])", r"\1", re.sub("[\"']", " ", plain)).split()
    # Two of them are none that is known.
    several = len(bare) > 1 and not bare[0].endswith((";", ","))
    return " ".join(bare).lower() if several else bare[0].rstrip(";,").lower() if bare else ""


def may_hold_more(leaf: Part) -> bool:
    return leaf.type.startswith(("message/", "application/octet-stream")) or bool(leaf.names)


def files_in_text(leaf: Part) -> list[Part]:
    """The files that stand in a plain text."""
    if leaf.type != "text/plain" and not any(name.lower().endswith((".uu", ".uue")) for name in leaf.names):
        return []
    return [file_of(leaf, name, raw, encoding="uuencode") for name, raw in nested.files_in_text(leaf.content())]


def file_of(leaf: Part, name: str, raw: bytes, *, encoding: str = "") -> Part:
    """A file within a part."""
    return replace(
        leaf,
        type="application/octet-stream",
        names=(name,) if name else (),
        attached=True,
        encoding=encoding,
        raw=raw,
        flowing=False,
        _decoded=[],
    )
