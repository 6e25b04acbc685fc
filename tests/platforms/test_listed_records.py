"""A record of Exchange's that lacks what each has: the tenant stays healthy, and ours is never taken for another."""

import json
from typing import Any

import pytest

from shared.connections.record import Connection, Status
from shared.foundation.errors import Temporary
from shared.platforms.microsoft365.listed_records import completed, identified
from tests.harness.orders import order
from tests.harness.world import World

RULES = "Get-TransportRule"


@pytest.mark.parametrize(
    ("cmdlet", "row", "told"),
    [
        (RULES, {"Name": "A", "Priority": "3"}, {"Guid": "without an id: A", "Name": "A", "Priority": "3"}),
        (RULES, {"Guid": "g", "Name": "A"}, {"Guid": "g", "Name": "A", "Priority": 0}),
        (
            RULES,
            {"Guid": "g", "Name": None, "Priority": None},
            {"Guid": "g", "Name": "without a name: g", "Priority": 0},
        ),
        (RULES, {}, {"Guid": "without an id: 0", "Name": "without a name: 0", "Priority": 0}),
        ("Get-InboundConnector", {"Guid": "", "Name": "A"}, {"Guid": "without an id: A", "Name": "A"}),
        ("Get-RemoteDomain", {"Name": "Default"}, {"DomainName": "without an id: Default", "Name": "Default"}),
        ("Get-AcceptedDomain", {"Name": "contoso.com"}, {"Name": "contoso.com"}),
    ],
)
def test_what_is_missing_has_a_stand_in(cmdlet: str, row: Any, told: dict[str, Any]) -> None:
    assert completed(cmdlet, [row]) == [told]


def test_one_that_seems_ours_and_has_no_id_is_asked_for_again() -> None:
    (ours,) = completed(RULES, [{"Name": "TMCAS", "Priority": 1}])
    with pytest.raises(Temporary, match="Exchange lists “TMCAS” without its id"):
        identified(RULES, ours)


@pytest.mark.hazard(39)
@pytest.mark.parametrize(
    ("cmdlet", "make", "lacks"),
    [
        (RULES, {"Name": "Customer's", "FromScope": "NotInOrganization", "PrependSubject": "[External] "}, ["Guid"]),
        (
            RULES,
            {"Name": "Customer's", "FromScope": "NotInOrganization", "PrependSubject": "[External] "},
            ["Name", "Priority"],
        ),
        ("Get-InboundConnector", {"Name": "Customer's", "SenderDomains": ["partner.example"]}, ["Guid"]),
        ("Get-OutboundConnector", {"Name": "Customer's", "RecipientDomains": ["partner.example"]}, ["Guid", "Name"]),
    ],
)
async def test_a_strange_record_of_the_customers_stops_nothing(
    world: World, cmdlet: str, make: dict[str, Any], lacks: list[str]
) -> None:
    world.cmdlet(cmdlet.replace("Get", "New"), **make)
    connection = await world.connect()
    given = world.cmdlet(cmdlet)
    for one in given["value"]:
        if one["Name"] == "Customer's":
            for name in lacks:
                del one[name]
    await _listed(world, connection, cmdlet, given)
    now = await world.connection(connection.id)
    assert now.status is Status.OK, now.sentence


async def test_one_of_ours_without_an_id_is_not_missed(world: World) -> None:
    connection = await world.connect()
    given = world.cmdlet(RULES)
    for one in given["value"]:
        one.pop("Guid", None)
    before = world.snapshot()
    await _listed(world, connection, RULES, given)
    assert world.snapshot() == before


async def _listed(world: World, connection: Connection, cmdlet: str, given: Any) -> None:
    """A synchronisation that is answered so."""
    body = json.loads(json.dumps(given))
    world.fault({"cmdlet": cmdlet}, {"kind": "status", "status": 200, "body": body}, times=20)
    await order(world, connection, "sync-now")
