"""How much of a page its parser may be given.

The parser follows the HTML standard, whose algorithm takes time by the square of some things that a writer chooses: how
deep elements stand in each other, how many attributes one has, how many kinds of formatting are open at once (each
paragraph begins with all of them anew). The parser cannot be interrupted, so what they can cost at most is counted
before, from above, by what cannot be hidden: every tag begins with "<".
"""

import re


def _either_case(names: str) -> str:
    # Expressions that leave letter case aside are ten times as slow.
    return "".join(f"[{one}{one.upper()}]" if one.isalpha() else one for one in names)


# Steps through the open elements, of a nanosecond or two each.
MAX_STEPS = 200_000_000
# Elements that formatting can make, of 200 bytes each.
MAX_ELEMENTS_MADE = 800_000
# Comparisons of one attribute with another.
MAX_COMPARISONS = 120_000_000
FEW_ATTRIBUTES = 11_000
BETWEEN_NAMES = str.maketrans("/\"'", "   ")
# Neither the beginning of a value nor its end: what stands there may make many names out of few words.
MARK_IN_A_WORD = re.compile(r"[^\s=][\"'][^\s>/=]")
# Tags that close what is open of their kind, or hold nothing: they do not stand in each other, but in drawings.
FLAT = _either_case("a|br|col|dd|dt|hr|img|input|li|option|p|td|th|tr|wbr")
NESTING = re.compile(rf"<(?!(?:{FLAT})[\s/>])[a-zA-Z]")
DRAWING = re.compile(rf"<(?:{_either_case('svg|math')})[\s/>]")
FORMATS = _either_case("b|big|code|em|font|i|s|small|strike|strong|tt|u")
FORMATTING = re.compile(rf"<(?=[bcefistuBCEFISTU])(?:{FORMATS})[\s/>]")
# One that is the same to every reader: no quotation mark and no angle bracket where it could be taken in two ways.
PLAIN_FORMATTING = re.compile(rf"""<((?:{FORMATS})(?:\s+[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[\w#.%:;-]+))*+)\s*/?>""")


def readable(page: str) -> str:
    """The beginning of a page that can be parsed in bounded time and memory; nearly always the whole page."""
    while not _bounded(page):
        page = page[: len(page) // 2]
    return page


def _bounded(page: str) -> bool:
    tags = page.count("<")
    if tags * tags > MAX_STEPS:
        deep = tags if DRAWING.search(page) else len(NESTING.findall(page))
        if tags * deep > MAX_STEPS:
            return False
    # Of those that are alike no more than three are open (the standard calls it Noah's Ark).
    formatting = FORMATTING.findall(page) if tags * tags > MAX_ELEMENTS_MADE else []
    bare = [one for one in formatting if one[-1] == ">"]
    if tags * (3 * len(set(bare)) + len(formatting) - len(bare)) > MAX_ELEMENTS_MADE:
        plain = PLAIN_FORMATTING.findall(page)
        if tags * (3 * len(set(plain)) + len(formatting) - len(plain)) > MAX_ELEMENTS_MADE:
            return False
    # A name of an attribute begins behind a space, a slash or a quotation mark.
    content = page.encode("utf-8", "surrogatepass")
    unquoted = content.translate(None, b"\"'")
    quoted, spaces = len(content) - len(unquoted), len(unquoted) - len(unquoted.translate(None, b" \t\n\r\f/"))
    if quoted // 2 + spaces < FEW_ATTRIBUTES:
        return True
    words = page.translate(BETWEEN_NAMES).split()
    joined = len(MARK_IN_A_WORD.findall(page))
    return (len(words) + joined) * (len(set(words)) + joined) <= MAX_COMPARISONS
