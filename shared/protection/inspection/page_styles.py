"""Which of a page's elements are seen, and which stand in lines of their own: by their styles and the page's rules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from shared.protection.inspection.links import MAX_LINK_CHARS

# Their text is not shown in the page: a program's words, or what older browsers would show in their place.
UNSEEN = frozenset(
    re.findall(
        r"\w+",
        """
        script style template noframes noembed iframe title textarea audio video canvas datalist meter progress rp
        """,
    )
)
# Others do not end a word: a name is not hidden by making a part of it bold.
ENDING_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        address article aside blockquote body br button caption center dd details dialog dir div dl dt fieldset
        figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hr html iframe img input legend li listing main
        menu nav ol optgroup option p plaintext pre rt section select summary table tbody td textarea tfoot th thead
        title tr ul xmp
        """,
    )
)
NOTHING = r"\s*:\s*0+(?:\.0*)?(?:px|pt|em|rem|%)?\s*(?:!|;|\Z)"
GONE = re.compile(
    rf"display\s*:\s*none|mso-hide\s*:\s*all|(?<![-\w])(?:opacity|(?:max-)?(?:height|width)){NOTHING}"
    r"|(?<![-\w])(?:left|right|top|bottom|text-indent|margin(?:-left|-right|-top)?)\s*:\s*-(?:\d{3}|\d{2}r?em)"
    r"|translate[xy]?\(\s*-(?:\d{3}|\d{2}r?em)|(?<![-\w])clip\s*:\s*rect\(\s*0"
    r"|(?<![-\w])opacity\s*:\s*0*\.0\d*|(?<![-\w])opacity\(\s*0*(?:\.0*)?%?\s*\)"
    r"|clip-path\s*:\s*(?:inset\(\s*(?:[5-9]\d|100)%|circle\(\s*0|polygon\([0px%\s,]+\))"
    r"|transform\s*:\s*scale\(\s*0(?:\.0*)?\s*[,)]",
    re.IGNORECASE,
)
# What is within may be shown again. A letter of one pixel is none.
FAINT = re.compile(
    rf"visibility\s*:\s*(?:hidden|collapse)|(?<![-\w])font-size{NOTHING}"
    r"|(?<![-\w])font-size\s*:\s*(?:(?:[01]?\.\d+|[01]\.?)p[xt]|0?\.[01]\d*r?em|1?\d(?:\.\d*)?%)"
    r"|(?<![-\w])font\s*:[^;]{0,40}?(?<![\w.])0(?:px|pt|em|%)?[\s/]"
    r"|(?<![-\w])color\s*:\s*(?:transparent|#(?:[0-9a-f]{3}0|[0-9a-f]{6}00)(?![0-9a-f])"
    r"|(?:rgb|hsl)a?\((?:(?:[^,)]*,){3}|[^/)]*/)\s*0*(?:\.0*)?%?\s*\))",
    re.IGNORECASE,
)
DISPLAY = re.compile(r"(?<![-\w])display\s*:\s*([a-z]+)", re.IGNORECASE)
TINY = ("0", "1")
SHOWN_AGAIN = re.compile(r"visibility\s*:\s*visible|(?<![-\w])font-size\s*:", re.IGNORECASE)
COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
ESCAPE = re.compile(r"\\([0-9a-f]{1,6})\s?", re.IGNORECASE)
# Of a selector its last: a class, an identifier, or the name of an element.
LAST_NAME = re.compile(r"((?:[.#]|(?<![\w.#-]))[\w-]++)\s*+(?=,|\Z)")
# Or an attribute, with its value or without.
LAST_ATTRIBUTE = re.compile(r"\[\s*([\w-]{1,60})\s*(?:=\s*[\"']?([^\"'\]]{0,100})[\"']?\s*)?\]\s*(?=,|\Z)")
COLOURS = re.compile(r"(?<![-\w])(?:color|background(?:-color)?)\s*:[^;]{1,200}", re.IGNORECASE)
MAX_COLOURS_CHARS = 1_000
# How much of an element's text is seen: all, none until something within has another colour or is shown again, none,
# and no text at all.
SEEN, COLOURLESS, FAINTLY, HIDDEN, NO_TEXT = range(5)


