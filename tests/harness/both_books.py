"""A Microsoft 365 customer whose own log is compared with our ledger, and somebody who has our credential."""

from datetime import timedelta
from typing import Any

import httpx

from shared.connections.record import Connection
from shared.platforms.microsoft365.platform import Microsoft365
from shared.protection.policies import EVERYONE, Policy
from tests.harness.world import World

PERMISSIONS = ("AuditLog.Read.All", "Directory.Read.All")


async def watched(world: World, *, granted: bool = True) -> tuple[World, Connection]:
    """A running connection of a deployment that compares both books, with three members in its group."""
    users = world.sims.microsoft.tenants[world.tenant_id()].users.values()
    some = sorted(one["id"] for one in users if one.get("mail") and one["userType"] == "Member")[:3]
    connection = await world.connect(policies=[EVERYONE, Policy(name="some", users=some)])
    for permission in PERMISSIONS if granted else ():
        world.admin("grant-permission", permission=permission)
    reading = await world.again(microsoft={"audit_log": True})
    await reading.pass_time(timedelta(hours=2))  # tokens of before have no such permission
    return reading, await reading.connection(connection.id)


async def tomorrow(world: World, connection: Connection) -> Connection:
    """The same connection a day later."""
    await world.pass_time(timedelta(days=1))
    await world.tick()
    return await world.connection(connection.id)


async def stolen(world: World, method: str, path: str, body: Any = None) -> None:
    """Somebody has our credential, and uses it."""
    platform = world.app.platforms["microsoft365"]
    assert isinstance(platform, Microsoft365)
    url = world.app.settings.microsoft.graph_url
    token = (await platform.entra.token(world.tenant_id(), url)).value
    async with httpx.AsyncClient(trust_env=False, verify=False) as thief:  # noqa: S501 - plain HTTP on loopback
        done = await thief.request(method, f"{url}/v1.0{path}", headers={"authorization": f"Bearer {token}"}, json=body)
    assert done.status_code < 300, done.text


def their_group(world: World) -> str:
    """A group of the customer's that an application may delete."""
    groups = world.sims.microsoft.tenants[world.tenant_id()].groups
    free = [key for key, one in groups.items() if not one["mailEnabled"] or "Unified" in one["groupTypes"]]
    return free[0]
