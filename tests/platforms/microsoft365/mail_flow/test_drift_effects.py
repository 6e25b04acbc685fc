"""A look at a running tenant says what others' changes do to mail, of our objects and of theirs."""

from pathlib import Path
from typing import Any

import pytest

from infra.local.simulators import Simulators
from shared.connections.record import Connection, Status
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.engine.ledger import holdings_of
from shared.flows.jobs import run
from shared.flows.plans import planned
from shared.protection.policies import Policy
from shared.web.views.changes import changes
from tests.harness.orders import order
from tests.harness.world import TestClock, World
from tests.platforms.microsoft365.mail_flow.flow import BACK_IN, IN_DOMAIN, JUNK, OUT_DOMAIN, SKIP, TO_SCANNER_IN


@pytest.fixture
def clock(sims: Simulators, _platforms: tuple[Simulators, Any, Path]) -> TestClock:
    """The time of the simulators and of the app, not that of scripted hosts."""
    return TestClock(_platforms[2])


async def look(world: World, connection: Connection) -> Connection:
    """One synchronisation with the comparison that follows it."""
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    await world.work()
    return await world.connection(connection.id)


async def drifted(world: World, connection: Connection) -> dict[str, Any]:
    """What has drifted, by key."""
    held = await holdings_of(world.app.database, connection.id)
    return {key: one.drift for key, one in held.items() if one.drift}


OURS: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("rule-incoming-domain", "Set-TransportRule", {"Identity": IN_DOMAIN, "DeleteMessage": True},
     ["bounced_or_delayed"]),
    ("rule-junk", "Set-TransportRule", {"Identity": JUNK, "ExpiryDate": "2020-01-01T00:00:00"},
     ["filtered_twice", "trusted_without_us"]),
    ("rule-outgoing-domain", "Set-TransportRule", {"Identity": OUT_DOMAIN, "Mode": "Audit"}, ["unscanned"]),
    ("outbound-incoming", "Set-OutboundConnector", {"Identity": TO_SCANNER_IN, "Enabled": False},
     ["bounced_or_delayed"]),
    ("rule-incoming-domain", "Set-TransportRule", {"Identity": IN_DOMAIN, "Comments": "ask the help desk"}, []),
    ("inbound-incoming", "Set-InboundConnector", {"Identity": BACK_IN, "Name": "From the scanner"}, []),
]  # fmt: skip


@pytest.mark.parametrize(("key", "cmdlet", "edit", "effect"), OURS)
async def test_drift_of_ours_bears_its_effect(
    world: World, key: str, cmdlet: str, edit: dict[str, Any], effect: list[str]
) -> None:
    connection = await world.connect()
    world.cmdlet(cmdlet, **edit)
    told = await look(world, connection)
    assert (await drifted(world, connection))[key]["effect"] == effect
    assert told.status is (Status.ATTENTION if effect else Status.OK)
    (step,) = [one for one in (await planned(world.app, connection)).lines if one.verb == "drift"]
    assert (step.key, (step.after or {})["effect"]) == (key, effect)
    # Noted once, however often it is looked at.
    await look(world, connection)
    noted = [one async for one in entries(world.app.database, connection.id) if one.act == "drift"]
    assert [one.key for one in noted] == [key]


async def test_the_worst_effect_is_told_with_its_cause(world: World) -> None:
    connection = await world.connect()
    world.cmdlet("Disable-TransportRule", Identity=JUNK, Confirm=False)
    world.cmdlet("Disable-TransportRule", Identity=IN_DOMAIN, Confirm=False)
    told = await look(world, connection)
    assert str(told.sentence).startswith(
        f"Inbound mail to all protected people bypasses the scanner: {IN_DOMAIN} was disabled. "
    )