def ends_words(tag: str, given: Mapping[str, str | None], *, otherwise: bool) -> bool:
    """Whether an element stands in lines of its own, by its style; a picture of no size does not."""
    style = given.get("style")
    if style and "display" in style and (found := DISPLAY.search(style)):
        return not found[1].lower().startswith(("inline", "contents", "ruby"))
    return otherwise and not (tag == "img" and (given.get("width") in TINY or given.get("height") in TINY))


@lru_cache(maxsize=2_000)
def by_style(style: str, before: int) -> int:
    style = _plain_style(style)
    if GONE.search(style):
        return HIDDEN
    if FAINT.search(style):
        return FAINTLY
    return SEEN if before == FAINTLY and SHOWN_AGAIN.search(style) else before


def _plain_style(text: str) -> str:
    """A style without comments and escapes."""
    text = COMMENT.sub(" ", text) if "/*" in text else text
    return ESCAPE.sub(lambda found: chr(min(int(found[1], 16), 0x10FFFF)), text) if "\\" in text else text


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a page's own styles say, by the last name of a selector: "td", ".note", "#top", "[lang]", "[lang=en]"."""

    hidden: frozenset[str] = frozenset()
    coloured: Mapping[str, str] = field(default_factory=dict)
    """Declarations of colours, those of later rules behind those of earlier ones."""
    by_attribute: bool = False

    def hide(self, tag: str, given: Mapping[str, str | None]) -> bool:
        """Whether an element is hidden by a rule."""
        return bool(self.hidden) and not self.hidden.isdisjoint(self._names(tag, given))

    def style(self, tag: str, given: Mapping[str, str | None]) -> str:
        """An element's style, behind the colours that rules give it."""
        own = (given.get("style") or "")[:MAX_LINK_CHARS]
        if not self.coloured:
            return own
        return ";".join([*(self.coloured[name] for name in self._names(tag, given) if name in self.coloured), own])

    def _names(self, tag: str, given: Mapping[str, str | None]) -> list[str]:
        names = [tag, *(f".{name}" for name in (given.get("class") or "").split()), f"#{given.get('id')}"]
        if self.by_attribute:
            names += [one for name, value in given.items() for one in (f"[{name}]", f"[{name}={value}]")]
        return names


def rules(document: Any) -> Rules:
    """Read a page's own styles. A rule for the dark form of a page is none of these: most people see the other."""
    hidden, coloured = set[str](), dict[str, str]()
    for style in document.css("style")[:20]:
        dark = False
        for rule in _plain_style((style.text() or "")[:100_000]).split("}"):
            selectors, opened, declared = rule.rpartition("{")
            dark = bool(opened) and (dark or "prefers-color-scheme" in selectors)
            gone = GONE.search(declared[:MAX_LINK_CHARS]) or FAINT.search(declared[:MAX_LINK_CHARS])
            colours = "" if dark else ";".join(COLOURS.findall(declared[:MAX_LINK_CHARS]))
            if not gone and not colours:
                continue
            named = LAST_NAME.findall(selectors[-500:])
            given = LAST_ATTRIBUTE.findall(selectors[-500:])
            named += [f"[{name}={value}]" if value else f"[{name}]" for name, value in given]
            if gone:
                hidden.update(named)
            for name in named if colours else ():
                coloured[name] = f"{coloured.get(name, '')};{colours}"[-MAX_COLOURS_CHARS:]
    by_attribute = any(name.startswith("[") for name in (*hidden, *coloured))
    return Rules(hidden=frozenset(hidden), coloured=coloured, by_attribute=by_attribute)
