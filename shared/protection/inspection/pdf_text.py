"""The text of a PDF's page, as far as it takes to find addresses in it (ISO 32000-1, 9.4 and 9.10).

A font may write its letters as numbers of its own; the table by which a reader copies text tells the letters.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_TABLE_BYTES = 500_000
MAX_LETTERS = 70_000
# Strings in letters, strings in hexadecimal digits, and the font of what follows; moves of the pen, and gaps as wide as
# a space. What is escaped elsewhere begins no string, or a hostile page takes for ever.
PIECE = re.compile(
    rb"\(((?:[^()\\]|\\.)*+)\)|<([0-9A-Fa-f\s]*+)>|/([^\s/<>\[\](){}%]{1,127})\s+-?[\d.]+\s+Tf\b"
    rb"|\bT[dDm*](?![\w(])|-[2-9]\d\d|-\d{4,}|\\.",
    re.DOTALL,
)
ESCAPED = re.compile(rb"\\(?:(\r?\n)|([0-7]{1,3})|([nrtbf])|(.))", re.DOTALL)
CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
# A table of letters (Adobe Technical Note 5014): single numbers, and ranges of them.
SINGLES = re.compile(rb"beginbfchar(.*?)endbfchar", re.DOTALL)
SINGLE = re.compile(rb"<([0-9A-Fa-f]{1,8})>\s*<([0-9A-Fa-f]{4,40})>")
RANGES = re.compile(rb"beginbfrange(.*?)endbfrange", re.DOTALL)
RANGE = re.compile(rb"<([0-9A-Fa-f]{1,8})>\s*<([0-9A-Fa-f]{1,8})>\s*(?:<([0-9A-Fa-f]{4,40})>|\[([^\]]*)\])")
LETTER = re.compile(rb"<([0-9A-Fa-f]{4,40})>")


@dataclass(frozen=True, kw_only=True)
class Font:
    """How a font's strings are read."""

    bytes_each: int
    letters: Mapping[int, str] | None
    """Each number's letters; None if the font tells none, and the numbers are those of letters, or unknown."""

    @property
    def known(self) -> bool:
        """Whether its strings can be read at all."""
        return self.letters is not None or self.bytes_each == 1


PLAIN = Font(bytes_each=1, letters=None)
# A number that no font has, and what ends the last run.
GAP = "\uffff"
END = (b"", b"", b"end")


def text(content: bytes, fonts: Mapping[str, Font]) -> tuple[str, bool]:
    """The text that a page's content shows, and whether all of it could be read."""
    shown: list[str] = []
    font, whole = PLAIN, True
    run: list[bytes] = []
    for letters, digits, name in [*PIECE.findall(content), END]:
        if name:
            if font.known:
                shown.append(_shown(font, run))
            elif any(run):
                whole = False
            font, run = fonts.get(name.decode("latin-1"), PLAIN), []
        elif digits:
            run.append(_from_digits(digits))
        else:
            run.append(ESCAPED.sub(_byte, letters) if b"\\" in letters else letters)
    return "".join(shown), whole


def _shown(font: Font, run: Sequence[bytes]) -> str:
    """What strings of one font show, where an empty one is a gap. Few calls: each is counted while a PDF is read."""
    if font.letters is None:
        return b"".join([one or b" " for one in run]).decode("cp1252", "replace")
    if font.bytes_each == 1:
        return "".join([one.decode("latin-1") or GAP for one in run]).translate(font.letters)
    # An odd byte at the end of a string is no number.
    numbers = b"".join([one[: len(one) & ~1] or b"\xff\xff" for one in run])
    return numbers.decode("utf-16-be", "replace").translate(font.letters)


def table(content: bytes) -> dict[int, str]:
    """Each number's letters, from a font's own table, and the gap's. What a table leaves out is shown as it is."""
    found = {ord(GAP): " "}
    content = content[:MAX_TABLE_BYTES]
    for block in SINGLES.findall(content):
        found.update({int(number, 16): _letters(letters) for number, letters in SINGLE.findall(block)})
    for block in RANGES.findall(content):
        for first, last, begin, each in RANGE.findall(block):
            numbers = range(int(first, 16), min(int(last, 16), int(first, 16) + 0xFFFF) + 1)
            if len(found) > MAX_LETTERS:
                return found
            if begin:
                head, code = _letters(begin[:-4]), int(begin[-4:], 16)
                found.update({one: head + chr((code + one - numbers.start) & 0xFFFF) for one in numbers})
            else:
                found.update(zip(numbers, map(_letters, LETTER.findall(each)), strict=False))
    return found


def _letters(digits: bytes) -> str:
    return bytes.fromhex(digits.decode() + "0" * (-len(digits) % 4)).decode("utf-16-be", "replace")


def _from_digits(digits: bytes) -> bytes:
    try:
        return bytes.fromhex(digits.decode())
    except ValueError:
        bare = b"".join(digits.split())  # a space within a byte, or half a byte at the end
        return bytes.fromhex((bare + b"0" * (len(bare) % 2)).decode())


def _byte(found: re.Match[bytes]) -> bytes:
    _, number, control, other = found.groups()
    if number:
        return bytes([int(number, 8) & 0xFF])
    return CONTROLS[control] if control else other or b""
