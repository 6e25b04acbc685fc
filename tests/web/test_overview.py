"""A connection's overview: what is wrong, what it does to mail, the next step, and no mark against its neighbour."""

import re

from shared.connections.stages import Stage
from shared.flows import grant
from shared.flows import requests as orders
from tests.harness.pages import VICTOR, pressed, see
from tests.harness.world import World

RULE = "TMCAS Inline Incoming Domain Transport Rule"


async def test_drift_is_listed_by_object_with_before_and_after_and_one_way_to_repair(world: World) -> None:
    running = await world.connect()
    base = f"/connections/{running.id}"
    healthy = await see(world, base)
    assert "Everything is in place" in healthy.text
    assert "Effect on mail" not in healthy.text
    world.cmdlet("Disable-TransportRule", Identity=RULE)
    await pressed(world, f"{base}/look")
    await world.work()
    page = await see(world, base)
    places = [
        page.text.index(text)
        for text in (
            "Effect on mail: Mail bypasses the scanner",
            "Next step: Review what changed",
            "Drift: 1 object changed outside Footprint",
            "Recent activity",
            "Declared changes and their current state",
        )
    ]
    assert places == sorted(places)
    assert "State was Enabled is Disabled" in page.text
    assert len(page.all("a", href=f"{base}/plan?for=repair")) == 1
    assert "Everything is in place" not in page.text
    counts = re.findall(r"Granting access \d+ changes? 1 drifted \d+ present", page.text)
    assert counts
    seen = await see(world, base, VICTOR)
    assert not seen.all("a", href=f"{base}/plan?for=repair")
    key = page.all("input", name="finding")[0]["value"]
    assert await pressed(world, f"{base}/say", finding=key, way="accept", reason="Tested today")
    await world.work()
    accepted = await see(world, base)
    assert "Accepted by olga@msp.example" in accepted.text
    assert "Everything is in place" not in accepted.text
    assert "Effect on mail" not in accepted.text


async def test_what_came_with_a_consent_is_not_said_to_be_absent(world: World) -> None:
    new = await world.create()
    await world.consent(new)
    asked = await world.connection(new.id)
    assert asked.stage is Stage.NEW
    await world.work()
    granting = await world.connection(new.id)
    assert granting.stage is Stage.GRANT
    page = await see(world, f"/connections/{new.id}")
    assert "Missing: for the customer\u2019s administrator" in page.text
    assert "Exchange Administrator" in page.text
    assert world.app.settings.microsoft.client_id in page.text
    first = page.body.index("<tbody>", page.body.index('id="stage-grant"'))
    line = page.body[first : page.body.index("</tr>", first)]
    # The consent gave the application, and not yet its role in Exchange.
    assert re.findall(r'class="mark absent">absent</span> ([^<]*)<', line) == ["The application&#39;s role in Exchange"]


async def test_what_was_not_found_once_is_neither_present_nor_absent(world: World) -> None:
    running = await world.connect()
    world.cmdlet("Remove-TransportRule", Identity=RULE)
    await orders.start(world.app, running, "advance", "olga@msp.example")
    await world.work()
    marks = await world.marks(await world.connection(running.id))
    assert marks["rule-incoming-domain"] in ("under way", "drifted")


async def test_a_connection_that_was_never_used_shows_its_first_entry(world: World) -> None:
    new = grant.NewConnection(platform="google", site=world.app.settings.sites[0], name="Fresh")
    made = await grant.create(world.app, new, "olga@msp.example")
    page = await see(world, f"/connections/{made.connection_id}")
    assert "Recent activity" in page.text
    assert page.all("a", href=f"/connections/{made.connection_id}/ledger")
