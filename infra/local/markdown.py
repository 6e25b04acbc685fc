"""Tables and code spans of Markdown."""

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; a bar in a cell does not end it."""
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]


def codes(texts: Iterable[object]) -> str:
    """Words as code, with spaces between."""
    return " ".join(f"`{text}`" for text in texts)
