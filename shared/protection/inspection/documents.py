"""Links that stand in a document as text: in newer Office documents, open documents and rich texts.

[ECMA-376] part 2, 9.3: what a document refers to outside of itself is a relationship whose target mode is external.
"""

import html
import re
from collections.abc import Iterator

RELATIONSHIP = re.compile(r"""<(?:\w+:)?Relationship\s((?:[^<>"']|"[^"]*"|'[^']*')*+)>""")
EXTERNAL = re.compile(r"""\bTargetMode\s*=\s*["']External["']""", re.IGNORECASE)
TARGET = re.compile(r"""\bTarget\s*=\s*(?:"([^"]*)"|'([^']*)')""")
REFERENCE = re.compile(r"""\bxlink:href\s*=\s*(?:"([^"]*)"|'([^']*)')""")
FIELD = re.compile(r"""\bHYPERLINK\b[^"{}]{0,100}"([^"{}]{1,2000})""", re.IGNORECASE)
MOST = 5_000


def references(name: str, content: bytes) -> Iterator[str]:
    """The addresses to which a part of a newer Office document or of an open document leads; by the part's name."""
    if name.endswith(".rels"):
        for number, found in enumerate(RELATIONSHIP.finditer(content.decode("utf-8", "replace"))):
            target = TARGET.search(found[1]) if EXTERNAL.search(found[1]) else None
            if target and number < MOST:
                yield html.unescape(target[1] or target[2] or "")
    elif name in ("content.xml", "styles.xml"):
        found_there = REFERENCE.findall(content.decode("utf-8", "replace"))
        yield from (html.unescape(one or other) for one, other in found_there[:MOST])


def fields(content: bytes) -> Iterator[str]:
    """The addresses to which the fields of a rich text lead."""
    yield from FIELD.findall(content.decode("latin-1"))[:MOST]
