# ruff: noqa: RUF001 - letters that look alike are what this is about
"""Who pretends to be one of the tenant's people: a name that reads like theirs, with an address that is not theirs.

Letters that look alike are those of Unicode's confusables (UTS 39), and a few more that are drawn alike in mail
programs' fonts. How near a name is, beside its letters, is a list of rules: order, titles, initials, ü for ue.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from shared.protection.inspection.links import INVISIBLE, and_above, ascii_host

MAX_NAME_CHARS = 200
# Drawn like others, after case and accents are gone. I, l and 1 are one letter, as are O and 0.
LOOKALIKES: Mapping[str, str] = {
    seen: letter
    for letter, alike in {
        "a": "аɑα@4ᴀ",
        "b": "ьвβʙ",
        "c": "сϲᴄ",
        "d": "ԁđɗᴅ",
        "e": "еєεɛҽ3ᴇ",
        "f": "ƒſꜰ",
        "g": "ɡցğɢ",
        "h": "һհħнηʜ",
        "j": "јϳᴊ",
        "k": "кκĸᴋ",
        "l": "iı1|ӏιіןǀł!¡ɪʟ",
        "m": "мᴍ",
        "n": "пոɴη",
        "o": "0оοσօøөᴏ",
        "p": "рρᴘ",
        "q": "ԛգ",
        "r": "гʀ",
        "s": "ѕꜱ$5",
        "t": "тτŧᴛ",
        "u": "υսʋцᴜ",
        "v": "ѵνᴠ",
        "w": "ԝωшɯѡ",
        "x": "хχ",
        "y": "уүγʏ",
        "z": "ᴢȥ",
    }.items()
    for seen in alike
}
# Written with one letter or with two, as the keyboard allows.
DIGRAPHS = re.compile("([aou])e|(a)a")
SPELLED = str.maketrans({"æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "å": "a"})
# In a name: what stands in brackets is a remark, not a part of it.
REMARK = re.compile(r"[(\[<{][^()\[\]<>{}]{0,100}[)\]>}]")
# Behind them often stands who the person works for, or by what the message came.
PARTS = re.compile(r"[|/;:,•·—–]|\s[-@]\s|\b(?:via|from|at|on behalf of)\b", re.IGNORECASE)
# Written or not, and in many forms.
APOSTROPHES = re.compile("['\u2018\u2019\u02bc\u00b4`]")
# What looks like a space, and marks that are no part of a name.
BLANKS = dict.fromkeys([0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0, *map(ord, "\u00a9\u00ae\u2120\u2122")], " ")
# White letters on black, which Unicode does not compose.
INVERTED = {begin + at: chr(ord("a") + at) for begin in (0x1F150, 0x1F170) for at in range(26)}
ADDRESS = re.compile(r"[\w.+'-]{1,64}\s?(?:@|[(\[]at[)\]])\s?([\w.-]{1,253})", re.IGNORECASE)
REVERSED = "\u202e"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the tenant when a message is judged.

    `receiver` is the authserv-id of who takes the tenant's mail in, `domains` are the tenant's own, `people` says which
    addresses bear a name, `shortened` the same for a name with one initial, or in one word. Made by `known`, once for
    many messages.
    """

    receiver: str = ""
    domains: frozenset[str] = frozenset()
    people: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    shortened: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)


def known(*, receiver: str, domains: Iterable[str], people: Iterable[tuple[str, Sequence[str]]]) -> Known:
    """From a directory: `people` are the users' display names, each with all of the user's addresses."""
    by_name: dict[str, frozenset[str]] = {}
    shortened: dict[str, frozenset[str]] = {}
    for name, addresses in people:
        theirs = frozenset(address.casefold() for address in addresses)
        key = likeness(name)
        # One word is many people's name, and a department's; in scripts without spaces it is a whole name.
        if " " in key or any(ord(letter) >= 0x2E80 for letter in key):
            by_name[key] = by_name.get(key, frozenset()) | theirs
            for short in _short_forms([word for word in _bare_words(name) if len(word) > 1]):
                shortened[short] = shortened.get(short, frozenset()) | theirs
    hosts = frozenset(host for domain in domains if (host := ascii_host(domain)))
    return Known(receiver=receiver, domains=hosts, people=by_name, shortened=shortened)


def likeness(name: str) -> str:
    """What names that look the same have in common, in whatever order their words stand."""
    words = _bare_words(name)
    long = [word for word in words if len(word) > 1]
    # The initial of a middle name is there in some messages and not in others.
    return " ".join(sorted(long if len(long) > 1 else words))


def _bare_words(name: str) -> list[str]:
    """The words of a name in their order, without titles."""
    return [word for word in _words(name) if word not in TITLES]


