"""Hazards of company: the customer, on purpose or not, changes what is ours, or what is around it."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.connections.record import Connection, Status
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.engine.ledger import HoldingState, holdings_of
from shared.flows.jobs import run
from shared.protection.policies import Policy
from tests.harness.world import World

IN_DOMAIN = "TMCAS Inline Incoming Domain Transport Rule"
OUT_DOMAIN = "TMCAS Inline Outgoing Domain Transport Rule"
SKIP = "TMCAS Inline Incoming Skip Spam Filter Transport Rule"
ARCHIVE = {"FromScope": "NotInOrganization", "RouteMessageOutboundConnector": "To the archive"}
STOPPING = {"FromScope": "NotInOrganization", "PrependSubject": "[seen] ", "StopRuleProcessing": True}


def rules(world: World) -> list[dict[str, Any]]:
    """The tenant's rules in their order."""
    found: list[dict[str, Any]] = json.loads(world.snapshot())["transportRules"]
    return found


def rule(world: World, name: str) -> dict[str, Any]:
    """One of them."""
    return next(one for one in rules(world) if one["Name"] == name)


def graph(world: World, method: str, path: str) -> None:
    """The customer's administrator acts in the directory."""
    where = f"{world.sims.control}/_sim/tenants/{world.tenant_id()}/graph"
    answer = httpx.post(where, json={"method": method, "path": path, "body": None}, trust_env=False)
    assert answer.status_code < 300, answer.text


def group(world: World, direction: str = "incoming") -> dict[str, Any]:
    """Our group of a direction, the newest if there were several."""
    alias = f"tmcas-inline-{direction}-"
    found = [one for one in json.loads(world.snapshot())["groups"] if one["mailNickname"].startswith(alias)]
    assert len(found) == 1
    return dict(found[0])


def people(world: World, count: int) -> list[str]:
    """Some users with a mailbox."""
    users = world.sims.microsoft.tenants[world.tenant_id()].users.values()
    return sorted(one["id"] for one in users if one["mail"] and one["userType"] == "Member")[:count]


async def sync(world: World, connection: Connection) -> Connection:
    """One synchronisation with the comparison that follows it."""
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    await world.work()
    return await world.connection(connection.id)


async def drifts(world: World, connection: Connection) -> list[dict[str, Any]]:
    """What the ledger recorded as drift."""
    return [entry async for entry in entries(world.app.database, connection.id) if entry.act == "drift"]


EDITS: dict[str, dict[str, Any]] = {
    "mode": {"Mode": "Audit"},
    "exception": {"ExceptIfSenderDomainIs": ["partner.example.com"]},
    "condition": {"RecipientDomainIs": ["contoso.com"]},
}


