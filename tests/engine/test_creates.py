"""Hazards of making: lost answers, and successes that are none."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.engine.chain import entries
from tests.harness.leftovers import exit_record, whole, without
from tests.harness.world import World

CREATIONS: dict[str, dict[str, Any]] = {
    "inbound": {"cmdlet": "New-InboundConnector"},
    "outbound": {"cmdlet": "New-OutboundConnector"},
    "rule": {"cmdlet": "New-TransportRule"},
    "enable-rule": {"cmdlet": "Enable-TransportRule"},
    "group": {"host": "graph", "method": "POST", "path": r"^/v1\.0/groups$"},
    "hide-group": {"cmdlet": "Set-UnifiedGroup"},
    "spoof": {"cmdlet": "New-TenantAllowBlockListSpoofItems"},
    "allow": {"cmdlet": "Set-HostedConnectionFilterPolicy"},
}
# Lists that the customer uses too: after a lost answer nobody can tell whose an element of them is.
SHARED = ("spoof", "allow")
WHOLE = {"transportRules": 4, "inboundConnectors": 2, "outboundConnectors": 2, "groups": 2, "spoof": 1, "allowed": 1}


def made(world: World, before: dict[str, Any]) -> dict[str, int]:
    """How many objects of each kind the tenant has now that it had not before."""
    now = json.loads(world.snapshot())
    kinds = ("transportRules", "inboundConnectors", "outboundConnectors", "groups")
    counted = {kind: len(now[kind]) - len(before[kind]) for kind in kinds}
    allowed = [one["connectionFilter"]["IPAllowList"] for one in (now, before)]
    return counted | {
        "spoof": len(now["spoofItems"]) - len(before["spoofItems"]),
        "allowed": len(allowed[0]) - len(allowed[1]),
    }


def tried(world: World, match: dict[str, Any]) -> int:
    """How often a creation reached the platform."""
    calls = world.sims.cloud.calls
    if "cmdlet" in match:
        return sum(call.cmdlet == match["cmdlet"] for call in calls)
    return sum((call.host, call.method, call.path) == ("graph", "POST", "/v1.0/groups") for call in calls)


@pytest.mark.hazard(2)
@pytest.mark.parametrize("name", CREATIONS)
async def test_a_lost_answer_makes_nothing_twice(world: World, name: str) -> None:
    before = world.snapshot()
    match = CREATIONS[name]
    # The platform does it, and the caller never hears of it: for each object of the kind.
    world.fault(match, {"kind": "drop_after"}, times=1)
    world.fault(match, {"kind": "drop_after"}, times=1, skip=1)
    connection = await world.connect()
    assert connection.stage is Stage.RUN
    await world.work()
    assert (await world.connection(connection.id)).status is Status.OK
    assert made(world, json.loads(before)) == WHOLE
    expected = {"inbound": 2, "outbound": 2, "rule": 4, "group": 2, "spoof": 1, "allow": 1}
    if name in expected:
        assert tried(world, match) == expected[name]
        written = [entry async for entry in entries(world.app.database, connection.id)]
        assert [e.act for e in written if e.act == ("unsure" if name in SHARED else "adopt")], (
            "what was made is found again, and known as ours"
        )
    await world.leave(connection)
    unsure = (await exit_record(world, connection))["cannot_tell_whose"]
    assert bool(unsure) == (name in SHARED), "an element of a list that is not only ours may be the customer's"
    assert without(world, unsure) == whole(before)


@pytest.mark.hazard(2)
@pytest.mark.parametrize("name", ["inbound", "rule", "group", "spoof", "allow"])
async def test_a_lost_request_is_made_after_all(world: World, name: str) -> None:
    before = json.loads(world.snapshot())
    world.fault(CREATIONS[name], {"kind": "drop_before"}, times=2)
    connection = await world.connect()
    assert made(world, before) == WHOLE
    written = [entry async for entry in entries(world.app.database, connection.id)]
    assert [e for e in written if e.act == "create" and e.state == "failed"]


@pytest.mark.hazard(2)
async def test_a_lost_answer_with_a_lagging_directory(world: World) -> None:
    before = world.snapshot()
    world.behave(group_visible_in_graph_seconds=240)
    world.fault(CREATIONS["group"], {"kind": "drop_after"}, times=1)
    connection = await world.connect()
    assert made(world, json.loads(before)) == WHOLE
    assert tried(world, CREATIONS["group"]) == 2
    await world.leave(connection)
    assert world.snapshot() == before


@pytest.mark.hazard(2)
@pytest.mark.parametrize("cmdlet", ["Remove-TransportRule", "Remove-InboundConnector", "Remove-OutboundConnector"])
async def test_a_removal_whose_answer_is_lost(world: World, cmdlet: str) -> None:
    before = world.snapshot()
    connection = await world.connect()
    world.fault({"cmdlet": cmdlet}, {"kind": "drop_after"}, times=2)
    await world.leave(connection)
    assert world.snapshot() == before


@pytest.mark.hazard(3)
async def test_a_connector_made_disabled_is_noticed(world: World) -> None:
    world.behave(onprem_connector_disabled=True)
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    stuck = await world.until_true(connection, lambda one: one.status is Status.ATTENTION, limit=timedelta(hours=2))
    assert stuck.stage is Stage.GRANT
    assert "TMCAS Inline Inbound Connector for Outgoing Message" in str(stuck.sentence)
    assert "Enabled is False" in str(stuck.sentence)
    # It does not end by itself, and mail is not routed where it could not come back.
    await world.pass_time(timedelta(hours=26))
    await world.tick()
    still = await world.connection(connection.id)
    assert (still.stage, still.status) == (Stage.GRANT, Status.ATTENTION)
    assert "support" in str(still.sentence).lower()
    rules = [one for one in json.loads(world.snapshot())["transportRules"] if "Inline" in one["Name"]]
    assert not [one["Name"] for one in rules if "Domain" in one["Name"] and one["State"] == "Enabled"]
    # Support has allowed it, and the administrator switches it on.
    world.behave(onprem_connector_disabled=False)
    world.cmdlet("Set-InboundConnector", Identity="TMCAS Inline Inbound Connector for Outgoing Message", Enabled=True)
    mended = await world.until(connection, Stage.RUN, limit=timedelta(hours=26))
    assert mended.stage is Stage.RUN
    await world.work()
    assert (await world.connection(connection.id)).status is Status.OK


@pytest.mark.hazard(3)
async def test_a_connector_is_switched_on_once_that_is_allowed(world: World) -> None:
    world.behave(onprem_connector_disabled=True)
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    await world.until_true(connection, lambda one: one.status is Status.ATTENTION, limit=timedelta(hours=2))
    world.behave(onprem_connector_disabled=False)
    await world.until(connection, Stage.RUN, limit=timedelta(hours=26))
    inbound = json.loads(world.snapshot())["inboundConnectors"]
    assert all(one["Enabled"] for one in inbound if one["Name"].startswith("TMCAS"))


@pytest.mark.hazard(3)
async def test_a_spoof_entry_that_was_not_made_is_noticed(world: World) -> None:
    before = json.loads(world.snapshot())
    world.behave(spoof_not_created=True)
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    stuck = await world.until_true(connection, lambda one: one.status is Status.ATTENTION, limit=timedelta(hours=2))
    assert (stuck.stage, stuck.reason) == (Stage.GRANT, "not_made")
    assert "does not list it" in str(stuck.sentence)
    assert 1 < tried(world, CREATIONS["spoof"]) < 6
    await world.pass_time(timedelta(hours=12))
    assert (await world.connection(connection.id)).stage is Stage.GRANT
    world.behave(spoof_not_created=False)
    await world.until(connection, Stage.RUN, limit=timedelta(hours=26))
    assert made(world, before) == WHOLE
