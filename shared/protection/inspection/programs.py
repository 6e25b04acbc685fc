"""Where the programs of a page lead that a browser opens: by the addresses that stand in them, or can be put together.

Nothing is run. What a program computes otherwise is not known, and `computes` says so.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote

from shared.protection.inspection.links import addresses

MAX_CHARS = 200_000
# A letter by its number, in a string.
BY_NUMBER = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|u\{([0-9a-f]{1,6})\})", re.IGNORECASE)
# Two strings with nothing but a plus between them.
JOINED = re.compile(r"""["'`]\s{0,20}\+\s{0,20}["'`]""")
ENCODED = re.compile(r"""\batob\s{0,5}\(\s{0,5}["'`]([A-Za-z0-9+/=\s]{8,100000})["'`]""")
NUMBERED = re.compile(
    r"fromCharCode\s{0,5}\(\s{0,5}((?:0x[0-9a-fA-F]{1,4}|\d{1,5})(?:\s{0,5},\s{0,5}(?:0x[0-9a-fA-F]{1,4}|\d{1,5})){0,5000})\s{0,5}\)"
)
DEEPEST = 3
# What takes a browser elsewhere or writes into the page, up to what it is given.
GOES = re.compile(
    r"""(?:\blocation(?:\.href)?\s{0,5}=(?![=>])|\blocation\.(?:assign|replace)\s{0,5}\(|\bopen\s{0,5}\("""
    r"""|\blocation\[["'](?:href|assign|replace)["']\]\s{0,5}[=(]|\[["']location["']\]\s{0,5}=(?![=>])"""
    r"""|\bnavigat(?:ion\.navigate|e)\s{0,5}\(|\bsetAttribute\s{0,5}\(\s{0,5}["'](?:href|src|action|srcdoc)["']\s{0,5},"""
    r"""|\binsertAdjacentHTML\s{0,5}\([^,;\n]{0,40},"""
    r"""|\bwrite(?:ln)?\s{0,5}\(|\.(?:href|src|action|innerHTML|outerHTML|srcdoc)\s{0,5}=(?![=>]))\s{0,5}([^;\n]{1,400})"""
)
PLAIN = re.compile(
    r"""\A(?:(?:window\.)?(?:atob|unescape|decodeURI(?:Component)?)\s{0,5}\(\s{0,5}){0,3}"""
    r"""(?:"[^"]*"|'[^']*'|`[^`$]*`|(?:String\.)?fromCharCode\([\d\s,xa-f]*\))\s{0,5}(?:[,)}]|\Z)""",
    re.IGNORECASE,
)
RUNS = re.compile(r"\beval\s{0,5}\(|\bnew\s{1,5}Function\b|\bFunction\s{0,5}\(")


def leads_to(text: str) -> Iterator[str]:
    """The addresses in a program, with letters by their numbers, in pieces, or encoded, as long as all are in it."""
    for form in _forms(text[:MAX_CHARS], DEEPEST):
        yield from addresses(form)


def computes(text: str) -> bool:
    """Whether a program goes to, writes or runs what cannot be read off it."""
    plain = _plain(text[:MAX_CHARS])
    return (
        len(text) > MAX_CHARS
        or RUNS.search(plain) is not None
        or any(not PLAIN.match(given) for given in GOES.findall(plain))
    )


def _plain(text: str) -> str:
    numbered = BY_NUMBER.sub(lambda found: chr(min(int(found[1] or found[2] or found[3], 16), 0x10FFFF)), text)
    return JOINED.sub("", numbered.replace("\\/", "/"))


def _forms(text: str, depth: int) -> Iterator[str]:
    """A program as it stands, as it is read, and what is encoded in it."""
    yield text
    plain = _plain(text)
    plain = unquote(plain) if "%" in plain else plain
    if plain != text:
        yield plain
    if depth == 0:
        return
    for encoded in ENCODED.findall(plain):
        try:
            yield from _forms(base64.b64decode(encoded).decode("utf-8", "replace"), depth - 1)
        except binascii.Error:
            continue
    for numbers in NUMBERED.findall(plain):
        letters = (min(int(one, 0), 0x10FFFF) for one in re.split(r"\s*,\s*", numbers))
        yield from _forms("".join(map(chr, letters)), depth - 1)
