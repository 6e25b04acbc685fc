"""Where links go, as a browser would read them, and whether what they show is another place."""

import re
import socket
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

# What cannot be seen, and breaks a word or a name for a program only.
INVISIBLE = dict.fromkeys([0xAD, 0x34F, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F),
                           *range(0x2060, 0x2070), 0xFEFF])  # fmt: skip
LONGEST = 2_000
WEB = frozenset({"http", "https", "ftp", "ws", "wss"})
HOST = r"(?<![\w@.\\/-])(?:[\w-]{1,63}\.)+[^\W\d_]{2,63}(?![\w@-])"
# In a text: an address as written, or a host that mail programs make into a link.
WRITTEN = re.compile(rf"\b(?:https?|ftp):[/\\]*[^\s<>\"'`]{{1,{LONGEST}}}|{HOST}", re.IGNORECASE)
SHOWN = re.compile(rf"(?:https?|ftp):[/\\]+[^\s<>\"'`]{{1,{LONGEST}}}|^\s*{HOST}(?=[/:?#]\S*\s*$|\s*$)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link as written, and the text that people see of it; "" if it is not something to click on."""

    target: str
    shown: str = ""


def host_of(target: str) -> str | None:
    """The host that a browser goes to, in ASCII; None for what does not lead to another host."""
    # A browser does not mind backslashes, missing or too many slashes, nor line breaks within.
    text = re.sub(r"[\t\r\n]", "", target[:LONGEST]).strip("".join(map(chr, range(33))))
    scheme, colon, rest = text.partition(":")
    if scheme.lower() in WEB and colon:
        return ascii_host(_authority(rest.lstrip("/\\")))
    if colon and re.fullmatch(r"[a-z][a-z0-9+-]*", scheme, re.IGNORECASE):
        return None  # mailto and the like
    if re.match(r"[/\\]{2}", text):
        return ascii_host(_authority(text.lstrip("/\\")))
    # Without scheme and slashes it is a path, unless it looks like a host.
    host = ascii_host(_authority(text))
    return host if host and re.search(r"\.[a-z][a-z0-9-]+$", host) else None


def _authority(text: str) -> str:
    whole = re.split(r"[/\\?#]", text, maxsplit=1)[0]
    return re.sub(r":\d*$", "", unquote(whole.rpartition("@")[2]))


def ascii_host(name: str) -> str | None:
    """A host's name as DNS knows it, or an IPv4 address in its usual form; None if it can be neither."""
    text = unicodedata.normalize("NFKC", name[:LONGEST].translate(INVISIBLE)).lower().replace("\u3002", ".").strip(".")
    if not text or len(text) > 253:
        return None
    labels = [_ascii(label) for label in text.split(".")]
    host = ".".join(labels)
    if re.fullmatch(r"0x[0-9a-f]*|\d+", labels[-1]):
        try:
            return socket.inet_ntoa(socket.inet_aton(host))
        except OSError:
            return None
    return host if re.fullmatch(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]+\]", host) else None


def _ascii(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode", "replace").decode("ascii", "replace")


def written(text: str) -> list[str]:
    """The addresses and hosts that a text shows."""
    return WRITTEN.findall(text)


def named(links: Iterable[Link], domains: Iterable[str]) -> list[str]:
    """The hosts, of those that links go to, that are one of some domains or below one."""
    listed = set(domains)
    hosts = dict.fromkeys(host for link in links if (host := host_of(link.target)))
    return [host for host in hosts if not listed.isdisjoint(and_above(host))]


def misleading(links: Iterable[Link]) -> list[str]:
    """The hosts behind links that show another one, or that pretend to lead to another."""
    found = dict.fromkeys(host for link in links if (host := host_of(link.target)) and _misleads(link, host))
    return list(found)


def _misleads(link: Link, host: str) -> bool:
    before = re.match(r"[^:]*:?[/\\]*([^/\\?#]*)@", link.target[:LONGEST])
    user = unquote(before[1]).split(":")[0] if before else ""
    if re.fullmatch(HOST, user.translate(INVISIBLE)):
        return True  # https://good.example@evil.example
    shown = SHOWN.search(link.shown.translate(INVISIBLE))
    claimed = host_of(shown[0]) if shown else None
    return claimed is not None and not _akin(claimed.removeprefix("www."), host.removeprefix("www."))


def _akin(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def and_above(host: str) -> Iterable[str]:
    """A host and every domain that it is below."""
    labels = host.split(".")
    return (".".join(labels[at:]) for at in range(len(labels)))
