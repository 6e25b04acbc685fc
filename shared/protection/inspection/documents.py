"""Links that stand in a document as text: in newer Office documents, open documents and rich texts.

[ECMA-376] part 2, 9.3: what a document refers to outside of itself is a relationship whose target mode is external.
"""

import html
import re
from collections.abc import Iterator

RELATIONSHIP = re.compile(r"\bRelationship\s")
EXTERNAL = re.compile(r"""\bTargetMode\s*=\s*["']External["']""", re.IGNORECASE)
TARGET = re.compile(r"""\bTarget\s*=\s*(?:"([^"]*)"|'([^']*)')""")
REFERENCE = re.compile(r"""\bxlink:href\s*=\s*(?:"([^"]*)"|'([^']*)')""")
FIELD = re.compile(r"""\bHYPERLINK\b[^"{}]{0,100}"([^"{}]{1,2000})""", re.IGNORECASE)
MOST = 5_000
MOST_BYTES = 2_000_000


def references(name: str, content: bytes) -> Iterator[str]:
    """The addresses to which a part of a newer Office document or of an open document leads; by the part's name."""
    if name.endswith(".rels"):
        for found in RELATIONSHIP.split(content.decode("utf-8", "replace"))[1:MOST]:
            target = TARGET.search(found) if EXTERNAL.search(found) else None
            if target:
                yield html.unescape(target[1] or target[2] or "")
    elif name in ("content.xml", "styles.xml"):
        found_there = REFERENCE.findall(content.decode("utf-8", "replace"))
        yield from (html.unescape(one or other) for one, other in found_there[:MOST])


def fields(content: bytes) -> Iterator[str]:
    """The addresses to which the fields of a rich text lead."""
    yield from FIELD.findall(content[:MOST_BYTES].decode("latin-1"))[:MOST]
