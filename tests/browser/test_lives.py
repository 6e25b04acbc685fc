"""The life of a connection on each platform by clicking only, from signing in to the certificate."""

import re
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright", reason="playwright is not installed (make test-outside)")

from tests.browser.person import Person

POLICY = "Prize letters"
# The parts of a connection's page that tell where it stands, and what is the administrator's to do.
STATE, STEPS = "[data-part=state]", "[data-part=steps]"
# What an administrator of the second platform takes down, in the order in which it is asked for: by which button, and
# how much time passes before that.
TAKEN_DOWN = {
    "TMCAS Content Compliance Rule": ("Delete the rule", "+1 hour"),
    "Mail route": ("Delete the mail route", "+1 hour"),
    "Inbound gateway": ("Disable the inbound gateway", "+1 day"),
    "Trend Micro": ("Uninstall the application", "+1 hour"),
}


def go(person: Person, path: str, account: str = "olga@msp.example") -> None:
    """To a page of the console. It may ask who it is, for a session ends after an hour of rest."""
    person.go(path)
    if person.page.get_by_role("heading", name="Sign in").is_visible():
        person.look("signed-out")
        person.click("Sign in")
        person.click(re.compile(account))
        person.page.wait_for_url(f"**{urlsplit(path).path}")


def new_connection(person: Person, *, platform: str, name: str, tenant: str) -> None:
    person.click("New connection")
    person.look("new")
    person.page.get_by_role("radio", name=re.compile(f"^{platform}")).check()
    person.page.get_by_label("Name").fill(name)
    person.page.get_by_label("Tenant").fill(tenant)
    person.page.get_by_label("Site").select_option("in")
    person.click("Create connection")
    person.heading(name)
    person.sees("Send this link to them")


def administrators(person: Person, domain: str, *buttons: str) -> None:
    """What the tenant's administrator does in their own admin center, on the page that plays it on this machine."""
    ours = person.page.url
    person.go("/_local")
    for button in buttons:
        card = person.page.locator("section", has_text=domain)
        person.click(button, within=card)
        person.heading("Simulator controls")
    go(person, ours)


def wait(person: Person, *moves: str) -> None:
    """Time passes."""
    ours = person.page.url
    person.go("/_local")
    for move in moves:
        person.click(move)
        person.heading("Simulator controls")
    go(person, ours)


def comes_to(person: Person, text: str | re.Pattern[str], move: str = "+1 minute", *, where: str = STATE) -> None:
    """Time passes until the connection says so: the platform takes its own to show what was made."""
    for _ in range(15):
        if person.soon(text, where=where):
            return
        wait(person, move)
    person.sees(text, where=where)


def consent(person: Person, *, platform: str, buttons: tuple[str, ...]) -> None:
    """The administrator reads, goes on to the platform, accepts on each of its pages, and sees how it goes.

    The account is the one that the platform's page offers first, for the domain that it was told.
    """
    ours = person.page.url
    person.click("Preview the invitation")
    if not person.scripts:
        # Nothing opens the link by itself, so its address is typed into the page.
        person.page.get_by_label("Link, or its code").fill(person.page.url)
        person.click("Open")
    person.sees("What happens to your mail")
    person.look("consent")
    person.click(re.compile(f"Continue to {platform}"))
    for press in buttons:
        person.click(press)
    person.page.wait_for_url(re.compile("/connect$"))
    person.look("after-consent")
    person.go(ours)


def sections(person: Person, *names: str) -> None:
    """Through the sections of a connection and back to its overview."""
    for name in names:
        section(person, name)
        person.look(name.lower())
    section(person, "Overview")


def section(person: Person, name: str) -> None:
    person.click(name, within=person.page.get_by_role("navigation", name="Sections"))


def revoke(person: Person, *, acknowledges: re.Pattern[str] | None = None) -> None:
    person.click(re.compile("Revoke access"))
    person.sees("Result of a check of the tenant just now")
    person.look("plan-revoke")
    if acknowledges:
        person.page.get_by_role("checkbox", name=acknowledges).check()
    person.click("Revoke access now")


def certificate(person: Person) -> None:
    section(person, "Certificate")
    person.sees(re.compile("Clean|Everything"))
    person.look("certificate")
    person.look_printed("certificate-printed")
    section(person, "Ledger")
    person.click("Verify chain")
    person.sees("Chain verified")
    person.look("ledger-whole")


def test_a_microsoft_365_tenant_comes_and_goes(person: Person) -> None:
    go(person, "/")
    person.heading("Home")
    person.look("connections")
    new_connection(person, platform="Microsoft 365", name="Contoso Europe", tenant="contoso.com")
    person.look("new-made")
    consent(person, platform="Microsoft 365", buttons=("Sign in", "Accept"))
    person.sees("Exchange Administrator")
    person.look("waits-for-role")
    administrators(person, "contoso.com", "Assign the role Exchange Administrator")
    comes_to(person, "Everything is in place")
    person.look("running")
    sections(person, "Ledger", "Policies", "Directory", "Reports")
    person.click("Sync now")
    person.sees("Everything is in place", where=STATE)
    revoke(person)
    person.sees(re.compile("Continues automatically"), where=STATE)
    person.look("revoking")
    wait(person, "+1 hour", "+1 minute", "+1 day")
    comes_to(person, "Remove", where=STEPS)
    person.look("last-step")
    administrators(person, "contoso.com", "Delete its groups in the recycle bin for good")
    person.click("Mark as done")
    person.sees("2 steps for the administrator", where=STATE)
    administrators(person, "contoso.com", "Remove the application for good")
    person.click("Mark as done")
    person.sees("This connection is closed", where=STATE)
    person.look("closed")
    certificate(person)
    go(person, "/")
    person.look("connections-at-the-end")
    person.settle()


