"""Single users whom a platform does not take into our group: named and tried again, and everybody else is protected."""

from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Connection, Status
from shared.flows import policies
from shared.protection import set_aside
from shared.protection.policies import Policy
from tests.harness import workspace as google
from tests.harness.world import World


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
    world.control("DELETE", "/faults")
    for _ in range(3):
        await world.pass_time(timedelta(minutes=40))
        await world.tick()


@pytest.mark.hazard(39)
@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, "invalid"), (403, "forbidden"), (403, "domainPolicy"), (404, "notFound"), (412, "conditionNotMet")],
)
async def test_google_refuses_one_of_four(world: World, status: int, reason: str) -> None:
    users = google.some_users(world, 8)
    connection = await google.connect(world, modes=["inline"], policies=[some(*users[:4])])
    error = {"code": status, "message": "Resource Not Found: memberKey", "errors": [{"reason": reason}]}
    match = {"host": "admin", "method": "POST", "path": "/members$"}
    world.fault(match, {"kind": "status", "status": status, "body": {"error": error}})
    now = await more(world, connection, *users)
    assert now.status is Status.OK, now.sentence
    assert len(google.customer_members(world)) == 7
    assert len(await named(world, connection)) == 1
    await an_hour_or_so(world)
    assert len(google.customer_members(world)) == 8
    assert not await named(world, connection)


def answered(*items: tuple[int, str]) -> dict[str, Any]:
    """A batch's answer: outside it all is well."""
    responses = [
        {"id": str(number), "status": status, "headers": {}, "body": {"error": {"code": code, "message": "Words."}}}
        for number, (status, code) in enumerate(items)
    ]
    return {"kind": "status", "status": 200, "body": {"responses": responses}}


@pytest.mark.hazard(39)
@pytest.mark.parametrize(
    ("status", "code", "clear"),
    [(400, "Request_BadRequest", True), (404, "Request_ResourceNotFound", True), (500, "InternalServerError", False)],
)
async def test_graph_refuses_one_of_two(world: World, status: int, code: str, *, clear: bool) -> None:
    members = world.sims.microsoft.tenants[world.tenant_id()].users.values()
    users = sorted(str(one["id"]) for one in members if one["mail"] and one["userType"] == "Member")[:4]
    connection = await world.connect(policies=[some(*users[:2])])
    there = (400, "x")
    answer = answered(there, (status, code))
    answer["body"]["responses"][0]["body"]["error"]["message"] = "They already exist."
    world.fault({"host": "graph", "path": "/.batch$"}, answer, times=1 if clear else 9)
    now = await more(world, connection, *users)
    assert (now.status, now.reason) == ((Status.OK, None) if clear else (Status.WAITING, "membership_unclear"))
    address = next(str(one["mail"]) for one in members if one["id"] == users[3])
    assert address in (str(now.sentence), *await named(world, connection)) or address in str(now.sentence)
    await an_hour_or_so(world)
    tenant = world.sims.microsoft.tenants[world.tenant_id()]
    ours = next(key for key, one in tenant.groups.items() if one["mailNickname"].startswith("tmcas-inline-incoming"))
    assert users[3] in tenant.members[ours]
    assert not await named(world, connection)
