"""What a command prints: a table for people; JSON, CSV or TSV for programs; and the part that --query selects."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Annotated, Any, Literal

from typer import Option

from shared.cli.place import Usage
from shared.cli.terminal import Column, Terminal, column, plain
from shared.foundation.errors import Refused

Output = Literal["table", "json", "csv", "tsv"]
# What a value is called that has no name of its own.
UNNAMED = "value"

OPTIONS = {
    "output": (Annotated[Output, Option("--output", "-o", help="How the answer is printed.")], "table"),
    "query": (
        Annotated[
            str | None,
            Option("--query", metavar="JMESPATH", help="Print only this part of the API's answer (jmespath.org)."),
        ],
        None,
    ),
}


def printing(run: Callable[..., int]) -> Callable[..., int]:
    """The command with the two options that say how its answer is printed; its call knows what they say."""
    before = inspect.signature(run)
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in OPTIONS.items()
    ]

    @wraps(run)
    def command(**given: Any) -> int:
        chosen = {name: given.pop(name) for name in OPTIONS}
        given["context"].obj = replace(given["context"].obj, **chosen)
        try:
            return run(**given)
        except Refused as refused:
            raise _by_option(refused, given["context"].command.params) from None

    # What Typer reads of a command.
    vars(command)["__signature__"] = before.replace(parameters=[*before.parameters.values(), *more])
    command.__annotations__ = run.__annotations__ | {name: kind for name, (kind, _) in OPTIONS.items()}
    return command


def _by_option(refused: Refused, parameters: Sequence[Any]) -> Refused:
    """The same refusal, in which the fields that were given by options are called by those."""
    known = {one.name: one.opts[0] for one in parameters if one.param_type_name == "option"}
    sentence = refused.sentence
    for field, why in refused.fields:
        name = field.partition(".")[0]
        option = known.get(name) or known.get(name.removesuffix("s"))
        if option:
            sentence = sentence.replace(f"{field}: {why}", f"{option}: {why}", 1)
    return Refused(refused.status, refused.code, sentence)


def selected(query: str | None, answer: Any) -> Any:
    """The part of an answer that a query selects. Raises Usage if it is no query."""
    if query is None:
        return answer
    import jmespath

    try:
        return jmespath.search(query, answer)
    except (jmespath.exceptions.JMESPathError, ValueError) as error:
        raise Usage("query_not_valid", f"--query: {error}") from None


def write(terminal: Terminal, output: Output, found: Any) -> None:
    """Print a part of an answer. Of what strangers wrote, nothing is printed that a terminal or a spreadsheet obeys."""
    if output == "json":
        terminal.show(json.dumps(found, indent=2))
        return
    rows = _rows(found)
    if output == "table":
        names = list(rows[0]) if rows else []
        if names == [UNNAMED]:
            terminal.lines(plain(row[UNNAMED]) for row in rows)
            return
        terminal.table([column(name.upper(), name) for name in names], rows, none="There is nothing to print.")
        return
    write_rows(terminal, output, rows)


def write_rows(terminal: Terminal, output: Output, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of the same names as CSV with a line of their names, or as TSV without."""
    if output == "tsv":
        terminal.lines("\t".join(plain(value) for value in row.values()) for row in rows)
    elif rows:
        from shared.foundation.csv_file import as_csv

        terminal.pour(as_csv([{name: _cell(value) for name, value in row.items()} for row in rows]))


def as_row(columns: Sequence[Column], row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a table as a program reads it, by the titles of the columns."""
    return {one.title.lower(): one.value(row) for one in columns}


def _rows(found: Any) -> list[dict[str, Any]]:
    """Anything as rows of the same names."""
    many = found if isinstance(found, list) else [] if found is None else [found]
    named = [_named(one) for one in many]
    names = list(dict.fromkeys(name for row in named for name in row))
    return [{name: row.get(name) for name in names} for row in named]


def _named(one: Any) -> dict[str, Any]:
    match one:
        case dict():
            return {str(name): value for name, value in one.items()}
        case list():
            return {str(number): value for number, value in enumerate(one, 1)}
    return {UNNAMED: one}


def _cell(value: Any) -> Any:
    return plain(value) if isinstance(value, bool | list) else value
