"""Each claim of docs/inspection.md names a test that there is, and each library is one that is installed."""

import re

import pytest

from infra.local.printed_tables import ROOT

DOCUMENT = (ROOT / "docs" / "inspection.md").read_text()


def test_the_tests_that_are_named_exist() -> None:
    named = re.findall(r"`(test_\w+\.py)::(\w+)`", DOCUMENT)
    assert len(named) > 20
    for file, name in named:
        text = (ROOT / "tests" / "protection" / file).read_text()
        assert re.search(rf"^(?:class|(?:async )?def) {name}\b", text, re.MULTILINE), (file, name)


def test_the_libraries_that_are_named_are_those_that_are_pinned() -> None:
    pinned = (ROOT / "pyproject.toml").read_text()
    named = re.findall(r"https://pypi\.org/project/([\w-]+)/", DOCUMENT)
    assert len(named) == 8
    for library in named:
        assert f'"{library}==' in pinned, library


@pytest.mark.parametrize("title", ["What is read, and by which library", "What is not read, and why"])
def test_every_row_names_a_test(title: str) -> None:
    table = DOCUMENT.split(f"## {title}")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert rows
    assert [row for row in rows if "`test_" not in row] == []


def test_every_other_section_and_point_names_a_test() -> None:
    sections = DOCUMENT.split("\n## ")[3:]
    assert len(sections) == 3
    points = [point.split("\n\n")[0] for section in sections for point in section.split("\n* ")[1:]]
    assert [text for text in (*sections, *points) if "`test_" not in text] == []


@pytest.mark.parametrize(
    "definition", [r"^class Conditions\b", r"^(?:async )?def judge\(", r"^def known\(\*, receiver"]
)
def test_a_script_beside_the_project_finds_one_definition_of_a_name(definition: str) -> None:
    files = (ROOT / "shared").rglob("*.py")
    assert len([file for file in files if re.search(f"^{definition}", file.read_text(), re.MULTILINE)]) == 1
