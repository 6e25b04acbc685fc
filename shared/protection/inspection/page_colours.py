"""Letters in the colour of what is behind them: nobody sees those.

Colours that a page's rules give to classes count as an element's own. Both views of a page are searched
(`pages.Page.views`), so that a mistake about what is seen hides nothing.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
NAMES: Mapping[str, Colour] = {
    "white": WHITE,
    "black": (0, 0, 0),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "azure": (240, 255, 255),
    "mintcream": (245, 255, 250),
    "ghostwhite": (248, 248, 255),
    "whitesmoke": (245, 245, 245),
    "floralwhite": (255, 250, 240),
    "lightyellow": (255, 255, 224),
    "lightcyan": (224, 255, 255),
    "aliceblue": (240, 248, 255),
    "honeydew": (240, 255, 240),
    "seashell": (255, 245, 238),
    "oldlace": (253, 245, 230),
    "linen": (250, 240, 230),
    "beige": (245, 245, 220),
    "gainsboro": (220, 220, 220),
    "lightgray": (211, 211, 211),
    "lightgrey": (211, 211, 211),
    "maroon": (128, 0, 0),
    "purple": (128, 0, 128),
    "teal": (0, 128, 128),
    "olive": (128, 128, 0),
    "lime": (0, 255, 0),
    "aqua": (0, 255, 255),
    "cyan": (0, 255, 255),
    "fuchsia": (255, 0, 255),
    "magenta": (255, 0, 255),
    "orange": (255, 165, 0),
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "navy": (0, 0, 128),
    "yellow": (255, 255, 0),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "silver": (192, 192, 192),
}
# Of each of a colour's three numbers, up to which no difference is seen.
SAME = 12
VALUE = r"\s*:\s*([^;!]{1,200})"
INK = re.compile(rf"(?<![-\w])color{VALUE}", re.IGNORECASE)
GROUND = re.compile(rf"(?<![-\w])background(?:-color)?{VALUE}", re.IGNORECASE)
# The last pair of eight digits, or the last of four, says how opaque a colour is.
HEXADECIMAL = re.compile(r"#?(?:([0-9a-f]{6})(?:[0-9a-f]{2})?|([0-9a-f]{3})[0-9a-f]?)", re.IGNORECASE)
NUMBERS = re.compile(r"rgba?\(\s*(\d{1,3})(%?)(?:\.\d+)?\s*[\s,]\s*(\d{1,3})%?\s*[\s,]\s*(\d{1,3})%?", re.IGNORECASE)
# Without saturation only the lightness counts.
GREY = re.compile(r"hsla?\(\s*[\d.]+(?:deg)?\s*[\s,]\s*0%?\s*[\s,]\s*(\d{1,3})%", re.IGNORECASE)
MOST_ABOVE = 100


def ink(given: Mapping[str, str | None], style: str) -> Colour | None:
    """The colour that an element gives to its letters; None if it gives none that is known."""
    own = _last(INK, style) if "color" in style else None
    return own or _colour(given.get("color") or "")


def ground(given: Mapping[str, str | None], style: str) -> Colour | None:
    """The colour that an element gives to what is behind its letters."""
    own = _last(GROUND, style) if "background" in style else None
    return own or _colour(given.get("bgcolor") or "")


def near(one: Colour, other: Colour) -> bool:
    """Whether nobody tells two colours apart."""
    return all(abs(first - second) <= SAME for first, second in zip(one, other, strict=True))


def behind(node: Any, style_of: Callable[[str, Mapping[str, str | None]], str]) -> Colour | None:
    """The colour behind an element's letters; None if that is a picture. `style_of`: of a tag with its attributes."""
    for _ in range(MOST_ABOVE):
        if node is None or node.tag.startswith("-"):
            break
        given: Mapping[str, str | None] = node.attributes
        style = style_of(node.tag, given)
        if given or style:
            if given.get("background") or "url(" in style or "gradient(" in style:
                return None
            if found := ground(given, style):
                return found
        node = node.parent
    return WHITE


@lru_cache(maxsize=2_000)
def _last(declaration: re.Pattern[str], style: str) -> Colour | None:
    return next((found for one in reversed(declaration.findall(style)) if (found := _colour(one))), None)


@lru_cache(maxsize=2_000)
def _colour(text: str) -> Colour | None:
    if (numbers := NUMBERS.search(text)) is not None:
        part = 2.55 if numbers[2] else 1
        return round(int(numbers[1]) * part), round(int(numbers[3]) * part), round(int(numbers[4]) * part)
    if (grey := GREY.search(text)) is not None:
        level = round(int(grey[1]) * 2.55)
        return level, level, level
    words = text.lower().split()
    for word in words:
        if word in NAMES:
            return NAMES[word]
        if (found := HEXADECIMAL.fullmatch(word)) is not None:
            digits = found[1] or "".join(2 * one for one in found[2])
            return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    return None
