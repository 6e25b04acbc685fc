# ruff: noqa: RUF001 - letters that look alike are what this is about
"""Who pretends to be one of the tenant's people: a name that reads like theirs, with an address that is not theirs."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.protection.inspection.links import and_above, ascii_host

LONGEST = 200
# Letters that are drawn like others, after case and accents are gone. I, l and 1 are one letter, as are O and 0.
LOOKALIKES = str.maketrans(
    {
        seen: letter
        for letter, alike in {
            "a": "аɑα", "b": "ьвβ", "c": "сϲᴄ", "d": "ԁđɗ", "e": "еєεɛҽ", "f": "ƒſ", "g": "ɡցğ", "h": "һհħнη",
            "j": "јϳ", "k": "кκĸ", "l": "iı1|ӏιіןǀł!", "m": "мᴍ", "n": "пոɴη", "o": "0оοσօøө", "p": "рρ", "q": "ԛգ",
            "r": "гʀ", "s": "ѕꜱ", "t": "тτŧ", "u": "υսʋц", "v": "ѵνᴠ", "w": "ԝωшɯѡ", "x": "хχ", "y": "уүγʏ", "z": "ᴢȥ",
        }.items()
        for seen in alike
    }
)  # fmt: skip
# In a name: what stands in brackets is a remark, not a part of it.
REMARK = re.compile(r"[(\[<][^()\[\]<>]{0,100}[)\]>]")
ADDRESS = re.compile(r"[\w.+'-]{1,64}@([\w.-]{1,253})")


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the tenant when a message is judged.

    `receiver` is the authserv-id of who takes the tenant's mail in, `domains` are the tenant's own, `people` says which
    addresses bear a name. Made by `known`, once for many messages.
    """

    receiver: str = ""
    domains: frozenset[str] = frozenset()
    people: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)


def known(*, receiver: str, domains: Iterable[str], people: Iterable[tuple[str, Sequence[str]]]) -> Known:
    """From a directory: `people` are the users' display names, each with all of the user's addresses."""
    by_name: dict[str, frozenset[str]] = {}
    for name, addresses in people:
        key = likeness(name)
        # One word is many people's name, and a department's; in scripts without spaces it is a whole name.
        if " " in key or any(ord(letter) >= 0x2E80 for letter in key):
            by_name[key] = by_name.get(key, frozenset()) | {address.casefold() for address in addresses}
    hosts = frozenset(host for domain in domains if (host := ascii_host(domain)))
    return Known(receiver=receiver, domains=hosts, people=by_name)


def likeness(name: str) -> str:
    """What names that look the same have in common, in whatever order their words stand."""
    letters = unicodedata.normalize("NFKC", name[:LONGEST])
    letters = unicodedata.normalize("NFKD", REMARK.sub(" ", letters).casefold())
    # Accents and what cannot be seen.
    shown = "".join(letter for letter in letters if unicodedata.category(letter) not in ("Mn", "Me", "Cf", "Cc"))
    words = re.findall(r"[^\W_]+", shown.translate(LOOKALIKES).replace("rn", "m").replace("vv", "w"))
    return " ".join(sorted(words))


def pretenders(people: Iterable[tuple[str, str]], tenant: Known) -> Iterator[str]:
    """For display names with their addresses: a sentence about each that reads like one of the tenant's people."""
    for name, address in people:
        host = ascii_host(address.rpartition("@")[2])
        if ours(host, tenant):
            continue
        where = f"at {host}" if host else "if there is one"
        theirs = tenant.people.get(likeness(name))
        if theirs is not None and address.casefold() not in theirs:
            yield f"The name is that of a user of the directory, and the address, {where}, is not theirs."
        shown = ADDRESS.findall(unicodedata.normalize("NFKC", name[:LONGEST]))
        if any(ours(ascii_host(domain), tenant) for domain in shown):
            yield f"The name shows an address of the tenant, and the address, {where}, is another."


def ours(host: str | None, tenant: Known) -> bool:
    """Whether a host is one of the tenant's domains or below one."""
    return host is not None and not tenant.domains.isdisjoint(and_above(host))
