"""Rich texts: where their fields lead, and the objects that are in them.

A reader passes over groups and control words that stand in between (Rich Text Format 1.9.1, "Conventions of an RTF
reader"), so what is searched is the text without them.
"""

import re
import struct
from collections.abc import Iterator

from shared.protection.inspection.archives import TOO_MUCH
from shared.protection.inspection.compound import OLE, native

MAX_BYTES = 8_000_000
# In which fields are looked for.
MAX_TEXT_CHARS = 1_000_000
MAX_OBJECTS = 20
# Of all objects together.
MAX_TOKENS = 100_000
SIGN = b"{\\rt"
FIELDS = re.compile(r"""\b(?:HYPERLINK|INCLUDEPICTURE|INCLUDETEXT)\b[^"]{0,100}"([^"]{1,2000})""", re.IGNORECASE)
TEMPLATE = re.compile(r"\\\*\\template\s+([^{}]{1,2000})")
LETTER = re.compile(r"\\'([0-9a-fA-F]{2})")
CONTROL = re.compile(r"\\\*|\\[a-zA-Z]{1,32}-?\d{0,10} ?|[{}\r\n]")
OBJECT = re.compile(rb"\\objdata\b")
TOKEN = re.compile(rb"[0-9a-fA-F\s]+|[{}]|\\bin(\d{1,9}) ?|\\[a-zA-Z]+-?\d* ?|\\'..|[^{}\\0-9a-fA-F\s]+|\\.", re.DOTALL)
# [MS-OLEDS] 2.2.4: of an older object the name of its class, with its length before, ended by NUL.
PACKAGE = b"Package\0"


def leads_to(content: bytes) -> Iterator[str]:
    """The addresses to which the fields of a rich text lead, and its template's."""
    text = content[:MAX_TEXT_CHARS].decode("latin-1")
    letters = LETTER.sub(lambda found: chr(int(found[1], 16)), text)
    yield from (found.strip() for found in TEMPLATE.findall(letters))
    yield from FIELDS.findall(CONTROL.sub("", letters))


def objects(content: bytes, missed: set[str]) -> Iterator[tuple[str, bytes]]:
    """The objects in a rich text, with their names if they have one; what is too much is said."""
    left = MAX_TOKENS
    for number, found in enumerate(OBJECT.finditer(content[:MAX_BYTES])):
        data, left = _data(content[:MAX_BYTES], found.end(), left)
        if number == MAX_OBJECTS or not left:
            missed.add(TOO_MUCH)
            return
        if (at := data.find(OLE)) >= 0:
            yield "", data[at:]
        elif (at := data.find(PACKAGE, 0, 200)) >= 0 and len(data) > at + 16:
            # The lengths of two names follow, and the content behind its own.
            topic, item = struct.unpack_from("<2I", data, at + len(PACKAGE))
            yield from native(data[at + len(PACKAGE) + 8 + topic + item :])
        else:
            yield "", data


def _data(content: bytes, at: int, most: int) -> tuple[bytes, int]:
    """What stands behind the word for an object's data, to the end of its group: hexadecimal digits, or raw bytes.

    Also how many more pieces may be looked at.
    """
    digits: list[bytes] = []
    depth = 0
    while most and depth >= 0 and (token := TOKEN.match(content, at)):
        at, most, piece = token.end(), most - 1, token[0]
        if piece in (b"{", b"}"):
            depth += 1 if piece == b"{" else -1
        elif token[1] is not None:
            digits.append(content[at : at + int(token[1])].hex().encode())
            at += int(token[1])
        elif not depth and piece[:1] != b"\\":
            digits.append(re.sub(rb"[^0-9a-fA-F]", b"", piece))
    bare = b"".join(digits)
    return bytes.fromhex(bare[: len(bare) & ~1].decode("ascii")), most
