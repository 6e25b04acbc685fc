"""A connection that quarantines, and what an operator does with what it took out."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from shared.connections.record import Connection
from shared.protection import policies
from shared.protection.policies import Policy
from shared.web.http import Response
from tests.harness import client as asking
from tests.harness import workspace as google
from tests.harness.workspace import ADMIN
from tests.harness.world import World

RISKY = Policy(name="risky", everyone=True, conditions={"senders": ["risky.example"]}, actions=["label", "quarantine"])


async def ask(world: World, connection: Connection, method: str, tail: str, body: Any = None, **query: str) -> Response:
    """An administrator's request about a connection."""
    path = f"/api/connections/{connection.id}{tail}?{urlencode(query)}"
    return await asking.ask(world, method, path, token=world.sims.operator_token(role="admin"), body=body)


async def listed(world: World, connection: Connection, **query: str) -> dict[str, Any]:
    """What the API shows."""
    found = await ask(world, connection, "GET", "/quarantine", **query)
    assert found.status == 200, found.body
    content: dict[str, Any] = json.loads(found.body)
    return content


async def connect(world: World) -> Connection:
    """A running connection that quarantines."""
    connection = await google.connect(world, modes=["api"])
    async with world.app.database.write() as write:
        await policies.put(write, connection.id, Policy(name="risky senders", enabled=False))
        await policies.put(write, connection.id, RISKY)
    return connection


async def taken(world: World, count: int = 1, user: str = ADMIN, **more: Any) -> list[str]:
    """Risky messages come in and are taken out."""
    ids = google.mail(world, user, count=count, **more)
    world.clock.move(timedelta(seconds=2))
    await google.deliver_all(world)
    return ids


async def release(world: World, connection: Connection, item: str) -> dict[str, Any]:
    """An operator has a message put back, and what it leads to is done."""
    assert (await ask(world, connection, "POST", f"/quarantine/{item}/release")).status == 202
    await world.work()
    return next(one for one in (await listed(world, connection, limit="200"))["items"] if one["id"] == item)
