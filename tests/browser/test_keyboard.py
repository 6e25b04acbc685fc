"""A whole day's work without a mouse: after the first page nothing is clicked, and no address is typed."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

pytest.importorskip("playwright", reason="playwright is not installed (make test-outside)")

from tests.browser.person import Person
from tests.browser.test_fleet import comes
from tests.harness.fleet_machine import LEAVING, UNSCANNED
from tests.programs import running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
NAME, DOMAIN = "Contoso Europe", "contoso.com"
# A customer's administrator switches it off.
RULE = "TMCAS Inline Incoming Domain Transport Rule"
ACCOUNT = "Ada Moreau"
STATE, STEPS = "[data-part=state]", "[data-part=steps]"


@dataclass(frozen=True, kw_only=True)
class World:
    """What is not done at this console: time, the night's check, and the tenant's own administrator."""

    home: str

    def passes(self, *moves: str) -> None:
        for move in moves:
            moved = httpx.post(f"{self.home}/_local/clock", data={"by": move}, trust_env=False)
            assert moved.status_code == 303

    def administers(self, what: str, **body: Any) -> None:
        page = self._page()
        (snapshot,) = re.findall(rf"{re.escape(DOMAIN)}:.*?href='([^']+)/snapshot'", page, re.DOTALL)
        httpx.post(f"{snapshot}/{what}", json=body, trust_env=False).raise_for_status()

    def checks(self, connection: str) -> None:
        (token,) = re.findall(r"FOOTPRINT_TOKEN=(\S+?)<", self._page())
        headers = {"Authorization": f"Bearer {token}"}
        address = f"{self.home}/api/connections/{connection}/reconcile"
        httpx.post(address, json={}, headers=headers, trust_env=False).raise_for_status()

    def _page(self) -> str:
        return httpx.get(f"{self.home}/_local", trust_env=False).text


@pytest.fixture
def olga(browser: "Browser", request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Person]:
    """Somebody before a machine with five hundred connections; the mail of two of them bypasses the scanner."""
    folder = request.config.getoption("--screenshots")
    shots = Path(folder).resolve() / "keyboard" if folder else tmp_path
    command, environment = [sys.executable, "-m", "tests.harness.fleet_machine", "2"], {"PYTHONPATH": str(ROOT)}
    with running(command, ready=r"Console: (\S+)", environment=environment) as found:
        made = Person.at(browser, size="desk", sign_in=found[1], shots=shots)
        yield made
        made.leave()


def test_a_person_without_a_mouse_connects_finds_repairs_revokes_and_keeps_the_proof(
    olga: Person, browser: "Browser", tmp_path: Path
) -> None:
    world = World(home=olga.home)
    olga.go(olga.sign_in)
    olga.heading("Home")
    connection = connects(olga, browser, world, tmp_path)
    world.administers("cmdlet", CmdletName="Disable-TransportRule", Parameters={"Identity": RULE})
    world.checks(connection)
    finds_and_repairs(olga)
    revokes_many(olga)
    keeps_the_certificate(olga, world, tmp_path)
    olga.settle()


def connects(olga: Person, browser: "Browser", world: World, shots: Path) -> str:
    """She creates a connection; the tenant's administrator opens the link in a browser of their own and consents."""
    olga.enter("New connection")
    olga.heading("New connection")
    olga.reach("Microsoft 365")
    olga.press("Space")
    for label, text in (("Name", NAME), ("Tenant", DOMAIN), ("Customer", "litware")):
        olga.reach(label)
        olga.type(text)
    olga.enter("Create connection")
    olga.heading(NAME)
    link = olga.page.locator("#link").inner_text()
    theirs = Person.at(browser, size="desk", sign_in=link, shots=shots)
    theirs.go(link)
    theirs.sees("What happens to your mail")
    theirs.enter("Continue to Microsoft 365")
    theirs.enter("Sign in")
    theirs.enter("Accept")
    theirs.page.wait_for_url(re.compile("/connect$"))
    theirs.leave()
    until(olga, "Exchange Administrator", lambda: None)
    world.administers("admin", action="assign-role")
    until(olga, "Everything is in place", lambda: world.passes("+1 minute"))
    return olga.page.url.rstrip("/").rpartition("/")[2].partition("?")[0]


