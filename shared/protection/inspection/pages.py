"""What a page shows and where it leads, by the HTML standard: its parser is Lexbor, which builds the browsers' tree.

A click on a link opens its first `href`, by the page's first `<base>`; text in raw-text elements is text; what is in a
conditional comment is shown by one mail program, and so belongs to the page.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from shared.protection.inspection.links import LONGEST, Link, absolute, addresses
from shared.protection.inspection.page_bounds import readable

# Their text is not shown in the page: a program's words, or what older browsers would show in their place.
UNSEEN = frozenset(
    {"script", "style", "template", "noframes", "noembed", "iframe", "title", "textarea", "audio", "video", "canvas"}
)
# Others do not end a word: a name is not hidden by making a part of it bold.
ENDING_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        address article aside blockquote body br button caption center dd details dialog dir div dl dt fieldset
        figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hr html iframe img input legend li listing main
        menu nav ol optgroup option p plaintext pre rp rt section select summary table tbody td textarea tfoot th thead
        title tr ul xmp
        """,
    )
)
# Attributes that hold an address which opens by a click, or by itself.
LEADING: Mapping[str, tuple[str, ...]] = {
    "form": ("action",),
    **dict.fromkeys(("button", "input"), ("formaction",)),
    **dict.fromkeys(("iframe", "frame", "embed", "script"), ("src",)),
    "object": ("data",),
    **dict.fromkeys(("animate", "set"), ("to", "values")),
    **dict.fromkeys(("base", "meta", "link", "image", "use"), ()),
}
OTHERS = ("href", "xlink:href")
# Elements of which an attribute is shown.
HOLDING_TEXT = frozenset({"input", "img", "iframe"})
# HTML standard, shared declarative refresh steps: what stands before the address, all of it optional.
REFRESH = re.compile(
    r"\s*[\d.][\d.]*+(?=[\s;,])\s*[;,]?\s*(?:url\s*=\s*)?(?:\"([^\"]*)|'([^']*)|(.+))", re.IGNORECASE | re.DOTALL
)
CONDITION = re.compile(r"\s*\[if\b(?!\s*!\s*\(?\s*mso\s*\)?\s*\])[^\]]*\]>", re.IGNORECASE)
NOTHING = r"\s*:\s*0+(?:\.0*)?(?:px|pt|em|rem|%)?\s*(?:!|;|\Z)"
GONE = re.compile(
    rf"display\s*:\s*none|mso-hide\s*:\s*all|(?<![-\w])(?:opacity|(?:max-)?(?:height|width)){NOTHING}"
    r"|(?<![-\w])(?:left|right|top|text-indent)\s*:\s*-\d{3}|(?<![-\w])clip\s*:\s*rect\(\s*0",
    re.IGNORECASE,
)
# What is within may be shown again. A letter of one pixel is none.
FAINT = re.compile(
    rf"visibility\s*:\s*(?:hidden|collapse)|(?<![-\w])font-size{NOTHING}|(?<![-\w])font-size\s*:\s*[01](?:\.\d*)?p[xt]"
    r"|(?<![-\w])font\s*:[^;]{0,40}?(?<![\w.])0(?:px|pt|em|%)?[\s/]|(?<![-\w])color\s*:\s*transparent",
    re.IGNORECASE,
)
SHOWN_AGAIN = re.compile(r"visibility\s*:\s*visible|(?<![-\w])font-size\s*:", re.IGNORECASE)
COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
ESCAPE = re.compile(r"\\([0-9a-f]{1,6})\s?", re.IGNORECASE)
# Of a selector its last: a class, an identifier, or the name of an element.
LAST_NAME = re.compile(r"((?:[.#]|(?<![\w.#-]))[\w-]++)\s*+(?=,|\Z)")
# Of pages in pages.
DEEPEST = 3
MOST_CONDITIONS = 300
# How much of an element's text is seen: all, none until something within is shown again, none, and no text at all.
SEEN, FAINTLY, HIDDEN, NO_TEXT = range(4)