def test_gmail_comes_and_goes(person: Person) -> None:
    person.go(person.sign_in)
    person.heading("Home")
    new_connection(person, platform="Google Workspace", name="Orchard Fruit", tenant="orchard.example")
    administrators(person, "orchard.example", "Install the application for everyone")
    consent(person, platform="Google Workspace", buttons=("Allow",))
    comes_to(person, "administrator")
    person.look("steps")
    administrators(
        person, "orchard.example", "Add our mail route", "Enable our inbound gateway", "Add our compliance rule"
    )
    person.click("Check now")
    comes_to(person, "Everything is in place")
    policy(person)
    quarantine(person)
    sections(person, "Directory", "Reports")
    revoke(person, acknowledges=re.compile("1 message in quarantine"))
    for step, (button, move) in TAKEN_DOWN.items():
        take_down(person, step, button, move)
    comes_to(person, "This connection is closed", "+1 hour")
    person.look("closed")
    # Mail is taken out by an administrator of the service only.
    ours = person.page.url
    person.context.clear_cookies()
    go(person, ours, "ada@msp.example")
    section(person, "Quarantine")
    person.sees("Download part 1")
    certificate(person)
    person.settle()


def take_down(person: Person, step: str, button: str, move: str) -> None:
    """What the administrator has set up is asked to be removed once its time has come; they remove it and say so."""
    asked = person.page.locator(STEPS).get_by_role("listitem").filter(has_text=re.compile(f"Remove {step}"))
    done = asked.get_by_role("button", name="Mark as done")
    for _ in range(4):
        if person.comes(done):
            break
        wait(person, move)
    person.look(f"asked-{button.rsplit(maxsplit=1)[-1]}")
    administrators(person, "orchard.example", button)
    done.click()


def policy(person: Person) -> None:
    """One that takes prize letters out of the mailboxes."""
    section(person, "Policies")
    person.click("New policy")
    person.look("new-policy")
    person.page.get_by_role("textbox", name="Name").fill(POLICY)
    person.page.get_by_role("radio", name="Everyone").check()
    person.page.get_by_label("Subject contains").fill("you have won")
    person.page.get_by_label(re.compile("quarantine", re.IGNORECASE)).check()
    person.click("Save")
    person.sees(POLICY)
    person.look("policies-with-one")


def quarantine(person: Person) -> None:
    """Two come; one is put back, and the other waits."""
    administrators(person, "orchard.example", "A risky message arrives")
    wait(person, "+1 minute")
    administrators(person, "orchard.example", "A risky message arrives")
    section(person, "Quarantine")
    person.sees("2 messages in quarantine")
    person.look("quarantine")
    person.click(re.compile("Release"))
    person.sees("1 message in quarantine")


@pytest.mark.parametrize("person", ["desk"], indirect=True)
def test_a_connection_is_made_without_a_mouse(person: Person) -> None:
    go(person, person.sign_in)
    press = person.page.keyboard.press
    press("Tab")
    press("Enter")
    assert person.focus() == "main"  # past what every page begins with
    press("Tab")
    assert person.focus() == "New connection"
    press("Enter")
    person.heading("New connection")
    person.reach("Microsoft 365")
    press("ArrowDown")
    press("Space")
    person.reach("Name")
    person.page.keyboard.type("Harbour Lights")
    person.reach("Create connection")
    press("Enter")
    person.heading("Harbour Lights")
    person.reach("Plan")
    press("Enter")
    person.sees("What will be created")
    person.look("plan-of-a-new-one")
    person.reach("console")
    press("Enter")
    person.reach("Sign out")
    press("Enter")
    person.heading("Signed out")
    person.look("signed-out-now")
    person.settle()


@pytest.mark.parametrize("person", ["no script"], indirect=True)
def test_everything_can_be_done_without_script(person: Person) -> None:
    person.go(person.sign_in)
    person.heading("Home")
    new_connection(person, platform="Google Workspace", name="Orchard Fruit", tenant="orchard.example")
    assert not person.page.get_by_role("button", name="Copy").count()
    administrators(person, "orchard.example", "Install the application for everyone")
    consent(person, platform="Google Workspace", buttons=("Allow",))
    for _ in range(20):
        person.page.reload()
        if person.page.locator(STEPS).get_by_text("Set up").count():
            break
    person.click("Check now")
    for _ in range(5):
        person.click(re.compile("Revoke access"))
        person.click("Check now", within=person.page.locator("[data-part=looked]"))
        person.sees("Result of a check of the tenant just now")
        person.click("Revoke access now")
        if not person.soon("Plan again", where="main"):
            break
        # The check that was asked for has changed something since.
        person.click("Back to where you were")
    person.sees("Revoking access")