def finds_and_repairs(olga: Person) -> None:
    """Home names three of five hundred; she reads why, and repairs the one that she has connected."""
    goes_to(olga, "h", "Home")
    until(olga, "3 connections: mail bypasses the scanner", lambda: goes_to(olga, "h", "Home"), where="main")
    for name in (*UNSCANNED[:2], NAME):
        olga.sees(name)
    goes_to(olga, "c", "Connections")
    olga.press("/")
    olga.type(NAME)
    olga.press("Enter")
    olga.heading("Search")
    olga.press("Escape")
    olga.enter(NAME)
    olga.heading(NAME)
    olga.sees("Inbound mail", where=STATE)
    olga.sees("Effect on mail", where=STATE)
    olga.look("why")
    olga.enter("Review and repair")
    olga.sees("Result of a check of the tenant just now")
    olga.look("repair")
    olga.enter("Repair")
    olga.heading(NAME)
    until(olga, "Everything is in place", lambda: None)


def revokes_many(olga: Person) -> None:
    """All connections of one customer: narrowed, planned, confirmed by their number."""
    many = len(LEAVING) + 1
    goes_to(olga, "c", "Connections")
    olga.reach("Customer")
    olga.type("litware")
    olga.sees(f"of {many} connections")
    olga.enter("To the bulk action")
    assert olga.focus().startswith("Bulk action")
    olga.type("Revoke")
    olga.enter("Plan")
    olga.sees(f"{many} connections match; {many - 1} ready")
    olga.sees("1 refuses: quarantine not empty")
    olga.look("plan")
    olga.reach("Type the number")
    olga.type(str(many))
    olga.enter("Revoke access")
    comes(olga, f"{many} of {many} connections ended: {many - 1} done, 1 refused, 0 failed")


def keeps_the_certificate(olga: Person, world: World, folder: Path) -> None:
    """Once the waits are over and the administrator has done their part, she has a certificate and verifies it."""
    olga.enter(NAME)
    until(olga, "Remove", lambda: world.passes("+1 hour", "+1 minute", "+1 day"), where=STEPS)
    world.administers("admin", action="delete-groups-for-good")
    olga.enter("Mark as done")
    until(olga, "2 steps for the administrator", lambda: world.passes("+1 minute"))
    world.administers("admin", action="remove-application")
    olga.enter("Mark as done")
    until(olga, "This connection is closed", lambda: world.passes("+1 minute"))
    olga.enter("Certificate")
    olga.sees("Created and removed")
    olga.reach("Download signed certificate")
    with olga.page.expect_download() as found:
        olga.press("Enter")
    file = folder / found.value.suggested_filename
    found.value.save_as(file)
    *_, keys = olga.page.locator("#check").inner_text().split()
    verified = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "shared", "certificates", "verify", str(file), "--keys", keys],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stderr
    assert DOMAIN not in verified.stderr


def goes_to(person: Person, key: str, heading: str) -> None:
    """To one of the console's pages, by its two keys."""
    person.press("Escape", "g", key)
    person.heading(heading)


def until(person: Person, text: str, meanwhile: Callable[[], None], *, where: str = STATE) -> None:
    """Wait until the page says so: it looks again by itself. Once the session is over, sign in again."""
    for _ in range(20):
        if person.soon(text, where=where):
            return
        meanwhile()
        if "no longer updates" in person.page.locator("#told").inner_text():
            person.page.reload()  # what F5 does in a browser with a window
            person.enter("Sign in")
            person.enter(ACCOUNT)
    person.sees(text, where=where)
