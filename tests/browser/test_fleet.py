"""Among five hundred connections somebody finds the three whose mail is unscanned, by clicking and by keyboard."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (make test-outside)")

from shared.web.api.witnesses import KEY
from tests.browser.person import Person
from tests.harness.fleet_machine import CONNECTIONS, HOLDING_MAIL, LEAVING, UNSCANNED
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
    assert CONNECTIONS == 500
    person.settle()


def test_access_is_revoked_for_forty_connections_and_each_has_its_result(overseer: Person) -> None:
    person, many = overseer, len(LEAVING)
    person.go(person.sign_in)
    person.heading("Home")
    plan(person, "litware", "revoke")
    person.sees(f"{many} connections match; {many - 1} ready")
    person.sees("1 refuses: quarantine not empty")
    person.sees(re.compile(r"\d+ objects to delete at once"))
    person.look("revoke-plan")
    begin(person, many, "Revoke access")
    comes(person, re.compile(rf"[1-9]\d* of {many} connections ended"))
    person.look("revoke-under-way")
    comes(person, f"{many} of {many} connections ended: {many - 1} done, 1 refused, 0 failed")
    results = person.page.locator("tbody tr")
    assert results.count() == many
    refused = results.first
    assert f"Customer {HOLDING_MAIL}" in refused.inner_text()
    assert "Messages in quarantine: 1." in refused.inner_text()
    assert not person.page.get_by_role("button", name="Stop").count()
    person.look("revoke-ended")
    person.go("/connections?customer=litware&status=healthy")
    person.sees("of 1 connection")
    person.settle()


def test_a_batch_is_stopped(overseer: Person) -> None:
    person = overseer
    person.go(person.sign_in)
    person.heading("Home")
    plan(person, "fabrikam", "report-drift")
    matching = re.search(r"(\d+) connections match", person.page.locator("main").inner_text())
    assert matching is not None
    many = int(matching[1])
    assert many > 100
    begin(person, many, "Set drift mode: report only")
    comes(person, re.compile(rf"[1-9]\d* of {many} connections ended"))
    person.click("Stop")
    person.sees(re.compile(r"Stopped \d+ "))
    left = person.page.get_by_role("table").get_by_text("not started").count()
    assert left > many / 2
    person.sees(f"0 failed, {left} not started")
    assert not person.page.get_by_role("table").get_by_text("pending").count()
    assert not person.page.get_by_role("button", name="Stop").count()
    person.look("stopped")
    person.go("/batches")
    person.sees(re.compile(rf"\d+ of {many} done, stopped"))
    person.look("batches")
    person.settle()


def test_a_policy_that_one_connection_has_is_set_for_forty(overseer: Person) -> None:
    person, many = overseer, len(LEAVING)
    person.go(person.sign_in)
    person.heading("Home")
    chooses(person, "litware", "set-policy")
    person.heading("Set policy")
    person.look("which-policy")
    person.page.get_by_label(re.compile("^Connection that has")).fill("Customer 13")
    person.click("Show its policies")
    person.look("which-connection")
    person.click("Customer 131")
    person.page.get_by_role("radio", name=re.compile("everyone")).check()
    person.look("which-of-its-policies")
    person.click("Plan …")
    person.sees(f"{many} connections match; {many} ready")
    person.sees(f"{many} have a policy of this name: this one replaces it")
    person.sees("Mail to and from everyone is protected")
    person.look("policy-plan")
    begin(person, many, "Set policy")
    person.heading("Set policy “everyone”")
    comes(person, f"{many} of {many} connections ended: {many} done")
    person.go("/?trends=1")
    person.sees("Messages scanned in mailboxes")
    person.look("trends")
    person.settle()


def test_a_witness_is_named(overseer: Person) -> None:
    person = overseer
    person.go(person.sign_in)
    person.heading("Home")
    person.click("Health", within=person.page.get_by_role("navigation", name="Console"))
    person.click("Witnesses")
    person.look("no-witness")
    person.page.get_by_label(re.compile("^Submission prefix")).fill("https://witness.example.com/w1")
    person.page.get_by_label(re.compile("^Verifier key")).fill(KEY)
    person.click("Add witness")
    person.sees("Not asked yet")
    person.look("a-witness")
    person.click(re.compile("^Remove"))
    person.sees("No witness cosigns")
    person.settle()


def chooses(person: Person, customer: str, operation: str) -> None:
    """Narrow the list to one customer's connections, and choose what to do to all of them."""
    person.go("/connections")
    person.page.get_by_label("Customer", exact=True).select_option(customer)
    if person.size == "no script":
        person.click("Show")
    person.sees(re.compile(r"of \d\d\d? connections"))
    person.page.wait_for_url(re.compile(f"customer={customer}"))
    person.page.get_by_label(re.compile("Bulk action")).select_option(operation)
    person.click("Plan …")


def plan(person: Person, customer: str, operation: str) -> None:
    """Plan something for all connections of one customer."""
    chooses(person, customer, operation)
    person.sees("connections match")


def begin(person: Person, many: int, title: str) -> None:
    """Type a number of connections, and begin."""
    person.page.get_by_label(re.compile("Type the number")).fill(str(many))
    person.click(title, within=person.page.locator("form.card"))


def comes(person: Person, text: str | re.Pattern[str]) -> None:
    """Wait until a batch has come so far. The page shows that, or when it is loaded again."""
    for _ in range(20):
        if person.soon(text, where="main"):
            return
        if not person.scripts:
            person.page.reload()
    person.sees(text)


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
