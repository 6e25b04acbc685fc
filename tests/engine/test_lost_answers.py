"""Hazards of making: an answer that is lost, an object that is not as it was asked for."""

import json
from typing import Any

import pytest

from shared.connections.record import Status
from shared.connections.stages import Stage
from tests.harness.leftovers import exit_record, whole, without
from tests.harness.world import World


def state(world: World) -> dict[str, Any]:
    """The tenant's whole state."""
    found: dict[str, Any] = json.loads(world.snapshot())
    return found


CREATES: dict[str, dict[str, str]] = {
    "inbound": {"cmdlet": "New-InboundConnector"},
    "outbound": {"cmdlet": "New-OutboundConnector"},
    "rule": {"cmdlet": "New-TransportRule"},
    "spoof": {"cmdlet": "New-TenantAllowBlockListSpoofItems"},
    "address": {"cmdlet": "Set-HostedConnectionFilterPolicy"},
    "group": {"host": "graph", "method": "POST", "path": "^/v1.0/groups$"},
}


@pytest.mark.hazard(2)
@pytest.mark.parametrize("kind", CREATES)
@pytest.mark.parametrize("lag", [0, 90])
async def test_a_lost_answer_makes_no_second_one(world: World, kind: str, lag: int) -> None:
    before = world.snapshot()
    world.behave(group_visible_in_graph_seconds=lag)
    world.fault(CREATES[kind], {"kind": "drop_after"}, times=2)
    connection = await world.connect()
    now = state(world)
    for objects in ("transportRules", "inboundConnectors", "outboundConnectors"):
        names = [one["Name"] for one in now[objects]]
        assert len(names) == len(set(names))
    assert len([one for one in now["groups"] if one["mailNickname"].startswith("tmcas-inline-")]) == 2
    assert len(now["connectionFilter"]["IPAllowList"]) == len(set(now["connectionFilter"]["IPAllowList"]))
    await world.leave(connection)
    unsure = (await exit_record(world, connection))["cannot_tell_whose"]
    assert bool(unsure) == (kind in ("spoof", "address")), "an element of a shared list may be the customer's"
    assert without(world, unsure) == whole(before)


@pytest.mark.hazard(3)
async def test_a_connector_made_disabled_is_told_and_waited_for(world: World) -> None:
    world.behave(onprem_connector_disabled=True)
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    told = await world.until_true(connection, lambda now: now.status is Status.ATTENTION)
    assert told.stage is Stage.GRANT
    assert "Enabled" in str(told.sentence)
    assert "support" in str(told.sentence)
    world.behave(onprem_connector_disabled=False)
    await world.until(connection, Stage.RUN)


@pytest.mark.hazard(3)
async def test_a_spoof_entry_that_is_not_there_is_told(world: World) -> None:
    world.behave(spoof_not_created=True)
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    told = await world.until_true(connection, lambda now: now.status is Status.ATTENTION)
    assert (told.stage, told.reason) == (Stage.GRANT, "not_made")
    world.behave(spoof_not_created=False)
    await world.until(connection, Stage.RUN)
