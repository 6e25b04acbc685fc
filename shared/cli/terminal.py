"""What people read: tables that fit their terminal, marks with their words, times; and nothing that moves a cursor."""

import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import TextIOWrapper
from typing import Any, Self

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Between two columns, and the least that a column is folded to, in places of a terminal.
GAP, NARROWEST = 2, 10
# A line of any length, for a file or another program.
UNLIMITED = 1_000_000

# Each word's shape and colour, as on the pages; none of the three is needed to understand the others.
MARKS = {
    **dict.fromkeys(("healthy", "ok", "present", "running"), ("●", "green")),
    **dict.fromkeys(("degraded", "setting_up", "revoking", "waiting", "under way"), ("◐", "yellow")),
    **dict.fromkeys(("awaiting_consent", "borrowed", "by administrator"), ("◇", "yellow")),
    **dict.fromkeys(("action_required", "attention", "drifted"), ("▲", "red")),
}
OTHER = ("○", "dim")

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table. A `firm` one is never folded: what is in it is copied and used."""

    title: str
    text: Callable[[Row], Any]
    firm: bool = False
    style: Callable[[Row], str] = lambda _: ""
    name: str = ""
    """The field that it shows, if it shows one in other words."""

    def value(self, row: Row) -> Any:
        """What it shows of a row, for a program."""
        return row.get(self.name) if self.name else self.text(row)


def column(title: str, name: str, *, firm: bool = False) -> Column:
    """The column of one field."""
    return Column(title=title, text=lambda row: row.get(name), firm=firm)


def marks(title: str, name: str) -> Column:
    """The column of a field that holds a mark's word."""
    return Column(
        title=title,
        text=lambda row: marked(row.get(name)),
        firm=True,
        name=name,
        style=lambda row: MARKS.get(str(row.get(name)), OTHER)[1],
    )


def times(title: str, name: str) -> Column:
    """The column of a field that holds a time."""
    return Column(title=title, text=lambda row: moment(row.get(name)), firm=True, name=name)


def marked(word: Any) -> str:
    """A mark's shape and word."""
    return f"{MARKS.get(str(word), OTHER)[0]} {str(word).replace('_', ' ')}"


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


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """Where a command writes: `out` is what was asked for, `told` what is said about it."""

    out: Console
    told: Console

    @classmethod
    def open(cls, environ: Mapping[str, str]) -> Self:
        """Standard output and standard error."""
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        return cls(out=_console(environ), told=_console(environ, to_stderr=True))

    def say(self, text: str) -> None:
        """A message about what is done: on standard error, so that it is in nobody's data."""
        _print_words(self.told, plain(text))

    def show(self, text: str) -> None:
        """What was asked for, as it is."""
        self.out.file.write(f"{text}\n")

    def lines(self, texts: Iterable[str]) -> None:
        """What was asked for, a line at a time."""
        self.out.file.writelines(f"{text}\n" for text in texts)

    def pour(self, text: str) -> None:
        """A file as it is; on a terminal without characters that a terminal obeys."""
        seen = self.out.is_terminal
        self.out.file.write("".join(f"{plain(line)}\n" for line in text.splitlines()) if seen else text)

    def facts(self, content: Mapping[str, Any]) -> None:
        """Names and values, one to a line."""
        rows = {name: plain(value) for name, value in content.items() if value not in (None, "", [])}
        indent = max(map(len, rows), default=0) + GAP
        for name, value in rows.items():
            _print_words(self.out, value, first=name, indent=indent)

    def table(self, columns: Sequence[Column], rows: Sequence[Row], *, none: str, on: Console | None = None) -> None:
        """Rows below their titles; `none` says that there are none."""
        if not rows:
            self.say(none)
            return
        console = on or self.out
        drawn = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
        kept, least = [], -GAP
        for each in columns:
            cells = [Text(plain(each.text(row)), each.style(row)) for row in rows]
            # What nobody has anything to say of takes no room.
            if not any(cells):
                continue
            kept.append(cells)
            drawn.add_column(each.title, no_wrap=each.firm, overflow="fold")
            widest = max(map(cell_len, (each.title, *map(str, cells))))
            least += GAP + (widest if each.firm else min(widest, NARROWEST))
        for row in zip(*kept, strict=True):
            drawn.add_row(*row)
        # On a terminal too narrow even for that, a line runs over its end rather than losing what is copied.
        drawn.width = least if least > console.width else None
        with console.capture() as printed:
            console.print(drawn, crop=False)
        console.file.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())


def _console(environ: Mapping[str, str], *, to_stderr: bool = False) -> Console:
    stream = sys.stderr if to_stderr else sys.stdout
    return Console(
        stderr=to_stderr,
        width=None if stream.isatty() else UNLIMITED,
        color_system=None if environ.get("NO_COLOR") else "auto",
        markup=False,
        emoji=False,
        highlight=False,
    )


def _print_words(console: Console, text: str, *, first: str = "", indent: int = 0) -> None:
    """A text broken between words only: a link in it stays whole, to be copied. Rich breaks long words or none."""
    lines = textwrap.fill(
        text,
        max(console.width, indent + NARROWEST),
        initial_indent=first.ljust(indent),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    console.file.write(f"{lines}\n")
    console.file.flush()
