"""What a page shows and where it leads, by the HTML standard: its parser is Lexbor, which builds the browsers' tree.

A click on a link opens its first `href`, by the page's first `<base>`; text in raw-text elements is text; what is in a
conditional comment is shown by one mail program, and so belongs to the page.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.protection.inspection import decoding, page_colours, programs
from shared.protection.inspection.links import MAX_LINK_CHARS, Link, absolute
from shared.protection.inspection.page_bounds import readable
from shared.protection.inspection.page_styles import (
    COLOURLESS,
    ENDING_WORDS,
    HIDDEN,
    NO_TEXT,
    SEEN,
    UNSEEN,
    by_style,
    ends_words,
    rules,
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
HOLDING_TEXT = frozenset({"input", "img", "iframe", "option", "optgroup"})
LEADING_OR_HOLDING = frozenset({"a", "area", *LEADING, *HOLDING_TEXT})
# HTML standard, shared declarative refresh steps: what stands before the address, all of it optional.
REFRESH = re.compile(
    r"\s*[\d.][\d.]*+(?=[\s;,])\s*[;,]?\s*(?:url\s*=\s*)?(?:\"([^\"]*)|'([^']*)|(.+))", re.IGNORECASE | re.DOTALL
)
CONDITION = re.compile(r"\s*\[if\b(?!\s*!\s*\(?\s*mso\s*\)?\s*\])[^\]]*\]>", re.IGNORECASE)
# Of pages in pages.
DEEPEST = 3
MAX_INNER = 300
MAX_TURNED = 20


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
    # Whether a program goes where cannot be read off it.
    computed: bool = False

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
        self.rules = rules(document)
        self.inner = self.turned = 0
        self.grounds = {page_colours.WHITE}
        self.inks: dict[tuple[str | None, ...], bool | None] = {}
        # How deep the anchor that is open stands, where it leads, and with which piece its text begins.
        self.anchor: tuple[int, str, int] | None = None

    def through(self, root: Any) -> None:
        """Read all below a node."""
        pieces, noted_tags = self.page.pieces, UNSEEN | self.rules.hidden | self.rules.coloured.keys()
        # Of each element that is open: the node, how much of it is seen, its tag, whether it ends words.
        open_ones: list[tuple[Any, int, str, bool]] = []
        above, seen, within, ends = root, SEEN, "", False
        node = root.first_child
        while node is not None:
            tag: str = node.tag
            if tag == "-text" and seen == SEEN:
                pieces.append(node.text_content or "")
            elif tag in ("-text", "-comment"):
                self._unseen(node, seen, within)
            else:
                given: Mapping[str, str | None] = node.attributes
                now, end = seen, tag in ENDING_WORDS
                if given or tag in noted_tags:
                    now, end = self._noted(node, tag, given, seen, len(open_ones) + 1)
                elif end:
                    pieces.append("\n")
                below = node.first_child
                if below is not None:
                    open_ones.append((above, seen, within, ends))
                    above, seen, within, ends, node = node, now, tag, end, below
                    continue
                if self.anchor is not None and self.anchor[0] == len(open_ones) + 1:
                    self._end_of_anchor()
            following = node.next
            while following is None:
                if not open_ones:
                    return
                node = above
                if ends:
                    self._line(seen)
                above, seen, within, ends = open_ones.pop()
                if self.anchor is not None and self.anchor[0] == len(open_ones) + 1:
                    self._end_of_anchor()
                following = node.next
            node = following

    def _noted(self, node: Any, tag: str, given: Mapping[str, str | None], seen: int, level: int) -> tuple[int, bool]:
        """Note an element with attributes, or one that is not shown; how much is seen, and whether it ends words."""
        style, end = given.get("style") or "", tag in ENDING_WORDS
        if seen < HIDDEN:
            if tag in UNSEEN or "hidden" in given or self.rules.hidden:
                seen = self._seen(tag, given, seen)
            elif style:
                seen = by_style(style[:MAX_LINK_CHARS], seen)
            whole = self.rules.style(tag, given)
            if seen <= COLOURLESS and (
                "color" in whole or "background" in whole or "color" in given or "bgcolor" in given
            ):
                seen = self._inked(node, given, whole, seen)
        if "display" in style or tag == "img":
            end = ends_words(tag, given, otherwise=end)
        if end:
            self._line(seen)
        if tag in LEADING_OR_HOLDING or self.file or "href" in given or "xlink:href" in given:
            self._element(node, tag, given, level)
        if "dir" in given or "bidi-override" in style:
            self._turned(node, tag, given)
        return seen, end

    def _inked(self, node: Any, given: Mapping[str, str | None], style: str, before: int) -> int:
        # Many elements of a page are alike.
        key = (style, given.get("color"), given.get("bgcolor"))
        if key not in self.inks:
            self.inks[key] = self._could_vanish(given, style)
        could = self.inks[key]
        if could is None:
            return before
        ink = page_colours.ink(given, style) if could else None
        ground = page_colours.behind(node, self.rules.style) if ink else None
        return COLOURLESS if ink and ground and page_colours.near(ink, ground) else SEEN

    def _could_vanish(self, given: Mapping[str, str | None], style: str) -> bool | None:
        """Whether letters have a colour that is somewhere behind others; None if they are given none."""
        ground = page_colours.ground(given, style)
        if ground and ground not in self.grounds:
            self.grounds.add(ground)
            self.inks.clear()
        ink = page_colours.ink(given, style)
        return None if ink is None else any(page_colours.near(ink, one) for one in self.grounds)

    def _line(self, seen: int) -> None:
        if seen == HIDDEN:
            self.page.hidden.add(len(self.page.pieces))  # what is not there ends no word
        self.page.pieces.append("\n")

    def _turned(self, node: Any, tag: str, given: Mapping[str, str | None]) -> None:
        """Text that is shown from right to left whatever its letters are: it is read as it is shown, too."""
        style = given.get("style") or ""
        turned = (tag == "bdo" and (given.get("dir") or "").lower() == "rtl") or (
            "bidi-override" in style and ("rtl" in style or (given.get("dir") or "").lower() == "rtl")
        )
        if turned and self.turned < MAX_TURNED:
            self.turned += 1
            self.page.beside.append((node.text(deep=True) or "")[::-1])

    def _unseen(self, node: Any, seen: int, within: str) -> None:
        if node.tag == "-comment":
            self._comment(node)
        elif within in ("title", "textarea"):
            self.page.beside.append(node.text_content or "")
        elif seen != NO_TEXT:
            self.page.hidden.add(len(self.page.pieces))
            self.page.pieces.append(node.text_content or "")
        elif self.file and within == "script":
            self._program(node.text_content or "")

    def _comment(self, node: Any) -> None:
        text = node.comment_content or ""
        condition = CONDITION.match(text)
        if condition:
            self._inner(text[condition.end() :], file=False)

    def _inner(self, text: str, *, file: bool) -> None:
        """Read a page in the page: what one mail program shows, or what a browser puts in."""
        self.inner += 1
        if self.inner > MAX_INNER or self.depth == DEEPEST:
            self.page.cut |= self.inner > MAX_INNER
            return
        inner = read(text, file=file, depth=self.depth + 1)
        self.page.links += inner.links
        self.page.beside += [*inner.views(), *inner.beside]
        self.page.cut |= inner.cut
        self.page.computed |= inner.computed

    def _element(self, node: Any, tag: str, given: Mapping[str, str | None], level: int) -> None:
        """Note where an element leads."""
        if tag in ("a", "area"):
            self._end_of_anchor()
            # With an empty address it leads to that of the page.
            target = given.get("href") or given.get("xlink:href") or self.base
            named = "href" in given or "xlink:href" in given
            self.anchor = (level, target, len(self.page.pieces)) if named else None
        elif tag in LEADING or "href" in given or "xlink:href" in given:
            self.page.links += [Link(target=one) for one in self._leading(tag, given)]
        if tag in HOLDING_TEXT:
            self._text_of(tag, given)
        for name, value in given.items() if self.file else ():
            if value and (name.startswith("on") or value.lstrip().lower().startswith("javascript:")):
                self._program(value)
        if self.file and tag == "template":
            self._inner((node.html or "").partition(">")[2], file=True)

    def _program(self, text: str) -> None:
        self.page.links += [Link(target=one) for one in programs.leads_to(text)]
        self.page.computed |= programs.computes(text)

    def _text_of(self, tag: str, given: Mapping[str, str | None]) -> None:
        if tag == "input" and (given.get("type") or "").lower() != "hidden":
            self.page.beside.append(given.get("value") or given.get("placeholder") or "")
        elif tag == "img":
            self.page.beside.append(given.get("alt") or "")
        elif tag in ("option", "optgroup"):
            self.page.beside.append(given.get("label") or "")
        elif (
            inner := given.get("srcdoc") or decoding.page_in_address(given.get("src") or "")
        ) and self.depth < DEEPEST:
            self.page.links += read(inner, file=self.file, depth=self.depth + 1).links

    def _seen(self, tag: str, given: Mapping[str, str | None], before: int) -> int:
        if tag in UNSEEN:
            return NO_TEXT
        if "hidden" in given:
            return HIDDEN
        if self.rules.hide(tag, given):
            return HIDDEN
        style = given.get("style")
        return before if not style else by_style(style[:MAX_LINK_CHARS], before)

    def _leading(self, tag: str, given: Mapping[str, str | None]) -> Iterator[str]:
        for name in LEADING.get(tag, OTHERS):
            if value := given.get(name):
                yield absolute(value[:MAX_LINK_CHARS], self.base)
        if tag == "meta" and (given.get("http-equiv") or "").strip().lower() == "refresh":
            found = REFRESH.match(given.get("content") or "")
            yield absolute(next((one for one in found.groups() if one), "").strip(), self.base) if found else ""

    def _end_of_anchor(self) -> None:
        """Note the anchor that is open, if one is, as it ends."""
        if self.anchor is None:
            return
        _, target, begin = self.anchor
        self.anchor = None
        if target:
            where = absolute(target[:MAX_LINK_CHARS], self.base) if self.base else target[:MAX_LINK_CHARS]
            for label in ("".join(self.page.pieces[begin:]), *self.page.without_hidden(begin)):
                self.page.links.append(Link(where, label[:MAX_LINK_CHARS]))
