"""A revoke always ends: what fails for one object holds nothing up but what depends on it, and that not for ever."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.effects import FOREIGN
from shared.engine.ledger import holdings_of
from shared.flows.jobs import run
from shared.protection.policies import EVERYONE, Policy
from tests.harness.leftovers import exit_record
from tests.harness.orders import order
from tests.harness.world import World

ALWAYS = 100_000


def rules(world: World) -> list[Mapping[str, Any]]:
    """Our rules, in their order."""
    listed = world.sims.microsoft.tenants[world.tenant_id()].rules
    return [rule for rule in listed if rule["Name"].startswith("TMCAS")]


def routing(world: World) -> list[str]:
    """Our rules that route mail."""
    found = [r for r in rules(world) if r.get("RouteMessageOutboundConnector") and r["State"] == "Enabled"]
    return [rule["Name"] for rule in found]


def certified_without_our_own(record: Mapping[str, Any]) -> None:
    """What we keep ourselves is deleted before the certificate is drawn up: the tokens of the last look too."""
    ours = {one["key"]: one["found"] for one in record["looked"] if one["how"] == "in our own database"}
    assert ours.keys() >= {"tokens", "directory"}
    assert set(ours.values()) == {"nothing of ours"}
    assert ours.keys().isdisjoint(one["key"] for one in record["residue"])


async def with_users(world: World, **more: Any) -> Connection:
    """A running connection that protects everyone, and some users by name."""
    users = world.sims.microsoft.tenants[world.tenant_id()].users.values()
    some = sorted(one["id"] for one in users if one.get("mail") and one["userType"] == "Member")[:3]
    connection = await world.connect(policies=[EVERYONE, Policy(name="some", users=some)], **more)
    await world.pass_time(timedelta(minutes=20))
    return connection


@pytest.mark.hazard(35)
@pytest.mark.parametrize("looks", [0, 1, 2])
async def test_a_group_that_is_gone_keeps_no_rule(world: World, looks: int) -> None:
    before = world.snapshot()
    connection = await with_users(world, repair_drift=True)
    group = (await holdings_of(world.app.database, connection.id))["group-incoming"].identity
    world.graph("DELETE", f"/groups/{group}")
    for _ in range(looks):
        await run(world.app, Job(name="sync-now", connection_id=connection.id))
        world.clock.move(timedelta(minutes=6))
    await world.revoke(connection)
    await world.work()
    assert routing(world) == []
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator", limit=timedelta(days=2))
    world.admin("remove-application")
    await world.until(connection, Stage.CLOSED)
    assert world.snapshot() == before


@pytest.mark.hazard(35)
@pytest.mark.parametrize("settings", [{}, {"repair_drift": True}], ids=["reported", "repaired"])
async def test_rules_that_the_customer_reorders_are_repaired_and_removed(
    world: World, settings: dict[str, bool]
) -> None:
    connection = await with_users(world, **settings)
    last = next(rule for rule in rules(world) if "Skip Spam" in rule["Name"])
    for rule in world.sims.microsoft.tenants[world.tenant_id()].rules.copy():
        if not rule["Name"].startswith("TMCAS"):
            world.cmdlet("Set-TransportRule", Identity=rule["Guid"], Priority=0)
    world.cmdlet("Set-TransportRule", Identity=last["Guid"], Priority=0)
    await order(world, connection, "repair")
    assert rules(world)[-1]["Guid"] == last["Guid"]
    # What the customer's own moved rules may do to mail is told, and is no fault of ours.
    held = await holdings_of(world.app.database, connection.id)
    assert not [key for key, one in held.items() if one.drift and not key.startswith(FOREIGN)]
    world.cmdlet("Set-TransportRule", Identity=last["Guid"], Priority=0)
    await world.leave(connection)
    assert rules(world) == []


@pytest.mark.hazard(35)
@pytest.mark.parametrize(
    "match",
    [
        {"cmdlet": "Get-InboundConnector"},
        {"cmdlet": "Get-OutboundConnector"},
        {"cmdlet": "Get-TenantAllowBlockListSpoofItems"},
        {"host": "graph", "path": "^/v1.0/groups/"},
    ],
    ids=lambda match: match.get("cmdlet", "groups"),
)
async def test_what_cannot_be_read_keeps_no_mail_routed_and_is_listed_at_the_end(
    world: World, match: dict[str, Any]
) -> None:
    connection = await with_users(world)
    world.fault(match, {"kind": "status", "status": 500}, times=ALWAYS)
    await world.revoke(connection)
    await world.work()
    assert routing(world) == []
    await world.until(connection, Stage.CLOSED, limit=timedelta(days=6))
    record = await exit_record(world, connection)
    assert record["result"] == "degraded"
    assert record["could_not_check"]
    listed = {one["key"] for one in record["could_not_check"]}
    held = await holdings_of(world.app.database, connection.id)
    assert {key for key, one in held.items() if one.state not in ("gone", "borrowed")} <= listed
    assert rules(world) == []
    certified_without_our_own(record)


@pytest.mark.hazard(35)
@pytest.mark.parametrize("cmdlet", ["Remove-OutboundConnector", "Remove-InboundConnector", "Remove-TransportRule"])
async def test_what_cannot_be_removed_is_listed_at_the_end(world: World, cmdlet: str) -> None:
    connection = await with_users(world)
    refused = {"error": {"code": "BadRequest", "message": "|System.Exception|Not now."}}
    world.fault({"cmdlet": cmdlet}, {"kind": "status", "status": 400, "body": refused}, times=ALWAYS)
    await world.revoke(connection)
    await world.until(connection, Stage.CLOSED, limit=timedelta(days=6))
    record = await exit_record(world, connection)
    assert record["result"] == "degraded"
    left = [one["why"] for one in record["could_not_check"] if "could not be removed" in one["why"]]
    assert left
    certified_without_our_own(record)
