"""What bears our mark and was never recorded is told, never silently passed, and never removed by a guess."""

from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.certificate import Certificate
from shared.engine.chain import entries
from shared.engine.ledger import HoldingState, holdings_of
from shared.foundation.brand import PUBLISHED
from tests.harness import workspace
from tests.harness.leftovers import exit_record
from tests.harness.world import ORCHARD, World

MARKED = "bears our mark, not recorded"
NAMED = "bears a name of ours but not our mark, not recorded"
ADDRESSED = "names our addresses but does not bear our mark, not recorded"


def mark(connection: Connection) -> str:
    """What our objects bear."""
    return connection.brand.mark(connection.id)


def told(record: Certificate) -> set[tuple[str, str, str]]:
    """(kind, name, why) of each thing that bears a sign of ours."""
    return {(str(one["key"]), str(one["title"]), one["why"]) for one in record["bears_our_mark"]}


def copy_of_a_rule(world: World, connection: Connection) -> None:
    """Somebody copies a rule in the admin center, comment and all."""
    world.cmdlet(
        "New-TransportRule", Name="Copy", Comments=mark(connection), FromScope="NotInOrganization", PrependSubject="-"
    )


@pytest.mark.hazard(33)
@pytest.mark.parametrize("when", ["while running", "at the end"])
async def test_a_copy_of_our_rule_is_told_and_left(world: World, when: str) -> None:
    connection = await world.connect()
    if when == "while running":
        copy_of_a_rule(world, connection)
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.stage is Stage.CLEANUP)
    if when == "at the end":
        copy_of_a_rule(world, connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    world.admin("remove-application")
    closed = await world.until(connection, Stage.CLOSED)
    record = await exit_record(world, closed)
    assert ("transport-rules", "Copy", MARKED) in told(record)
    assert record["result"] == "residue"
    assert [r["Name"] for r in world.sims.microsoft.tenants[world.tenant_id()].rules if r["Name"] == "Copy"]
    noted = [e.note async for e in entries(world.app.database, connection.id) if e.act == "marked"]
    assert noted == ([f"Copy {MARKED}"] if when == "while running" else [])


async def plant(world: World, connection: Connection) -> None:
    """One of each kind that Microsoft's APIs list."""
    host = world.app.settings.mail.at(connection.site).outgoing_smart_host.format(connection=connection.label)
    named = connection.brand.rule_incoming_domain
    world.cmdlet("New-TransportRule", Name=named, FromScope="NotInOrganization", PrependSubject="-")
    world.cmdlet(
        "New-InboundConnector", Name="Theirs", SenderDomains=["*"], SenderIPAddresses=["203.0.113.20"], RequireTls=True
    )
    world.cmdlet(
        "New-OutboundConnector", Name="Out", SmartHosts=[host], UseMXRecord=False, TlsSettings="EncryptionOnly"
    )
    body: dict[str, Any] = {
        "displayName": "Marked",
        "description": mark(connection),
        "mailNickname": "marked",
        "groupTypes": ["Unified"],
        "mailEnabled": True,
        "securityEnabled": False,
    }
    world.graph("POST", "/groups", body=body)
    binned = world.graph("POST", "/groups", body={**body, "displayName": "In the bin", "mailNickname": "binned"})
    world.graph("DELETE", f"/groups/{binned['id']}")
    pair = {"SpoofedUser": "example.com", "SendingInfrastructure": "Outbound.example.net", "SpoofType": "External"}
    world.cmdlet("New-TenantAllowBlockListSpoofItems", Identity="Default", Action="Allow", **pair)
    added = {"@odata.type": "#Exchange.GenericHashTable", "add": "203.0.113.18"}
    world.cmdlet("Set-HostedConnectionFilterPolicy", Identity="Default", IPAllowList=added)


@pytest.mark.hazard(33)
async def test_each_kind_is_searched_and_nothing_of_theirs_goes(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.stage is Stage.CLEANUP)
    await plant(world, connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    before = world.snapshot()
    await world.pass_time(timedelta(hours=2))
    assert world.snapshot() == before
    record = await exit_record(world, connection)
    assert told(record) == {
        ("transport-rules", connection.brand.rule_incoming_domain, NAMED),
        ("inbound-connectors", "Theirs", ADDRESSED),
        ("outbound-connectors", "Out", ADDRESSED),
        ("groups", "Marked", MARKED),
        ("groups", PUBLISHED.group_incoming, NAMED),
        ("deleted-groups", "In the bin", MARKED),
        ("spoof-pairs", "example.com with outbound.example.net", ADDRESSED),
        ("allowed-addresses", "203.0.113.18", ADDRESSED),
    }
    searched = [one for one in record["looked"] if one["how"].startswith("by our mark")]
    assert len(searched) == len(world.app.platforms["microsoft365"].searches)


@pytest.mark.hazard(33)
async def test_a_name_of_ours_that_the_customer_has_by_chance_spoils_no_certificate(world: World) -> None:
    closed = await world.leave(await world.connect())
    record = await exit_record(world, closed)
    assert told(record) == {("groups", PUBLISHED.group_incoming, NAMED)}
    assert record["result"] == "clean"


@pytest.mark.hazard(1)
async def test_what_could_not_be_searched_is_told(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.stage is Stage.CLEANUP)
    match = {"host": "graph", "path": "^/v1.0/directory/deletedItems/microsoft.graph.group"}
    world.fault(match, {"kind": "status", "status": 403}, times=1000)
    closed = await world.leave(connection)
    record = await exit_record(world, closed)
    assert record["result"] == "degraded"
    assert [one["key"] for one in record["could_not_check"]] == ["deleted-groups"]


@pytest.mark.hazard(33)
async def test_a_group_with_our_mark_at_google_is_told_and_left(world: World) -> None:
    connection = await workspace.connect(world)
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    (own,) = [key for key, one in customer.groups.items() if one.get("description") == mark(connection)]
    customer.groups["copy"] = {**customer.groups[own], "id": "copy", "email": "copy@orchard.example", "name": "Copy"}
    customer.members["copy"] = {}
    closed = await workspace.leave(world, connection)
    record = await exit_record(world, closed)
    assert ("groups", "Copy", MARKED) in told(record)
    assert record["result"] == "residue"
    assert "copy" in customer.groups


async def test_what_is_listed_under_an_id_that_was_believed_gone_is_told_as_still_there(world: World) -> None:
    connection = await world.connect()
    group = (await holdings_of(world.app.database, connection.id))["group-incoming"].identity
    by_id = {"host": "graph", "path": f"^/v1.0/(groups|directory/deletedItems)/{group}$"}
    missing = {"error": {"code": "Request_ResourceNotFound", "message": "It does not exist."}}
    world.fault(by_id, {"kind": "status", "status": 404, "body": missing}, times=10_000)
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    assert (await holdings_of(world.app.database, connection.id))["group-incoming"].state is HoldingState.GONE
    world.admin("remove-application")
    record = await exit_record(world, await world.until(connection, Stage.CLOSED))
    assert ("group-incoming", group) in {(one["key"], one["identity"]) for one in record["residue"]}
    assert record["result"] == "residue"
