"""Exchange compares ranges by their addresses, and may write them in another form than they were sent in."""

import json

import pytest

from shared.connections.record import Status
from shared.engine.certificate import latest
from shared.platforms.microsoft365.mail_flow.ranges import written
from tests.harness.orders import order
from tests.harness.world import World

FORMS = ["mask", "span"]
# The second range of the site, as a customer may have written it.
OURS, THEIRS = "198.51.100.32/29", "198.51.100.32-198.51.100.39"


@pytest.mark.hazard(34)
@pytest.mark.parametrize("form", FORMS)
async def test_our_own_objects_are_known_in_it_and_removed(world: World, form: str) -> None:
    world.behave(range_form=form)
    before = world.snapshot()
    connection = await world.connect()
    (policy,) = world.cmdlet("Get-HostedConnectionFilterPolicy")["value"]
    assert OURS not in policy["IPAllowList"]
    assert OURS in map(written, policy["IPAllowList"])
    world.sims.cloud.calls.clear()
    await order(world, connection, "sync-now")
    now = await world.connection(connection.id)
    assert (now.status, now.reason) == (Status.OK, None), now.sentence
    assert {one.cmdlet for one in world.sims.cloud.calls if one.cmdlet and not one.cmdlet.startswith("Get-")} == set()
    closed = await world.leave(connection)
    assert world.snapshot() == before
    certificate = await latest(world.app.database, closed)
    assert certificate is not None
    assert certificate["result"] == "clean"
    # A group of the customer's has a name of ours by chance; no address of ours is left.
    assert {one["key"] for one in certificate["bears_our_mark"]} == {"groups"}


@pytest.mark.hazard(34)
@pytest.mark.parametrize("form", ["as_given", *FORMS])
async def test_the_customers_own_range_stays_theirs(world: World, form: str) -> None:
    world.behave(range_form=form)
    added = {"@odata.type": "#Exchange.GenericHashTable", "add": THEIRS}
    world.cmdlet("Set-HostedConnectionFilterPolicy", Identity="Default", IPAllowList=added)
    before = world.snapshot()
    connection = await world.connect()
    assert (await world.marks(connection))[f"ip-allow/{OURS}"] == "borrowed"
    await world.leave(connection)
    assert THEIRS in json.loads(world.snapshot())["connectionFilter"]["IPAllowList"]
    assert world.snapshot() == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("192.0.2.0-192.0.2.255", "192.0.2.0/24"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("192.0.2.7-192.0.2.7", "192.0.2.7"),
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7 - 192.0.2.9", "192.0.2.7-192.0.2.9"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("mail.example", "mail.example"),
        ("-", "-"),
        ("", ""),
    ],
)
def test_a_range_has_one_form_for_us(text: str, expected: str) -> None:
    assert written(text) == expected
