"""What people read: columns that fit their terminal, marks with their words, times; and nothing that moves a cursor."""

import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any, TextIO

GAP = "  "
# A column that gives way keeps room for a word.
NARROWEST = 10
# Of any length, for whoever reads it is no terminal.
ANY = sys.maxsize

# Each word's shape and colour, as on the pages; none of the three is needed to understand the others.
GREEN, YELLOW, RED, DIM = "32", "33", "31", "2"
MARKS = {
    **dict.fromkeys(("ok", "present", "running"), ("●", GREEN)),
    **dict.fromkeys(("waiting", "under way"), ("◐", YELLOW)),
    **dict.fromkeys(("borrowed", "by administrator"), ("◇", YELLOW)),
    **dict.fromkeys(("attention", "drifted"), ("▲", RED)),
}

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table. A `firm` one is never folded: what is in it is copied and used."""

    title: str
    text: Callable[[Row], Any]
    firm: bool = False
    is_mark: bool = False


def column(title: str, name: str, *, firm: bool = False) -> Column:
    """The column of one field."""
    return Column(title=title, text=lambda row: row.get(name), firm=firm)


def marks(title: str, name: str) -> Column:
    """The column of a field that holds a mark's word."""
    return Column(title=title, text=lambda row: marked(row.get(name)), firm=True, is_mark=True)


def times(title: str, name: str) -> Column:
    """The column of a field that holds a time."""
    return Column(title=title, text=lambda row: moment(row.get(name)), firm=True)


def marked(word: Any) -> str:
    """A mark's shape and word."""
    return f"{MARKS.get(str(word), ('○', ''))[0]} {word}"


def moment(text: str | None) -> str:
    """An ISO time as people read it, or empty."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC" if text else ""


def plain(value: Any) -> str:
    """A value as one line of text. Strangers write some of them, so nothing gets through that a terminal obeys."""
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case list():
            text = ", ".join(map(str, value))
        case _:
            text = str(value)
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def width(text: str) -> int:
    """How many places a text takes on a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def fold(text: str, most: int, *, breaks_words: bool = True) -> list[str]:
    """A text in lines of at most `most` places, broken between words where that is possible."""
    lines, line = [], ""
    for word in text.split():
        if line and width(line) + 1 + width(word) > most:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
        while breaks_words and width(line) > most:
            fits = max((n for n in range(1, len(line)) if width(line[:n]) <= most), default=1)
            lines.append(line[:fits])
            line = line[fits:]
    return [*lines, line]


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """Where a command reads and writes. `places` is the width of its lines; None where they may be of any length."""

    out: TextIO
    told: TextIO
    keys: TextIO
    places: int | None = None
    colour: bool = False

    def say(self, text: str) -> None:
        """A message about what is done: on standard error, so that it is in nobody's data."""
        self.out.flush()
        self.told.writelines(f"{line}\n" for line in fold(plain(text), self.places or ANY, breaks_words=False))
        self.told.flush()

    def show(self, text: str) -> None:
        """What was asked for."""
        self.out.write(f"{text}\n")

    def pour(self, text: str) -> None:
        """A file as it is, unless it is poured over somebody's terminal."""
        seen = self.places is not None
        self.out.write("".join(f"{plain(line)}\n" for line in text.splitlines()) if seen else text)

    def ask(self, question: str) -> bool:
        """Whether somebody at the keyboard says yes."""
        self.told.write(f"{plain(question)} [y/N] ")
        self.told.flush()
        return self.keys.readline().strip().casefold() in ("y", "yes")

    def facts(self, content: Mapping[str, Any]) -> None:
        """Names and values, one to a line."""
        rows = [{"name": name, "value": value} for name, value in content.items() if value not in (None, "", [])]
        columns = (column("", "name", firm=True), column("", "value"))
        self._lines(columns, [[plain(each.text(row)) for each in columns] for row in rows])

    def table(self, columns: Sequence[Column], rows: Sequence[Row], *, none: str) -> None:
        """Rows below their titles; `none` says that there are none."""
        if not rows:
            self.say(none)
            return
        # What nobody has anything to say of takes no room.
        cells = [[plain(each.text(row)) for each in columns] for row in rows]
        kept = [place for place in range(len(columns)) if any(row[place] for row in cells)]
        titles = [columns[place].title for place in kept]
        self._lines([columns[place] for place in kept], [titles, *([row[place] for place in kept] for row in cells)])

    def _lines(self, columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
        if not cells:
            return
        widths = self._fitted(columns, [max(map(width, each)) for each in zip(*cells, strict=True)])
        for row in cells:
            *others, last = zip(row, widths, strict=True)
            # Nothing stands behind the last column, so that what will be copied, such as a link, stays whole there.
            folded = [*(fold(text, most) for text, most in others), fold(*last, breaks_words=False)]
            for parts in zip_longest(*folded, fillvalue=""):
                padded = [
                    self._coloured(each, part) + " " * (most - width(part))
                    for each, part, most in zip(columns, parts, widths, strict=True)
                ]
                self.show(GAP.join(padded).rstrip())

    def _fitted(self, columns: Sequence[Column], widths: list[int]) -> list[int]:
        """The widths with which a line is no longer than it may be: the widest gives way first."""
        spare = (self.places or ANY) - len(GAP) * (len(widths) - 1)
        giving = [place for place, each in enumerate(columns) if not each.firm]
        while sum(widths) > spare and giving:
            widest = max(giving, key=lambda place: widths[place])
            if widths[widest] <= NARROWEST:
                break
            widths[widest] -= 1
        return [max(1, one) for one in widths]

    def _coloured(self, each: Column, text: str) -> str:
        if not (self.colour and each.is_mark and text[1:2] == " "):
            return text
        return f"\x1b[{MARKS.get(text[2:], ('', DIM))[1]}m{text}\x1b[0m"
