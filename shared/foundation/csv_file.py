"""Rows as a file for spreadsheets, in which nothing that somebody else has written becomes a formula."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

# Tabs and the ends of lines, which part cells for some; one line of a file is one row.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# Where a formula would begin, also for a spreadsheet that parts cells at semicolons, as most of Europe's do, and takes
# no notice then of our quotation marks; spaces and marks before it and full-width signs make no difference to it.
FORMULA = re.compile(r"(?:^|(?<=;))(?=[\s\x22\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def as_csv(rows: Sequence[Mapping[str, Any]], *, named: bool = True) -> str:
    """Rows of the same names as CSV, with a line of their names unless they go on behind others."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    if named:
        writer.writeheader()
    for row in rows:
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return text.getvalue()


def _harmless(value: Any) -> Any:
    """A cell: numbers as they are, text in one line with an apostrophe before what would be a formula."""
    if value is None or isinstance(value, int | float):
        return value
    text = json.dumps(value) if isinstance(value, dict) else str(value)
    return FORMULA.sub("'", CONTROLS.sub(" ", text))
