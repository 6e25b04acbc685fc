"""What a command is given beside what was typed: the API, the terminal, how to print; and what several take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from typer import Argument, Context, Option

from shared.cli import printing
from shared.cli.api import Answer, Api
from shared.cli.place import Place
from shared.cli.printing import Output
from shared.cli.terminal import Column, Terminal

# Most runs end in seconds; a customer's administrator takes minutes to consent.
TIMEOUT_SECONDS = 600

Site = Literal["eu", "uk", "ca", "us", "jp", "anz", "sg", "in"]
Stage = Literal["new", "grant", "run", "revoke", "cleanup", "closed"]
Status = Literal["action_required", "degraded", "awaiting_consent", "setting_up", "revoking", "healthy", "closed"]
Purpose = Literal["now", "grant", "repair", "revoke"]

CONNECTION = "An id, or a name or tenant that only one connection has."
Connection = Annotated[str, Argument(metavar="CONNECTION", help=CONNECTION, show_default=False)]
Part = Annotated[str | None, Option("-q", metavar="TEXT", help="Only those with this in their name or address.")]
Wait = Annotated[bool, Option("--wait", help="Follow it until it has ended.")]
Timeout = Annotated[int, Option("--timeout", metavar="SECONDS", help="Follow it no longer than this.")]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One command, as it was typed."""

    place: Place
    api: Api
    terminal: Terminal
    output: Output = "table"
    query: str | None = None

    @classmethod
    def of(cls, context: Context) -> Self:
        """The call of a command."""
        call: Self = context.obj
        return call

    @property
    def for_people(self) -> bool:
        """Whether the answer is shown as the command chooses, not as it came from the API."""
        return self.output == "table" and self.query is None

    def print(self, answer: Any) -> None:
        """Print what the API answered, or the part of it that is selected."""
        printing.write(self.terminal, self.output, printing.selected(self.query, answer))

    def facts(self, answer: Answer, facts: Mapping[str, Any]) -> None:
        """Print one thing: as names and values for people, else as it came."""
        if self.for_people:
            self.terminal.facts(facts)
        else:
            self.print(answer)

    def rows(self, answer: Any, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], *, none: str) -> None:
        """Print the rows of an answer in columns, but JSON and what is selected as they came; `none` says of no row."""
        if self.for_people:
            self.terminal.table(columns, rows, none=none)
        elif self.query is not None or self.output == "json":
            self.print(answer)
        else:
            shown = [printing.as_row(columns, row) for row in rows]
            printing.write_rows(self.terminal, self.output, shown)

    def told(self, answer: Any, sentence: str) -> None:
        """Say what was asked for; the answer itself is for programs."""
        if not self.for_people:
            self.print(answer)
        self.terminal.say(sentence)
