"""Rows as a file for spreadsheets, in which nothing that somebody else has written becomes a formula."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

# With these a spreadsheet begins a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of the same names as CSV, with a line of their names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [])
    writer.writeheader()
    for row in rows:
        plain = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
        writer.writerow({n: f"'{v}" if str(v).startswith(FORMULA) else v for n, v in plain.items()})
    return text.getvalue()
