"""What a run does with its plan: in which order, from which reads, and what it says when several things fail."""

from datetime import timedelta
from ipaddress import IPv4Network

from shared.connections.record import Connection, Status
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.flows.jobs import run
from shared.foundation.platform_settings import MailSite
from shared.protection.policies import EVERYONE, Policy
from tests.harness.world import World

IN_DOMAIN = "TMCAS Inline Incoming Domain Transport Rule"
OLD, NEW = "198.51.100.32/29", "192.0.2.64/28"


async def acts(world: World, connection: Connection, act: str) -> list[str]:
    """The keys of what was done, in order."""
    done = entries(world.app.database, connection.id)
    return [one.key async for one in done if (one.act, one.state) == (act, "done")]


async def look(world: World, connection: Connection) -> Connection:
    """One look at the tenant."""
    await run(world.app, Job(name="advance", connection_id=connection.id))
    return await world.connection(connection.id)


async def test_what_was_made_last_goes_first(world: World) -> None:
    users = world.sims.microsoft.tenants[world.tenant_id()].users.values()
    two = sorted(one["id"] for one in users if one.get("mail") and one["userType"] == "Member")[:2]
    connection = await world.connect(policies=[EVERYONE, Policy(name="two", users=two)])
    rows = [row.key for row in world.app.platforms["microsoft365"].rows(connection.brand)]
    await world.revoke(connection)
    await world.work()
    gone = await acts(world, connection, "remove")
    assert len([key for key in gone if key.startswith("rule-")]) == 4
    assert gone == [key for key in reversed(rows) if key in gone]


async def test_after_something_was_noted_the_tenant_is_read_afresh(world: World) -> None:
    connection = await world.connect()
    world.cmdlet("Set-TransportRule", Identity=IN_DOMAIN, Mode="Audit")
    world.sims.cloud.calls.clear()
    assert (await look(world, connection)).reason == "drift"
    listed = [call for call in world.sims.cloud.calls if call.cmdlet == "Get-TransportRule"]
    assert len(listed) == 2  # the plan that notes the drift, and the one that finds nothing more to do


async def test_a_range_that_the_service_left_goes_and_its_new_one_comes(world: World) -> None:
    before = world.snapshot()
    connection = await world.connect()
    assert OLD in allowed(world)
    site = MailSite(egress=[IPv4Network("203.0.113.16/28"), IPv4Network(NEW)])
    moved = await world.again(mail={"default": site.model_dump(mode="json")})
    assert (await look(moved, connection)).status is Status.OK
    assert OLD not in allowed(world)
    assert NEW in allowed(world)
    await moved.leave(connection)
    assert world.snapshot() == before


def allowed(world: World) -> list[str]:
    """The customer's list of addresses."""
    return list(world.sims.microsoft.tenants[world.tenant_id()].connection_filter["IPAllowList"])


async def test_of_several_failures_the_first_is_told_and_the_rest_is_done(world: World) -> None:
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    for cmdlet in ("New-InboundConnector", "New-OutboundConnector"):
        body = {"error": {"code": "BadRequest", "message": f"|System.Exception|{cmdlet} is not for you."}}
        world.fault({"cmdlet": cmdlet}, {"kind": "status", "status": 400, "body": body}, times=100)
    await world.work()
    told = await world.until_true(connection, lambda now: now.status is Status.ATTENTION, limit=timedelta(hours=2))
    tried = [one.key async for one in entries(world.app.database, connection.id) if one.state == "failed"]
    first = {"inbound": "New-InboundConnector", "outbound": "New-OutboundConnector"}[tried[0].partition("-")[0]]
    assert len({key.partition("-")[0] for key in tried}) == 2
    assert f"{first} is not for you" in str(told.sentence)
    assert "spoof" in await acts(world, connection, "create")


async def test_what_is_said_to_be_gone_already_is_no_failure(world: World) -> None:
    connection = await world.connect()
    await world.pass_time(timedelta(minutes=20))
    await world.revoke(connection)
    await world.work()
    gone = {"error": {"code": "Request_ResourceNotFound", "message": "none"}}
    match = {"host": "graph", "method": "DELETE", "path": r"^/v1\.0/groups/[0-9a-f-]{36}$"}
    world.fault(match, {"kind": "status", "status": 404, "body": gone})
    world.clock.move(timedelta(minutes=31))
    told = await look(world, connection)
    assert (told.reason, told.failing_since) == ("waiting_for_time", None)
    refused = [one.key async for one in entries(world.app.database, connection.id) if one.state == "failed"]
    assert len(refused) == 1
    # The answer alone is not believed: it was there still, and was removed.
    assert refused[0] in await acts(world, connection, "remove")