@dataclass(kw_only=True)
class Page:
    """What a page shows, piece by piece, and which are hidden; texts beside it; its links; whether it was cut."""

    pieces: list[str] = field(default_factory=list, repr=False)
    hidden: set[int] = field(default_factory=set, repr=False)
    # What is shown elsewhere, where no address becomes a link: its title, names of pictures and buttons, what is in
    # fields, what is for one mail program only.
    beside: list[str] = field(default_factory=list, repr=False)
    links: list[Link] = field(default_factory=list, repr=False)
    cut: bool = False

    def views(self) -> list[str]:
        """The text with what is hidden and, if that is another, without."""
        return ["".join(self.pieces), *self.without_hidden(0)]

    def without_hidden(self, begin: int) -> list[str]:
        """The text from a piece on without what is hidden in it; nothing if nothing is."""
        if not self.hidden or self.hidden.isdisjoint(range(begin, len(self.pieces))):
            return []
        return ["".join(self.pieces[at] for at in range(begin, len(self.pieces)) if at not in self.hidden)]


def read(text: str, *, file: bool = False, depth: int = 0) -> Page:
    """Read a page. In a file, which a browser opens, programs run: the addresses that they hold may open."""
    from selectolax.lexbor import LexborHTMLParser

    text = text.replace("\0", "") if file else text
    part = readable(text)
    document: Any = LexborHTMLParser(part)
    page = Page(cut=len(part) < len(text))
    if document.root is not None:
        _Walk(page, document, file=file, depth=depth).through(document.root.parent)
    return page


