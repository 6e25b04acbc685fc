"""Tries every attack and prints what was seen into docs/security.md: `python -m tests.attacks [FILE …]`.

With files only theirs are tried, and what was seen of the others before stays as it is.
"""

import re
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from tests.attacks.table import ATTACKS

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "security.md"
ROW = re.compile(r"^\| [^|]+ \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
BLOCK = re.compile(r"(<!-- attacks -->\n).*?(<!-- end -->)", re.DOTALL)


class Seen:
    """What was seen: how often each test went as expected, how often not, and what it measured."""

    def __init__(self) -> None:
        self.held: Counter[tuple[str, str]] = Counter()
        self.failed: Counter[tuple[str, str]] = Counter()
        self.measured: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test."""
        file, _, name = report.nodeid.partition("::")
        key = Path(file).stem, name.partition("[")[0]
        if report.failed:
            self.failed[key] += 1
        elif report.when == "call" and report.passed:
            self.held[key] += 1
        for what, value in report.user_properties:
            if what == "measured":
                self.measured[key] = str(value)

    def told(self, key: tuple[str, str], before: str) -> str:
        """The words of a row; `before` is what the document says of it."""
        if not self.held[key] and not self.failed[key]:
            return before
        if self.failed[key]:
            return f"**not as expected**, {self.failed[key]} times"
        told = "as expected" if self.held[key] == 1 else f"as expected, {self.held[key]} cases"
        return f"{told}; {self.measured[key]}" if key in self.measured else told


def printed(seen: Seen, before: str) -> str:
    """The tables, one for each boundary."""
    lines, known = [], {row[1]: row[2] for row in ROW.finditer(before)}
    for module, attacks in ATTACKS.items():
        boundary = (import_module(f"tests.attacks.{module}").__doc__ or "").partition("\n")[0]
        lines += [f"### {boundary.rstrip('.')}", "", "| Attack | Expected | Seen |", "|---|---|---|"]
        for test, attack in attacks.items():
            expected = test.removeprefix("test_").replace("_", " ")
            lines.append(f"| {attack} | {expected} | {seen.told((module, test), known.get(expected, 'not tried'))} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    seen = Seen()
    pytest.main(
        [*(sys.argv[1:] or [str(HERE)]), "-q", "--database", "sqlite", "-p", "no:cacheprovider"], plugins=[seen]
    )
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(BLOCK.sub(lambda block: f"{block[1]}\n{printed(seen, text)}\n{block[2]}", text))
    sys.exit(bool(seen.failed))