def _words(name: str) -> list[str]:
    letters = unicodedata.normalize("NFKC", _visible(name))
    letters = APOSTROPHES.sub("", REMARK.sub(" ", letters)).casefold().translate(SPELLED)
    shown = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", letters)
        if unicodedata.category(letter) not in ("Mn", "Me", "Cf", "Cc")
    )
    shown = unicodedata.normalize("NFC", shown)  # Korean letters make syllables again
    alike = "".join(LOOKALIKES.get(letter) or (letter if letter.isascii() else _prototype(letter)) for letter in shown)
    return re.findall(r"[^\W_]+", DIGRAPHS.sub(r"\1\2", alike.replace("rn", "m").replace("vv", "w")))


def _visible(name: str) -> str:
    # What cannot be seen goes first: a flood of it would leave nothing else within the bound.
    return " ".join(name.translate(BLANKS | INVERTED).translate(INVISIBLE).split())[: 2 * MAX_NAME_CHARS]


# What is no part of a name, in the form of letters that look alike.
TITLES = frozenset(
    _words(
        """
        dr prof professor doctor mr mrs ms miss mx sir dame herr frau ing dipl mag phd md mba jr sr ii iii esq ceo cfo
        cto coo cio ciso president chairman director founder chief executive officer managing manager of the from via
        """
    )
)


@lru_cache(maxsize=5_000)
def _prototype(letter: str) -> str:
    """The Latin letter that another looks like; itself if there is none."""
    from confusable_homoglyphs.confusables import is_confusable

    found = is_confusable(letter, greedy=True, preferred_aliases=[])
    alike = [
        one["c"] for each in found or () for one in each["homoglyphs"] if one["c"].isascii() and one["c"].isalpha()
    ]
    latin = min(alike, key=len).casefold() if alike else letter
    return LOOKALIKES.get(latin, latin)


def _short_forms(words: Sequence[str]) -> Iterator[str]:
    """A name with one initial, or in one word; any of its words may be the first name, in either order of both."""
    if len(words) == 1:
        # In scripts without spaces, the family's name comes first, and is of one letter or two.
        yield from (words[0][at:] + words[0][:at] for at in (1, 2) if at < len(words[0]))
        return
    for at, word in enumerate(words):
        yield " ".join(sorted([*words[:at], word[0], *words[at + 1 :]]))
        yield "".join([*words[at:], *words[:at]])


def pretenders(people: Iterable[tuple[str, str]], tenant: Known) -> Iterator[tuple[str, str]]:
    """For display names with their addresses: each that reads like one of the tenant's people, as two sentences.

    The first says what is found, the second what was compared with what.
    """
    for name, address in people:
        host = ascii_host(address.rpartition("@")[2])
        if ours(host, tenant):
            continue
        where = f"at {host}" if host else "if there is one"
        how = _bears(name, address, tenant)
        if how:
            yield f"The name is that of a user of the directory, and the address, {where}, is not theirs.", how
        shown = ADDRESS.findall(unicodedata.normalize("NFKC", _visible(name)))
        if any(ours(ascii_host(domain), tenant) for domain in shown):
            yield (
                f"The name shows an address of the tenant, and the address, {where}, is another.",
                "the domain of the address in the name with the tenant's domains",
            )


def _bears(name: str, address: str, tenant: Known) -> str:
    """How a name is that of somebody whose address it is not; "" if it is not."""
    whole = likeness(name)
    words = _bare_words(name)
    apart = "".join(_words(_visible(name).replace(" ", "")))  # letters may stand apart
    forms = dict.fromkeys([whole, apart, "".join(words), " ".join(sorted(words))], "the whole name")
    if not name.isascii():
        forms.setdefault(likeness(name.replace("β", "ß")), "the whole name")
        # A capital may look like another letter than the small one of it.
        capitals = "".join(_prototype(one) if one.isupper() and not one.isascii() else one for one in name)
        forms.setdefault(likeness(capitals), "the whole name")
    if REVERSED in name:
        forms.setdefault(likeness(name[::-1]), "the name read from right to left, as it is shown")
    for part in PARTS.split(name[: 2 * MAX_NAME_CHARS])[:10]:
        forms.setdefault(likeness(part), "a part of the name")
    for form, how in forms.items():
        for listed, which in ((tenant.people, ""), (tenant.shortened, ", shortened,")):
            theirs = listed.get(form)
            if theirs is not None and address.casefold() not in theirs:
                return f"{how}{which} with the directory's names; order, titles, accents and likeness of letters apart"
    return ""


def ours(host: str | None, tenant: Known) -> bool:
    """Whether a host is one of the tenant's domains or below one."""
    return host is not None and not tenant.domains.isdisjoint(and_above(host))
