"""What a page shows and where it leads, by the HTML standard: its parser is Lexbor, which builds the browsers' tree.

A click on a link opens its first `href`, by the page's first `<base>`; text in raw-text elements is text; what is in a
conditional comment is shown by one mail program, and so belongs to the page.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.protection.inspection.links import LONGEST, Link, absolute, addresses
from shared.protection.inspection.page_bounds import readable

# Their text is not shown in the page: a program's words, or what older browsers would show in their place.
UNSEEN = frozenset(
    {"script", "style", "template", "noframes", "noembed", "iframe", "title", "audio", "video", "canvas"}
)
# Others do not end a word: a name is not hidden by making a part of it bold.
ENDING_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        address article aside blockquote body br button caption center dd details dialog dir div dl dt fieldset
        figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hr html iframe img input legend li listing main
        menu nav ol optgroup option p plaintext pre section select summary table tbody td textarea tfoot th thead title
        tr ul xmp
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
    **dict.fromkeys(("meta", "link", "image", "use"), ()),
}
OTHERS = ("href", "xlink:href")
# HTML standard, shared declarative refresh steps: what stands before the address, all of it optional.
REFRESH = re.compile(r"\s*[\d.]*[\s;,]*(?:url\s*=\s*)?(?:\"([^\"]*)|'([^']*)|(.+))", re.IGNORECASE | re.DOTALL)
CONDITION = re.compile(r"\s*\[if\b(?!\s*!\s*mso\s*\])[^\]]*\]>", re.IGNORECASE)
NOTHING = r"\s*:\s*0+(?:\.0*)?(?:px|pt|em|rem|%)?\s*(?:!|;|\Z)"
GONE = re.compile(rf"display\s*:\s*none|(?<![-\w])(?:opacity|max-height){NOTHING}", re.IGNORECASE)
# What is within may be shown again.
FAINT = re.compile(rf"visibility\s*:\s*(?:hidden|collapse)|(?<![-\w])font-size{NOTHING}", re.IGNORECASE)
SHOWN_AGAIN = re.compile(r"visibility\s*:\s*visible|(?<![-\w])font-size\s*:", re.IGNORECASE)
RULE = re.compile(r"([^{}]{1,500})\{([^{}]{1,1000})\}")
LAST_NAME = re.compile(r"([.#][\w-]+)\s*(?=,|\Z)")
# Of pages in pages.
DEEPEST = 3
# How much of an element's text is seen: all, none until something within is shown again, none, and no text at all.
SEEN, FAINTLY, HIDDEN, NO_TEXT = range(4)


@dataclass(kw_only=True)
class Page:
    """What a page shows: `whole` also with what is hidden, `shown` without; its links; whether all of it was read."""

    whole: list[str] = field(default_factory=list, repr=False)
    shown: list[str] = field(default_factory=list, repr=False)
    links: list[Link] = field(default_factory=list, repr=False)
    cut: bool = False


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
        self.anchor: tuple[int, str, int, int] | None = None

    def through(self, root: Any) -> None:
        """Read all below a node."""
        seen = [SEEN]  # of each element that is open
        node = root.first_child
        while node is not None:
            tag: str = node.tag
            seen.append(seen[-1])
            if tag == "-text":
                self._text(node, seen[-1])
            elif tag == "-comment":
                self._comment(node)
            elif node.is_element_node:
                self._element(node, tag, seen)
            following = node.first_child
            while following is None:
                self._end(node.tag, len(seen))
                seen.pop()
                if not seen[1:] and node.next is None:
                    return
                following = node.next
                node = node.parent if following is None else node
            node = following

    def _text(self, node: Any, seen: int) -> None:
        if seen != NO_TEXT:
            text = node.text_content or ""
            self.page.whole.append(text)
            if seen == SEEN:
                self.page.shown.append(text)
        elif self.file and node.parent.tag == "script":
            self.page.links += [Link(target=one) for one in addresses(node.text_content or "")]

    def _comment(self, node: Any) -> None:
        text = node.comment_content or ""
        condition = CONDITION.match(text)
        if condition and self.depth < DEEPEST:
            inner = read(text[condition.end() :], depth=self.depth + 1)
            self.page.links += inner.links
            self.page.whole += ["\n", *inner.whole, "\n"]
            self.page.cut |= inner.cut

    def _element(self, node: Any, tag: str, seen: list[int]) -> None:
        given: Mapping[str, str | None] = node.attributes
        if tag in ENDING_WORDS:
            self.page.whole.append("\n")
            self.page.shown.append("\n")
        if seen[-1] < HIDDEN:
            seen[-1] = self._seen(tag, given, seen[-1])
        if tag == "input" and (given.get("type") or "").lower() != "hidden":
            self.page.whole.append(given.get("value") or "")
        elif tag == "img":
            self.page.whole.append(given.get("alt") or "")
        if tag in ("a", "area"):
            self._end_of_anchor()
            target = given.get("href") or given.get("xlink:href") or ""
            self.anchor = (len(seen), target, len(self.page.shown), len(self.page.whole))
            given = {name: value for name, value in given.items() if name not in OTHERS}
        self.page.links += [Link(target=one) for one in self._leading(tag, given)]
        if given.get("srcdoc") and self.depth < DEEPEST:
            self.page.links += read(given["srcdoc"] or "", file=self.file, depth=self.depth + 1).links

    def _seen(self, tag: str, given: Mapping[str, str | None], before: int) -> int:
        if tag in UNSEEN:
            if tag == "title":
                return HIDDEN
            return NO_TEXT
        style = given.get("style") or ""
        if "hidden" in given or (style and GONE.search(style)):
            return HIDDEN
        if self.hidden_names:
            names = [f".{name}" for name in (given.get("class") or "").split()] + [f"#{given.get('id')}"]
            if not self.hidden_names.isdisjoint(names):
                return HIDDEN
        if not style:
            return before
        return FAINTLY if FAINT.search(style) else SEEN if SHOWN_AGAIN.search(style) else before

    def _leading(self, tag: str, given: Mapping[str, str | None]) -> Iterator[str]:
        for name in LEADING.get(tag, OTHERS):
            if value := given.get(name):
                yield absolute(value[:LONGEST], self.base)
        if tag == "meta" and (given.get("http-equiv") or "").strip().lower() == "refresh":
            found = REFRESH.match(given.get("content") or "")
            yield absolute(next((one for one in found.groups() if one), "").strip(), self.base) if found else ""
        if self.file:
            for name, value in given.items():
                # A program in a page: onclick, javascript:
                if value and (name.startswith("on") or value.lstrip().lower().startswith("javascript:")):
                    yield from addresses(value)

    def _end(self, tag: str, level: int) -> None:
        if tag in ENDING_WORDS:
            self.page.whole.append("\n")
            self.page.shown.append("\n")
        if self.anchor is not None and self.anchor[0] == level:
            self._end_of_anchor()

    def _end_of_anchor(self) -> None:
        if self.anchor is None:
            return
        _, target, shown, whole = self.anchor
        self.anchor = None
        if target:
            where = absolute(target[:LONGEST], self.base)
            labels = dict.fromkeys(
                "".join(texts)[:LONGEST] for texts in (self.page.shown[shown:], self.page.whole[whole:])
            )
            self.page.links += [Link(target=where, shown=label) for label in labels]


def _hidden_names(document: Any) -> frozenset[str]:
    """The classes and identifiers that the page's own styles hide."""
    found: set[str] = set()
    for style in document.css("style")[:20]:
        for selectors, declared in RULE.findall((style.text() or "")[:100_000]):
            if GONE.search(declared) or FAINT.search(declared):
                found.update(LAST_NAME.findall(selectors))
    return frozenset(found)
