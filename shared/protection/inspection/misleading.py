"""Links that show one host and lead to another. What could be a host is said by the public suffix list."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from shared.protection.inspection.links import INVISIBLE, MAX_LINK_CHARS, Link, host_of
from shared.protection.inspection.rewriters import unwrapped

# Top levels of no country and no registry, by which people write examples and name machines (RFC 2606, RFC 6762,
# RFC 7686): a text with one is meant as a host.
RESERVED = frozenset({"example", "test", "invalid", "localhost", "local", "internal", "onion"})
# Top levels that are endings of files, too, and as those better known: with nothing but a name before it, it is a file.
ENDINGS_OF_FILES = frozenset(
    {"cab", "cc", "dot", "java", "map", "md", "mov", "one", "pm", "ps", "pub", "py", "rs", "sh", "zip"}
)
# Names of products that read like hosts.
PRODUCTS = frozenset(
    {
        "asp.net",
        "ado.net",
        "vb.net",
        "ml.net",
        "json.net",
        "paint.net",
        "ef.net",
        "socket.io",
        "draw.io",
        "makefile.in",
        "b.sc",
        "m.sc",
    }
)
# Short names that the owner of another has for the same.
SHORT_NAMES = {
    "a.co": "amazon.com",
    "aka.ms": "microsoft.com",
    "amzn.to": "amazon.com",
    "apple.co": "apple.com",
    "fb.com": "facebook.com",
    "fb.me": "facebook.com",
    "forms.gle": "google.com",
    "g.co": "google.com",
    "ig.me": "instagram.com",
    "instagr.am": "instagram.com",
    "lnkd.in": "linkedin.com",
    "maps.app.goo.gl": "google.com",
    "photos.app.goo.gl": "google.com",
    "redd.it": "reddit.com",
    "spoti.fi": "spotify.com",
    "twitter.com": "x.com",
    "wa.me": "whatsapp.com",
    "youtu.be": "youtube.com",
}
NAME = r"(?:[\w-]{1,63}\.){1,30}[^\W\d_][\w-]{0,61}[^\W_]"
# In a text: an address with a scheme, or a host that begins with www, wherever it stands.
ANYWHERE = re.compile(
    rf"(?:https?|ftp)\s*:\s*[/\\]+\s*([^\s<>\"'`/\\?#]{{1,{MAX_LINK_CHARS}}})|(?<![\w@.-])(www\d?\.{NAME})",
    re.IGNORECASE,
)
# A host that is the whole text, with a path or without.
ALONE = re.compile(rf"({NAME}|\d{{1,3}}(?:\.\d{{1,3}}){{3}})\.?(?::\d+)?([/?#]\S*)?", re.IGNORECASE)
# Spaces, marks and pictures; not those that make something else of what stands behind them.
AROUND = re.compile(r"(?:[^\w@#$%&/\\\u20a0-\u20bf]|_)*+")
# Drawn as a full stop, or read as one in a host (UTS 46).
DOTS = dict.fromkeys(map(ord, "\u2024\u3002\uff0e\uff61"), ".")
USER = re.compile(r"[^:]*:?[/\\]*([^/\\?#]*)@")


def misleading(links: Iterable[Link]) -> Iterator[tuple[Link, str, str]]:
    """The links that show another host than they lead to, or pretend to lead to another: each host behind them once.

    With each, the host that it leads to and the one that is shown.
    """
    found: set[str] = set()
    for link in links:
        claimed = _pretended(link.target) or _claimed(link.shown)
        if claimed is None:
            continue
        where = unwrapped(link.target)
        host = host_of(where.target) if where.target else None
        if host is not None and host not in found and not _akin(claimed, host):
            found.add(host)
            yield link, host, claimed


def _pretended(target: str) -> str | None:
    """The host that stands before an @: https://good.example@evil.example."""
    if "@" not in target:
        return None
    before = USER.match(target[:MAX_LINK_CHARS])
    user = unquote(before[1]).split(":")[0].translate(INVISIBLE) if before else ""
    return host_of(f"https://{user}") if re.fullmatch(NAME, user) and not target.lower().startswith("mailto:") else None


def _claimed(shown: str) -> str | None:
    """The host that the text of a link shows; None if it shows none."""
    text = shown if shown.isascii() else shown.translate(INVISIBLE | DOTS)
    if "." not in text:
        return None
    for found in ANYWHERE.finditer(text):
        host = host_of(f"https://{_bare(found[1] or found[2])}")
        if host is not None and _could_be(host):
            return host
    alone = ALONE.fullmatch(_bare(text))
    if alone is None:
        return None
    name, path = alone[1].lower(), alone[2]
    if not path and (name.rpartition(".")[2] in ENDINGS_OF_FILES or name in PRODUCTS):
        return None
    host = host_of(f"https://{name}")
    return host if host is not None and _could_be(host) else None


def _bare(text: str) -> str:
    """A text without what stands around it."""
    begin, end = AROUND.match(text), AROUND.match(text[::-1])
    return text[begin.end() : len(text) - end.end()] if begin and end else text


def _could_be(host: str) -> bool:
    if host.rpartition(".")[2] in RESERVED or re.fullmatch(r"[\d.]+|\[.*\]", host):
        return True
    return "." in host and suffixes().publicsuffix(host) is not None


def _akin(one: str, other: str) -> bool:
    """Whether two hosts belong to one owner: the same, one below the other, or below one registered name."""
    one, other = one.removeprefix("www."), other.removeprefix("www.")
    if one == other or other.endswith(f".{one}"):
        return True
    return _registered(one) == _registered(other)


def _registered(host: str) -> str:
    name = suffixes().privatesuffix(host, accept_unknown=True) or host
    return SHORT_NAMES.get(host) or SHORT_NAMES.get(name, name)


@lru_cache(maxsize=1)
def suffixes() -> Any:
    """The public suffixes, read once in a process."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_unknown=False)