class _Walk:
    """One way through the tree in the order of the page, without recursion: a writer decides how deep it is."""

    def __init__(self, page: Page, document: Any, *, file: bool, depth: int) -> None:
        self.page, self.file, self.depth = page, file, depth
        base = document.css_first("base[href]")
        self.base: str = (base.attributes["href"] or "") if base is not None else ""
        self.hidden_names = _hidden_names(document)
        self.conditions = 0
        # How deep the anchor that is open stands, where it leads, and with which piece its text begins.
        self.anchor: tuple[int, str, int] | None = None

    def through(self, root: Any) -> None:
        """Read all below a node."""
        pieces, noted_tags = self.page.pieces, UNSEEN | self.hidden_names
        seen, tags = [SEEN], [""]  # of the elements that are open
        node = root.first_child
        while node is not None:
            tag: str = node.tag
            if tag == "-text":
                if seen[-1] == SEEN:
                    pieces.append(node.text_content or "")
                else:
                    self._unseen(node, seen[-1], tags[-1])
            elif tag == "-comment":
                self._comment(node)
            else:
                if tag in ENDING_WORDS:
                    pieces.append("\n")
                given: Mapping[str, str | None] = node.attributes
                noted = given or tag in noted_tags
                now = self._element(tag, given, seen[-1], len(tags)) if noted else seen[-1]
                below = node.first_child
                if below is not None:
                    seen.append(now)
                    tags.append(tag)
                    node = below
                    continue
                self._end_of_anchor(len(tags))
            following = node.next
            while following is None:
                if len(tags) == 1:
                    return
                node = node.parent
                seen.pop()
                if tags.pop() in ENDING_WORDS:
                    pieces.append("\n")
                self._end_of_anchor(len(tags))
                following = node.next
            node = following

    def _unseen(self, node: Any, seen: int, within: str) -> None:
        if within in ("title", "textarea"):
            self.page.beside.append(node.text_content or "")
        elif seen != NO_TEXT:
            self.page.hidden.add(len(self.page.pieces))
            self.page.pieces.append(node.text_content or "")
        elif self.file and within == "script":
            self.page.links += [Link(target=one) for one in addresses(node.text_content or "")]

    def _comment(self, node: Any) -> None:
        text = node.comment_content or ""
        condition = CONDITION.match(text)
        if condition and self.depth < DEEPEST:
            self.conditions += 1
            if self.conditions > MOST_CONDITIONS:
                self.page.cut = True
                return
            inner = read(text[condition.end() :], depth=self.depth + 1)
            self.page.links += inner.links
            self.page.beside += [*inner.views(), *inner.beside]
            self.page.cut |= inner.cut

    def _element(self, tag: str, given: Mapping[str, str | None], seen: int, level: int) -> int:
        """Note where an element leads; how much of its text is seen."""
        if seen < HIDDEN and ("style" in given or tag in UNSEEN or "hidden" in given or self.hidden_names):
            seen = self._seen(tag, given, seen)
        if tag in ("a", "area"):
            self._end_of_anchor(0)
            # With an empty address it leads to that of the page.
            target = given.get("href") or given.get("xlink:href") or self.base
            named = "href" in given or "xlink:href" in given
            self.anchor = (level, target, len(self.page.pieces)) if named else None
        elif tag in LEADING or "href" in given or "xlink:href" in given:
            self.page.links += [Link(target=one) for one in self._leading(tag, given)]
        if tag in HOLDING_TEXT:
            self._text_of(tag, given)
        if self.file:
            self.page.links += [Link(target=one) for one in _programs(given)]
        return seen

    def _text_of(self, tag: str, given: Mapping[str, str | None]) -> None:
        if tag == "input" and (given.get("type") or "").lower() != "hidden":
            self.page.beside.append(given.get("value") or given.get("placeholder") or "")
        elif tag == "img":
            self.page.beside.append(given.get("alt") or "")
        elif (inner := given.get("srcdoc")) and self.depth < DEEPEST:
            self.page.links += read(inner, file=self.file, depth=self.depth + 1).links

    def _seen(self, tag: str, given: Mapping[str, str | None], before: int) -> int:
        if tag in UNSEEN:
            return NO_TEXT
        if "hidden" in given:
            return HIDDEN
        if self.hidden_names:
            names = [tag, f"#{given.get('id')}", *(f".{name}" for name in (given.get("class") or "").split())]
            if not self.hidden_names.isdisjoint(names):
                return HIDDEN
        style = given.get("style")
        return before if not style else _by_style(style[:LONGEST], before)

    def _leading(self, tag: str, given: Mapping[str, str | None]) -> Iterator[str]:
        for name in LEADING.get(tag, OTHERS):
            if value := given.get(name):
                yield absolute(value[:LONGEST], self.base)
        if tag == "meta" and (given.get("http-equiv") or "").strip().lower() == "refresh":
            found = REFRESH.match(given.get("content") or "")
            yield absolute(next((one for one in found.groups() if one), "").strip(), self.base) if found else ""

    def _end_of_anchor(self, level: int) -> None:
        """Note the anchor that is open if it ends here; 0 is wherever it stands."""
        if self.anchor is None or level not in (0, self.anchor[0]):
            return
        _, target, begin = self.anchor
        self.anchor = None
        if target:
            where = absolute(target[:LONGEST], self.base) if self.base else target[:LONGEST]
            labels = ["".join(self.page.pieces[begin:]), *self.page.without_hidden(begin)]
            self.page.links += [Link(where, label[:LONGEST]) for label in labels]


def _programs(given: Mapping[str, str | None]) -> Iterator[str]:
    """The addresses in an element's programs: onclick, javascript: and the like."""
    for name, value in given.items():
        if value and (name.startswith("on") or value.lstrip().lower().startswith("javascript:")):
            yield from addresses(value)


@lru_cache(maxsize=2_000)
def _by_style(style: str, before: int) -> int:
    style = _plain_style(style)
    if GONE.search(style):
        return HIDDEN
    if FAINT.search(style):
        return FAINTLY
    return SEEN if SHOWN_AGAIN.search(style) else before


def _plain_style(text: str) -> str:
    """A style without comments and escapes."""
    text = COMMENT.sub(" ", text) if "/*" in text else text
    return ESCAPE.sub(lambda found: chr(min(int(found[1], 16), 0x10FFFF)), text) if "\\" in text else text


def _hidden_names(document: Any) -> frozenset[str]:
    """The classes, identifiers and elements that the page's own styles hide."""
    found: set[str] = set()
    for style in document.css("style")[:20]:
        for rule in _plain_style((style.text() or "")[:100_000]).split("}"):
            selectors, _, declared = rule.rpartition("{")
            if GONE.search(declared[:LONGEST]) or FAINT.search(declared[:LONGEST]):
                found.update(LAST_NAME.findall(selectors[-500:]))
    return frozenset(found)
