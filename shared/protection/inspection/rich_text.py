"""Rich texts: where their fields lead, and the objects that are in them.

A reader passes over groups and control words that stand in between (Rich Text Format 1.9.1, "Conventions of an RTF
reader"), so what is searched is the text without them.
"""

import re
import struct
from collections.abc import Iterator

from shared.protection.inspection import decoding
from shared.protection.inspection.archives import TOO_MUCH
from shared.protection.inspection.budget import Budget
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

# A page that was made into a rich text ([MS-OXRTFEX] 2.1.3): its tags are in groups, and what is not of it is marked.
FROM_PAGE = "\\fromhtml"
NOT_OF_THE_PAGE = re.compile(r"\\htmlrtf(?!0).*?(?:\\htmlrtf0 ?|\Z)", re.DOTALL)
# Groups whose words are not shown.
UNSEEN = re.compile(r"\{\\(?:(?:fonttbl|colortbl|stylesheet|info|pict)\b|\*\\(?!htmltag))(?:[^{}]|\{[^{}]*\})*+\}")
PIECE = re.compile(
    r"((?:\\'[0-9a-fA-F]{2})+)|\\u(-?\d{1,6}) ?(?:\\'..|[^\\{}])?|\\(par|line|tab|cell|row|sect|page)\b ?"
    r"|\\\*|\\[a-zA-Z]{1,32}-?\d{0,10} ?|\\(.)|[{}\r\n]",
    re.DOTALL,
)
MAX_SHOWN_CHARS = 300_000
CODE_PAGE = re.compile(r"\\ansicpg(\d{1,5})")
# What the packing begins with ([MS-OXRTFCP] 2.1.2.1).
PACKED_BEGIN = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor "
    rb"MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0" + b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
WINDOW = 4096


def shown(content: bytes) -> tuple[str, bool, bool]:
    """What a rich text shows; whether that is the source of a page; and whether it is all."""
    text = content[:MAX_SHOWN_CHARS].decode("latin-1")
    is_page = FROM_PAGE in text[:2_000]
    said = CODE_PAGE.search(text[:2_000])
    charset = f"cp{said[1]}" if said else "cp1252"

    def read(found: re.Match[str]) -> str:
        letters, number, ending, escaped = found.groups()
        if letters:
            return decoding.text(bytes.fromhex(letters.replace("\\'", "")), charset)
        if number:
            return chr(int(number) & 0xFFFF)
        return "\n" if ending else escaped if escaped in ("\\", "{", "}") else "\xa0" if escaped == "~" else ""

    plain = PIECE.sub(read, UNSEEN.sub("", NOT_OF_THE_PAGE.sub("", text) if is_page else text))
    whole = plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole, is_page, len(content) <= MAX_SHOWN_CHARS


def unpacked(content: bytes, budget: Budget) -> tuple[bytes, bool]:
    """A rich text that Outlook packed ([MS-OXRTFCP]), and whether it is all."""
    _, size, kind, _ = struct.unpack_from("<II4sI", content)
    if kind == b"MELA":
        return content[16 : 16 + size], len(content) >= 16 + size
    found = bytearray(PACKED_BEGIN)
    at = 16
    while kind == b"LZFu" and at < len(content) and len(found) < MAX_BYTES and not budget.spent:
        signs, at = content[at], at + 1
        for bit in range(8):
            if not signs >> bit & 1:
                found += content[at : at + 1]
                at += 1
                continue
            where = int.from_bytes(content[at : at + 2], "big")
            at += 2
            back = (len(found) - (where >> 4)) % WINDOW
            if not back:
                return bytes(found[len(PACKED_BEGIN) :]), True
            if at > len(content) or back > len(found):
                return bytes(found[len(PACKED_BEGIN) :]), False
            length = (where & 0xF) + 2
            piece = found[len(found) - back : len(found) - back + length]
            found += piece if len(piece) == length else (bytes(piece) * length)[:length]
    return bytes(found[len(PACKED_BEGIN) :]), False


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
