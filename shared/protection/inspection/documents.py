"""Links that stand in a document as text: in Office documents, open documents, shortcuts and notebooks.

[ECMA-376] part 2, 9.3: what a document refers to outside of itself is a relationship whose target mode is external.
"""

import html
import re
from collections.abc import Iterator

from shared.protection.inspection import decoding

RELATIONSHIP = re.compile(r"\bRelationship\s")
EXTERNAL = re.compile(r"""\bTargetMode\s*=\s*["']External["']""", re.IGNORECASE)
TARGET = re.compile(r"""\bTarget\s*=\s*(?:"([^"]*)"|'([^']*)')""")
REFERENCE = re.compile(r"""\bxlink:href\s*=\s*(?:"([^"]*)"|'([^']*)')""")
# A field of a text, or a formula of a sheet: the one in pieces, each in elements of its own.
FIELD = re.compile(r"""\bHYPERLINK\b[^"{}]{0,100}"([^"{}]{1,2000})""", re.IGNORECASE)
ELEMENT = re.compile(r"<(?![\w:]{0,20}fldSimple)[^<>]{0,1000}>")
# In older Office documents: hyperlinks of workbooks and presentations, and fields of texts, in wide letters or not.
WIDE = re.compile(rb"h\0t\0t\0p\0(?:s\0)?:\0/\0/\0(?:[!#-~]\0){3,1000}")
NARROW = re.compile(rb'\bHYPERLINK\b[ -!#-~]{0,40}"([!#-~]{4,1000})"')
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
MAX_LINKS = 5_000
MAX_BYTES = 2_000_000


def references(name: str, content: bytes) -> Iterator[str]:
    """The addresses to which a part of a newer Office document or of an open document leads; by the part's name."""
    if name.endswith(".rels"):
        for found in RELATIONSHIP.split(decoding.text(content, ""))[1:MAX_LINKS]:
            target = TARGET.search(found) if EXTERNAL.search(found) else None
            if target:
                yield html.unescape(target[1] or target[2] or "")
    elif name in ("content.xml", "styles.xml"):
        found_there = REFERENCE.findall(decoding.text(content, ""))
        yield from (html.unescape(one or other) for one, other in found_there[:MAX_LINKS])
    elif name.endswith(".xml") and (b"instrText" in content or b"HYPERLINK" in content):
        text = html.unescape(ELEMENT.sub("", decoding.text(content[:MAX_BYTES], "")))
        yield from FIELD.findall(text)[:MAX_LINKS]


def older(content: bytes) -> Iterator[str]:
    """The addresses that an older Office document, a shortcut or a notebook holds where its hyperlinks stand."""
    found = [
        *WIDE.findall(content, 0, 4 * MAX_BYTES)[:MAX_LINKS],
        *NARROW.findall(content, 0, 2 * MAX_BYTES)[:MAX_LINKS],
    ]
    yield from (one.replace(b"\0", b"").decode("ascii", "replace") for one in found)
