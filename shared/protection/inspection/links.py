"""Where links go, as a browser would read them: addresses are parsed by Ada, by the URL standard of the WHATWG."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urljoin

# What cannot be seen, and breaks a word or a name for a program only.
INVISIBLE = dict.fromkeys(
    [
        0xAD,
        0x34F,
        0x61C,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        0x180B,
        0x180C,
        0x180D,
        0x180E,
        0x3164,
        0xFEFF,
        0xFFA0,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        *range(0xFE00, 0xFE10),
        *range(0xFFF9, 0xFFFC),
        *range(0xE0000, 0xE0080),
        *range(0xE0100, 0xE01F0),
    ]
)
MAX_LINK_CHARS = 2_000
CONTROLS = "".join(map(chr, range(33)))
# What a click takes to another host: a share of files is one.
WEB = frozenset({"http:", "https:", "ftp:", "ws:", "wss:", "file:"})
INERT = frozenset({"mailto:", "tel:", "sms:", "cid:", "mid:", "data:", "javascript:", "about:"})
SCHEME = re.compile(r"[\s\0-\x1f]*[a-z][a-z0-9+.-]*:", re.IGNORECASE)
SLASHES = re.compile(r"[/\\]{2}")
# Programs of telephones that open what follows in a browser.
HANDED_ON = re.compile(r"(?:intent|googlechromes?|webcals?|feed):(?=//)", re.IGNORECASE)
# A search in a folder of another host.
SEARCHED = re.compile(r"(?<=location:)[/\\]{2}[^\s/\\&]{1,253}", re.IGNORECASE)
# A share that is reached through the web: \\host@SSL@443\share.
OVER_THE_WEB = re.compile(
    r"\A((?:file:)?[/\\]{2,5}[^\s/\\@]{1,253})(?:@(?:ssl|\d{1,5})){1,2}(?=[/\\]|\Z)", re.IGNORECASE
)
LIKE_A_HOST = re.compile(r"[^\s/\\?#@:]+\.[a-z][a-z0-9-]+\.?(?::\d*)?(?:[/\\?#]|\Z)", re.IGNORECASE)
NO_HOST = re.compile(r"[\s/\\?#@:<>\[\]^|%]")
# In scripts without spaces an address may stand between letters, and ends where they go on.
BESIDE = (
    "\u3000-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
END = "\\s<>\"'`\u2018-\u201f\u2039\u203a\u00ab\u00bb\u2026"
TRAILING = ".,;:!?)]}*_^"
SCHEMES = r"(?<![a-z0-9])(?:https?|ftp):[/\\]*"
ADDRESS = re.compile(rf"{SCHEMES}[^{END}{BESIDE}/\\][^{END}{BESIDE}]{{0,{MAX_LINK_CHARS}}}", re.IGNORECASE)
# A host may be in such letters itself.
ADDRESS_OF_ANY_SCRIPT = re.compile(rf"{SCHEMES}[\w.:@%\u3002\uff0e-]{{1,{MAX_LINK_CHARS}}}", re.IGNORECASE)
# A host in Latin letters, next to which another script goes on.
ADDRESS_BESIDE_A_SCRIPT = re.compile(rf"{SCHEMES}(?:[\w-]{{1,63}}\.){{1,30}}[a-z]{{2,63}}(?=[^\x00-\x7f])", re.I | re.A)
# In the host, before its path.
INSIDE_A_SENTENCE = re.compile(r"(?<=[\w.])[,;()!{}|*&=~$+](?![^/\\?#]*@)")
PATH = f"(?:[/:?#][^{END}{BESIDE}]{{0,{MAX_LINK_CHARS}}})?"
BARE = re.compile(
    r"(?<![A-Za-z0-9_@.\\/:=-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,30}[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
    rf"(?![A-Za-z0-9_@-]){PATH}"
)
BARE_OF_ANY_SCRIPT = re.compile(rf"(?<![\w@.\\/:=-])(?:[\w-]{{1,63}}\.){{1,30}}[^\W\d_]{{2,63}}(?![\w@-]){PATH}")


class Link(NamedTuple):
    """A link as written, and the text that people see of it; "" if it is not something to click on."""

    target: str
    shown: str = ""


def absolute(target: str, base: str) -> str:
    """A link as it opens from a page with this base address ("" if it names none)."""
    if not base or SCHEME.match(target) or SLASHES.match(target.strip(CONTROLS)):
        return target
    try:
        return urljoin(base, target)
    except ValueError:
        return base  # of the same host


@lru_cache(maxsize=5_000)
def host_of(target: str) -> str | None:
    """The host that a browser goes to, in ASCII; None for what does not lead to another host."""
    import can_ada

    # A mail program opens what looks like a host without a scheme, and a browser what has two slashes.
    text = target[:MAX_LINK_CHARS].translate(INVISIBLE).strip(CONTROLS)
    text = OVER_THE_WEB.sub(r"\1", HANDED_ON.sub("https:", text, count=1))
    text = f"https:{text}" if SLASHES.match(text) else f"https://{text}" if LIKE_A_HOST.match(text) else text
    try:
        found = can_ada.parse(text)
    except ValueError:
        return None
    if found.protocol in WEB:
        return _named(found.hostname)
    # Some schemes hand an address on: microsoft-edge:https://…
    inner = (ADDRESS.search(text) or SEARCHED.search(text)) if found.protocol not in INERT else None
    return host_of(inner[0]) if inner and inner.start() else None


@lru_cache(maxsize=5_000)
def ascii_host(name: str) -> str | None:
    """A host's name as DNS knows it, or an IPv4 address in its usual form; None if it can be neither."""
    import can_ada

    text = name[:MAX_LINK_CHARS].translate(INVISIBLE).strip().strip(".\u3002")
    if not text or NO_HOST.search(text):
        return None
    try:
        return _named(can_ada.parse(f"https://{text}/").hostname)
    except ValueError:
        return None


