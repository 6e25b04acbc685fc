"""Single users whom a platform does not take into our group: named and tried again, and everybody else is protected."""

from datetime import timedelta

import pytest

from shared.connections.record import Connection, Status
from shared.deployment.queues import Job
from shared.flows import policies
from shared.flows.jobs import run
from shared.protection import set_aside
from shared.protection.policies import Policy
from tests.harness import workspace as google
from tests.harness.world import ORCHARD, World


async def named(world: World, connection: Connection) -> list[str]:
    return [one.name for one in await set_aside.listed(world.app.database, connection.id, "member")]


def some(*users: str) -> Policy:
    return Policy(name="some", direction="incoming", users=list(users))


async def more(world: World, connection: Connection, *users: str) -> Connection:
    """The policy comes to mean more users; what came of it."""
    now = await world.connection(connection.id)
    await policies.put(world.app, now, some(*users), lambda *_: None, "olga@msp.example")
    await world.work()
    return await world.connection(connection.id)


async def an_hour_or_so(world: World) -> None:
    for _ in range(3):
        await world.pass_time(timedelta(minutes=40))
        await world.tick()


@pytest.mark.hazard(39)
@pytest.mark.parametrize("reason", ["invalid", "forbidden", "domainPolicy", "notFound", "conditionNotMet"])
async def test_google_refuses_one_of_four(world: World, reason: str) -> None:
    users = google.some_users(world, 8)
    connection = await google.connect(world, modes=["inline"], policies=[some(*users[:4])])
    world.behave(ORCHARD, refused_members={users[5]: reason})
    now = await more(world, connection, *users)
    assert now.status is Status.OK, now.sentence
    assert set(users) - google.customer_members(world).keys() == {users[5]}
    assert len(await named(world, connection)) == 1
    world.behave(ORCHARD, refused_members={})
    await an_hour_or_so(world)
    assert len(google.customer_members(world)) == 8
    assert not await named(world, connection)


@pytest.mark.hazard(39)
@pytest.mark.parametrize(
    ("status", "before", "clear"),
    [(400, 2, True), (403, 3, True), (404, 2, True), (409, 2, False), (423, 2, False), (500, 2, False)],
)
async def test_graph_refuses_one_of_two_or_the_only_one(world: World, status: int, before: int, *, clear: bool) -> None:
    people = world.sims.microsoft.tenants[world.tenant_id()].users.values()
    users = sorted(str(one["id"]) for one in people if one["mail"] and one["userType"] == "Member")[:4]
    connection = await world.connect(policies=[some(*users[:before])])
    world.behave(refused_members={users[3]: status})
    now = await more(world, connection, *users)
    expected = (Status.OK, None) if clear else (Status.WAITING, "membership_unclear")
    assert (now.status, now.reason) == expected, now.sentence
    address = next(str(one["mail"]) for one in people if one["id"] == users[3])
    assert address in (*str(now.sentence).replace(",", " ").split(), *await named(world, connection))
    tenant = world.sims.microsoft.tenants[world.tenant_id()]
    ours = next(key for key, one in tenant.groups.items() if one["mailNickname"].startswith("tmcas-inline-incoming"))
    assert set(users) - tenant.members[ours] == {users[3]}
    world.behave(refused_members={})
    await an_hour_or_so(world)
    assert users[3] in tenant.members[ours]
    assert not await named(world, connection)


@pytest.mark.hazard(39)
async def test_a_failure_in_between_does_not_hold_up_everybody_else_longer(world: World) -> None:
    people = world.sims.microsoft.tenants[world.tenant_id()].users.values()
    users = sorted(str(one["id"]) for one in people if one["mail"] and one["userType"] == "Member")[:3]
    connection = await world.connect(policies=[some(*users[:2])])
    world.behave(refused_members={users[2]: 500})
    assert (await more(world, connection, *users)).reason == "membership_unclear"
    for _ in range(2):
        world.clock.move(timedelta(minutes=35))
        world.fault({"host": "graph"}, {"kind": "status", "status": 503}, times=99)
        await run(world.app, Job(name="advance", connection_id=connection.id))
        assert (await world.connection(connection.id)).reason not in (None, "membership_unclear")
        world.control("DELETE", "/faults")
        world.clock.move(timedelta(minutes=5))
        await run(world.app, Job(name="advance", connection_id=connection.id))
    assert (await world.connection(connection.id)).status is Status.OK
    assert await named(world, connection)
