"""Which test covers which hazard: `python -m tests.hazards` prints the last column of tests/HAZARDS.md anew.

The hazards stand there, each with what must hold. A test says which it covers by its mark, `@pytest.mark.hazard(2)`;
its name says the behaviour.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
LIST = TESTS / "HAZARDS.md"
NONE = "no test yet"
# A row: its number; the hazard and what must hold; its tests.
ROW = re.compile(r"^\| (\d+) (\|[^|]+\|[^|]+\|)[^|]*\|$", re.MULTILINE)


def numbers() -> list[int]:
    """The hazards that are listed."""
    return [int(row[1]) for row in ROW.finditer(LIST.read_text())]


def marks() -> Iterator[tuple[int, str]]:
    """(number of a hazard, the file and the name of a test that covers it), in the order of files and lines."""
    for file in sorted(TESTS.rglob("test_*.py")):
        for found in ast.parse(file.read_bytes()).body:
            if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
                for number in _covered(found):
                    yield number, f"`{file.relative_to(TESTS).as_posix()}` {found.name}"


def _covered(test: ast.FunctionDef | ast.AsyncFunctionDef) -> list[int]:
    given = [one for one in test.decorator_list if ast.unparse(one).startswith("pytest.mark.hazard(")]
    return [ast.literal_eval(number) for mark in given if isinstance(mark, ast.Call) for number in mark.args]


def printed(text: str) -> str:
    """The list, with the tests of each hazard as they are marked."""
    tests: dict[int, list[str]] = {}
    for number, test in marks():
        tests.setdefault(number, []).append(test)

    def row(found: re.Match[str]) -> str:
        return f"| {found[1]} {found[2]} {'<br>'.join(tests.get(int(found[1]), [NONE]))} |"

    return ROW.sub(row, text)


if __name__ == "__main__":
    LIST.write_text(printed(LIST.read_text()))