def _named(host: str) -> str | None:
    host = host.strip(".")
    return host if 0 < len(host) <= 253 and all(0 < len(label) <= 63 for label in host.split(".")) else None


def addresses(text: str) -> Iterator[str]:
    """The addresses with a scheme that a text shows. Where one ends can be seen in two ways: then both are given."""
    for token in text.split():
        if ":" in token:
            yield from _addresses(token)


def _addresses(token: str) -> Iterator[str]:
    for found in ADDRESS.finditer(token):
        whole = found[0].rstrip(TRAILING)
        yield whole
        if (end := INSIDE_A_SENTENCE.search(whole, 8)) is not None:
            yield whole[: end.start()]
    if not token.isascii():
        yield from (found[0] for found in ADDRESS_OF_ANY_SCRIPT.finditer(token) if not found[0].isascii())
        yield from (found[0] for found in ADDRESS_BESIDE_A_SCRIPT.finditer(token))


def written(text: str) -> Iterator[str]:
    """The addresses, and the hosts that mail programs make into links, that a text shows."""
    # Most lines of a page hold none.
    lines = [one for one in text.split("\n") if ":" in one or "." in one or "\u3002" in one]
    for token in " ".join(lines).split():
        bare = token
        if ":" in token:
            yield from _addresses(token)
            bare = ADDRESS.sub(" ", token)
        if "." in bare or "\u3002" in bare:
            yield from (host[0].rstrip(TRAILING) for host in BARE.finditer(bare))
            if not bare.isascii():
                yield from (host[0].rstrip(TRAILING) for host in BARE_OF_ANY_SCRIPT.finditer(bare))


def and_above(host: str) -> Iterable[str]:
    """A host and every domain that it is below."""
    labels = host.split(".")
    return (".".join(labels[at:]) for at in range(len(labels)))
