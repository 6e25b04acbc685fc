"""Among five hundred connections somebody finds the three whose mail is unscanned, by clicking and by keyboard."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (make test-outside)")

from tests.browser.person import Person
from tests.harness.fleet_machine import LEAVING, MANY, UNSCANNED
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
    leave(person)
    person.go("/connections?q=Customer 00")
    person.page.get_by_label(re.compile("Bulk action")).select_option("report-drift")
    person.click("Plan …")
    person.sees("7 connections match")
    person.look("batch-plan")
    person.page.get_by_label(re.compile("Type the number")).fill("7")
    person.click("Set drift mode: report only")
    begins(person, 7)
    person.look("batch")
    assert MANY == 500
    person.settle()


def begins(person: Person, many: int) -> None:
    """A batch is under way, and none of its connections refuses. The page shows that, or when it is loaded again."""
    some = re.compile(rf"[1-9]\d* of {many} connections ended: \d+ done, 0 refused, 0 failed")
    for _ in range(20):
        if person.soon(some, where="main"):
            return
        if not person.scripts:
            person.page.reload()
    person.sees(some)


def leave(person: Person) -> None:
    """Access is revoked for all connections of one customer, after a plan for all of them and a typed count."""
    person.go("/connections")
    person.page.get_by_label("Customer", exact=True).select_option("litware")
    if person.size == "no script":
        person.click("Show")
    person.sees(f"of {len(LEAVING)} connections")
    person.page.get_by_label(re.compile("Bulk action")).select_option("revoke")
    person.click("Plan …")
    person.sees(f"{len(LEAVING)} connections match")
    person.sees(re.compile("objects to delete .*objects to delete", re.DOTALL))
    person.look("revoke-plan")
    person.page.get_by_label(re.compile("Type the number")).fill(str(len(LEAVING)))
    person.click(re.compile("^Revoke"))
    begins(person, len(LEAVING))
    person.look("revoke-batch")


@pytest.mark.parametrize("overseer", ["desk"], indirect=True)
def test_a_slash_leads_to_the_search(overseer: Person) -> None:
    overseer.go(overseer.sign_in)
    overseer.heading("Home")
    overseer.page.keyboard.press("/")
    overseer.page.keyboard.type("City Power")
    overseer.page.keyboard.press("Enter")
    overseer.heading("Search")
    overseer.sees("City Power")
    overseer.look("search")
    overseer.page.get_by_label("Search", exact=True).fill("repair")
    overseer.sees("Codes")
    overseer.page.keyboard.press("Escape")
    overseer.page.locator("h1").click()
    overseer.page.keyboard.press("?")
    overseer.page.get_by_role("dialog").get_by_text("Show these shortcuts").wait_for()
    overseer.look("keys")
    overseer.page.keyboard.press("Escape")
    overseer.page.keyboard.press("/")
    overseer.page.keyboard.type("City Power")
    overseer.page.keyboard.press("Enter")
    overseer.click("City Power", within=overseer.page.locator("main"))
    overseer.heading("City Power")
    overseer.click("Settings", within=overseer.page.get_by_role("navigation", name="Sections"))
    overseer.look("settings")
    overseer.settle()