@pytest.mark.hazard(5)
@pytest.mark.parametrize("edit", EDITS)
async def test_an_edit_of_our_rule_is_recorded_and_left(world: World, edit: str) -> None:
    connection = await world.connect()
    untouched = world.snapshot()
    was = rule(world, IN_DOMAIN)
    world.cmdlet("Set-TransportRule", Identity=IN_DOMAIN, **EDITS[edit])
    edited = world.snapshot()
    assert edited != untouched
    told = await sync(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    assert IN_DOMAIN in str(told.sentence)
    assert world.snapshot() == edited
    (entry,) = await drifts(world, connection)
    name = "Foreign" if edit == "exception" else next(iter(EDITS[edit]))
    value = ["ExceptIfSenderDomainIs"] if edit == "exception" else EDITS[edit][name]
    assert entry.key == "rule-incoming-domain"
    assert entry.after[name] == value
    assert entry.after["effect"] == ["unscanned"]
    assert entry.before == {
        name: [] if edit == "exception" else sorted(was[name]) if edit == "condition" else was[name]
    }
    # Told once, however often it is looked at.
    assert (await sync(world, connection)).status is Status.ATTENTION
    assert len(await drifts(world, connection)) == 1
    assert world.snapshot() == edited
    # The customer thinks better of it.
    back: dict[str, Any] = {"ExceptIfSenderDomainIs": None} if edit == "exception" else {name: was[name]}
    world.cmdlet("Set-TransportRule", Identity=IN_DOMAIN, **back)
    well = await sync(world, connection)
    assert (well.status, well.reason) == (Status.OK, None)
    assert world.snapshot() == untouched


@pytest.mark.hazard(5)
@pytest.mark.parametrize("edit", [*EDITS, "disabled", "removed", "connector"])
async def test_an_edit_is_repaired_where_the_connection_says_so(world: World, edit: str) -> None:
    before = world.snapshot()
    connection = await world.connect(repair_drift=True)
    whole = json.loads(world.snapshot())
    match edit:
        case "disabled":
            world.cmdlet("Disable-TransportRule", Identity=IN_DOMAIN, Confirm=False)
        case "removed":
            world.cmdlet("Remove-TransportRule", Identity=IN_DOMAIN, Confirm=False)
        case "connector":
            world.cmdlet(
                "Set-OutboundConnector",
                Identity="TMCAS Inline Outbound Connector for Incoming Message",
                SmartHosts=["elsewhere.example.com"],
            )
        case _:
            world.cmdlet("Set-TransportRule", Identity=IN_DOMAIN, **EDITS[edit])
    await sync(world, connection)
    mended = await world.until_true(connection, lambda one: one.status is Status.OK, limit=timedelta(hours=1))
    assert mended.reason is None
    now = json.loads(world.snapshot())
    if edit == "removed":  # made anew, so by another identity, at the same place
        for one in (*now["transportRules"], *whole["transportRules"]):
            if one["Name"] == IN_DOMAIN:
                del one["Guid"]
    assert now == whole
    await world.leave(connection)
    assert world.snapshot() == before


@pytest.mark.hazard(5)
async def test_an_edited_rule_goes_with_the_rest(world: World) -> None:
    before = world.snapshot()
    connection = await world.connect()
    world.cmdlet("Set-TransportRule", Identity=OUT_DOMAIN, Name="Renamed by somebody", Comments="now mine")
    # Which is noted, and nobody is called: no message goes another way.
    assert (await sync(world, connection)).status is Status.OK
    (noted,) = await drifts(world, connection)
    assert (noted.after["Name"], noted.after["effect"]) == ("Renamed by somebody", [])
    await world.leave(connection)
    assert world.snapshot() == before


@pytest.mark.hazard(6)
async def test_a_group_deleted_by_the_customer_is_told_at_the_next_sync(world: World) -> None:
    connection = await world.connect(policies=[Policy(name="some", users=people(world, 3))])
    graph(world, "DELETE", f"/groups/{group(world)['id']}")
    world.clock.move(timedelta(days=1))
    await world.tick()
    told = await world.connection(connection.id)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    assert "bypasses the scanner" in str(told.sentence)
    assert "TMCAS Inline Incoming O365 Virtual Group" in str(told.sentence)
    keys = {entry.key for entry in await drifts(world, connection)}
    assert {"group-incoming", "group-incoming-members"} <= keys
    assert [one for one in rules(world) if one["Name"] == "TMCAS Inline Incoming User Transport Rule"]


@pytest.mark.hazard(6)
async def test_a_deleted_group_is_made_again_where_the_connection_says_so(world: World) -> None:
    chosen = people(world, 3)
    connection = await world.connect(policies=[Policy(name="some", users=chosen)], repair_drift=True)
    old = group(world)
    graph(world, "DELETE", f"/groups/{old['id']}")
    await sync(world, connection)
    await world.until_true(connection, lambda one: one.status is Status.OK, limit=timedelta(hours=1))
    new = group(world)
    assert new["id"] != old["id"]
    assert new["members"] == chosen
    assert rule(world, "TMCAS Inline Incoming User Transport Rule")["SentToMemberOf"] == [new["id"]]


@pytest.mark.hazard(6)
async def test_a_group_emptied_by_a_directory_tool_is_told(world: World) -> None:
    chosen = people(world, 3)
    connection = await world.connect(policies=[Policy(name="some", users=chosen)])
    ours = group(world)
    for user in chosen:
        graph(world, "DELETE", f"/groups/{ours['id']}/members/{user}/$ref")
    world.clock.move(timedelta(days=1))
    await world.tick()
    told = await world.connection(connection.id)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    assert "bypasses the scanner" in str(told.sentence)
    (entry,) = await drifts(world, connection)
    assert (entry.key, entry.before) == ("group-incoming-members", {"taken_out": []})
    assert (entry.after["taken_out"], entry.after["effect"]) == (chosen, ["unscanned"])
    held = await holdings_of(world.app.database, connection.id)
    assert held["group-incoming-members"].state is HoldingState.OURS
