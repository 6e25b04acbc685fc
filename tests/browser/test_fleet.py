"""Among five hundred connections somebody finds the three whose mail is unscanned, by clicking and by keyboard."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (make test-outside)")

from tests.browser.person import Person
from tests.harness.fleet_machine import MANY, UNSCANNED
from tests.programs import running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["desk", "phone", "no script"])
def overseer(browser: "Browser", request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Person]:
    """Somebody before a machine with five hundred connections."""
    folder = request.config.getoption("--screenshots")
    shots = Path(folder).resolve() / "fleet" if folder else tmp_path
    command, environment = [sys.executable, "-m", "tests.harness.fleet_machine"], {"PYTHONPATH": str(ROOT)}
    with running(command, ready=r"Console: (\S+)", environment=environment) as found:
        made = Person.at(browser, size=request.param, sign_in=found[1], shots=shots)
        yield made
        made.leave()


def test_the_three_whose_mail_is_unscanned_are_found_among_five_hundred(overseer: Person) -> None:
    person = overseer
    person.go(person.sign_in)
    person.heading("Home")
    person.sees("3 connections: mail bypasses the scanner")
    person.look("home")
    for name in UNSCANNED:
        person.sees(name)
    person.click(re.compile("Review and repair"))
    person.sees("Repair drift")
    person.look("repair")
    person.go("/connections")
    person.sees("1\u2013100 of")
    person.look("list")
    rows = person.page.locator("tbody tr")
    assert rows.count() == 100
    if person.size == "desk":
        assert rows.nth(50).bounding_box()["height"] <= 37  # type: ignore[index] # it is there
    person.page.get_by_label("Search", exact=True).fill("Blue Yon")
    if person.size == "no script":
        person.click("Show")
    person.sees("of 1 connection")
    person.page.get_by_label("Search", exact=True).fill("")
    if person.size == "no script":
        person.click("Show")
    person.sees("1\u2013100 of")
    if person.size == "desk":
        person.click(re.compile("^Customer"), within=person.page.locator("thead"))
    person.go("/connections?status=healthy&page=2")
    person.sees("101\u2013200 of")
    person.go("/connections?archived=true")
    person.sees("of 19 connections")
    person.go("/connections?q=Customer 00")
    person.page.get_by_label(re.compile("Bulk action")).select_option("report-drift")
    person.click("Plan …")
    person.sees("7 connections match")
    person.look("batch-plan")
    person.page.get_by_label(re.compile("Type the number")).fill("7")
    person.click("Set drift mode: report only")
    person.sees("of 7 connections ended")
    person.look("batch")
    assert MANY == 500
    person.settle()


@pytest.mark.parametrize("overseer", ["desk"], indirect=True)
def test_a_slash_leads_to_the_search(overseer: Person) -> None:
    overseer.go(overseer.sign_in)
    overseer.heading("Home")
    overseer.page.keyboard.press("/")
    overseer.page.keyboard.type("City Power")
    overseer.page.keyboard.press("Enter")
    overseer.sees("of 1 connection")
    overseer.click("City Power")
    overseer.heading("City Power")
    overseer.click("Settings", within=overseer.page.get_by_role("navigation", name="Sections"))
    overseer.look("settings")
    overseer.settle()
