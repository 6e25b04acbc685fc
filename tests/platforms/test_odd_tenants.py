"""Odd tenants of Microsoft 365: the tenant stays healthy, the item is named, the rest goes on."""

from typing import Any

import pytest

from shared.connections.record import Status
from shared.deployment.queues import Job
from shared.flows.jobs import run
from shared.protection import directory, set_aside
from tests.harness.world import World


def people(world: World) -> list[dict[str, Any]]:
    """The tenant's users with an address."""
    users = world.sims.microsoft.tenants[world.tenant_id()].users.values()
    return sorted((dict(one) for one in users if one["mail"]), key=lambda one: str(one["id"]))


@pytest.mark.hazard(39)
async def test_an_entry_without_an_id_is_named_and_nobody_is_lost(world: World) -> None:
    connection = await world.connect()
    held = await directory.count(world.app.database, connection.id)
    gone = {"error": {"code": "syncStateNotFound", "message": "Begin again."}}
    world.fault({"host": "graph", "path": "/users/delta$"}, {"kind": "status", "status": 400, "body": gone})
    some = [{"id": one["id"], "displayName": one["displayName"], "mail": one["mail"]} for one in people(world)[1:]]
    page = {"value": [*some, {"displayName": "Odd"}]}
    world.fault({"host": "graph", "path": "/users$"}, {"kind": "status", "status": 200, "body": page})
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    now = await world.connection(connection.id)
    assert now.status is Status.OK, now.sentence
    assert (await directory.count(world.app.database, connection.id))["users"] == held["users"]
    assert [one.name for one in await set_aside.listed(world.app.database, connection.id)] == ["Odd"]
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    assert not await set_aside.listed(world.app.database, connection.id)
