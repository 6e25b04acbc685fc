"""Calendars and cards (RFC 5545, vCalendar 1.0): what they show, where they lead, and the files that they hold."""

import binascii
import re
from collections.abc import Iterator

from shared.protection.inspection import decoding

FOLDED = re.compile(r"\r?\n[ \t]")
ESCAPED = re.compile(r"\\([nN,;\\])")
# In the older form a line that ends with an equals sign goes on in the next.
QUOTED = re.compile(
    r"^([^:\r\n]{1,300};ENCODING=QUOTED-PRINTABLE[^:\r\n]{0,200}:)((?:[^\r\n]*=\r?\n)*+[^\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
# The properties that hold a page.
PAGE = re.compile(
    r"^(?:X-ALT-DESC[^:\r\n]*|[\w-]{1,60};(?:[^:\r\n]*;)?FMTTYPE=\"?text/html[^:\r\n]*):(.*)$",
    re.IGNORECASE | re.MULTILINE,
)
FILE = re.compile(r"^ATTACH;([^:\r\n]{0,500}ENCODING=B[^:\r\n]{0,500}):(.*)$", re.IGNORECASE | re.MULTILINE)
NAME = re.compile(r";(?:X-)?(?:FILE|APPLE-FILE)?NAME=\"?([^\";:]{1,255})", re.IGNORECASE)
# The properties that are shown as texts: what stands behind their colon begins with a word of its own.
SHOWN = re.compile(
    r"^((?:[\w-]{1,30}\.)?(?:COMMENT|CONTACT|DESCRIPTION|LOCATION|NOTE|SUMMARY|URL)(?:;(?:\"[^\"\r\n]*\"|[^\":\r\n])*+)?):",
    re.IGNORECASE | re.MULTILINE,
)
MAX_PAGES = 10
MAX_FILES = 20


def shown(text: str) -> tuple[str, list[str]]:
    """The text of a calendar as a program shows it, and the pages that stand in it."""
    plain = FOLDED.sub("", QUOTED.sub(_plain, text) if "=" in text else text)
    unescaped = ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], plain)
    return SHOWN.sub(r"\1: ", unescaped), PAGE.findall(unescaped)[:MAX_PAGES]


def files(text: str) -> Iterator[tuple[str, bytes]]:
    """The files in a calendar, with their names if they have one."""
    for number, found in enumerate(FILE.finditer(FOLDED.sub("", text))):
        if number == MAX_FILES:
            return
        name = NAME.search(f";{found[1]}")
        yield name[1] if name else "", decoding.content(found[2].encode("ascii", "ignore"), "base64")


def _plain(found: re.Match[str]) -> str:
    return found[1] + decoding.guessed(binascii.a2b_qp(found[2].encode("utf-8", "replace")))