async def test_a_customers_rule_in_our_way_is_told_and_left(world: World) -> None:
    connection = await world.connect()
    rule = {"Name": "News", "FromScope": "NotInOrganization", "PrependSubject": "[out] ", "StopRuleProcessing": True}
    world.cmdlet("New-TransportRule", **rule, Priority=0)
    edited = world.snapshot()
    told = await look(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    assert "bypasses the scanner: the rule “News” was added" in str(told.sentence)
    ((key, drift),) = (await drifted(world, connection)).items()
    assert key.startswith("mail-flow/rule/")
    assert drift["effect"] == ["unscanned"]
    assert drift["touches"][0]["direction"] == "incoming"
    (row,) = [one for one in (await changes(world.app, connection))["rows"] if one["kind"] == "by others"]
    assert row["effect"] == ["unscanned"]
    # A repair is of our objects only.
    await order(world, connection, "repair")
    await world.work()
    assert world.snapshot() == edited
    world.cmdlet("Remove-TransportRule", Identity="News", Confirm=False)
    assert (await look(world, connection)).status is Status.OK
    assert not await drifted(world, connection)


async def test_a_customers_harmless_rule_is_nobodys_business(world: World) -> None:
    connection = await world.connect()
    world.cmdlet("New-TransportRule", Name="Notice", SentToScope="NotInOrganization", PrependSubject="[ext] ")
    assert (await look(world, connection)).status is Status.OK
    assert not await drifted(world, connection)


async def test_what_the_customer_blocks_is_told_beside_what_is_accepted_already(world: World) -> None:
    connection = await world.connect()
    world.cmdlet("New-TransportRule", Name="Notice", SentToScope="NotInOrganization", PrependSubject="[ext] ")
    await look(world, connection)
    address = str(next(iter(world.app.settings.mail.at(connection.site).egress)).network_address)
    block = {"@odata.type": "#Exchange.GenericHashTable", "Add": [address]}
    world.cmdlet("Set-HostedConnectionFilterPolicy", Identity="Default", IPBlockList=block)
    assert (await look(world, connection)).status is Status.ATTENTION
    world.cmdlet("Set-RemoteDomain", Identity="Default", IsInternal=True)
    world.cmdlet("New-JournalRule", Name="Archive", JournalEmailAddress="a@archive.example", Enabled=True)
    await look(world, connection)
    told = await drifted(world, connection)
    assert {key: one["effect"] for key, one in told.items()} == {
        f"mail-flow/blocked/{address}": ["bounced_or_delayed"],
        "mail-flow/remote/*": ["unscanned"],
    }
    world.cmdlet("Set-RemoteDomain", Identity="Default", IsInternal=False)
    await look(world, connection)
    assert [*await drifted(world, connection)] == [f"mail-flow/blocked/{address}"]


async def test_people_who_left_our_group_are_counted(world: World) -> None:
    users = world.sims.microsoft.tenants[world.tenant_id()].users.values()
    chosen = sorted(one["id"] for one in users if one["mail"] and one["userType"] == "Member")[:3]
    connection = await world.connect(policies=[Policy(name="some", users=chosen)])
    held = await holdings_of(world.app.database, connection.id)
    world.graph("DELETE", f"/groups/{held['group-incoming'].identity}/members/{chosen[0]}/$ref")
    told = await look(world, connection)
    assert str(told.sentence).startswith("Inbound mail to 1 protected person bypasses the scanner")
    (touched,) = (await drifted(world, connection))["group-incoming-members"]["touches"]
    assert (touched["share"], touched["people"]) == ("some", 1)
    assert touched["effect"] == "unscanned"


async def test_added_actions_and_dates_are_taken_out_where_the_connection_repairs(world: World) -> None:
    connection = await world.connect(repair_drift=True)
    made = world.snapshot()
    edit = {"DeleteMessage": True, "ExpiryDate": "2020-01-01T00:00:00"}
    world.cmdlet("Set-TransportRule", Identity=IN_DOMAIN, **edit)
    world.cmdlet("Set-InboundConnector", Identity=BACK_IN, EFTestMode=True)
    assert (await look(world, connection)).status is Status.OK
    assert world.snapshot() == made


@pytest.mark.parametrize("moved", [IN_DOMAIN, OUT_DOMAIN, JUNK, SKIP])
@pytest.mark.parametrize("end", ["first", "last"])
async def test_a_repair_moves_the_rule_that_was_moved_and_no_other(world: World, moved: str, end: str) -> None:
    for name in ("Notice", "Payroll notice"):
        world.cmdlet("New-TransportRule", Name=name, SentToScope="NotInOrganization", PrependSubject="[ext] ")
    connection = await world.connect(repair_drift=True)

    def order() -> list[str]:
        rules = world.cmdlet("Get-TransportRule")["value"]
        return [one["Name"] for one in sorted(rules, key=lambda one: int(one["Priority"]))]

    before = order()
    world.cmdlet("Set-TransportRule", Identity=moved, Priority=0 if end == "first" else len(before) - 1)
    assert (await look(world, connection)).status is Status.OK
    after = order()
    assert [one for one in after if one != moved] == [one for one in before if one != moved]
    ours = [IN_DOMAIN, OUT_DOMAIN, JUNK, SKIP]
    assert [one for one in after if one in ours] == ours
