"""What is ordered by a plan is that plan, or nothing."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import chain
from tests.harness.client import ask
from tests.harness.pages import press, pressed, see
from tests.harness.world import World

RULE = "TMCAS Inline Incoming Domain Transport Rule"
OUTDATED = (412, "plan_outdated")


async def planned(world: World, connection: Connection, purpose: str) -> str:
    """The ETag of a plan."""
    path = f"/api/connections/{connection.id}/plan?for={purpose}"
    return (await ask(world, "GET", path, token=world.sims.operator_token())).headers["ETag"]


async def order(world: World, connection: Connection, name: str, tag: str, **body: Any) -> tuple[int, str]:
    """Order what was planned; the status and the code of the answer."""
    path, token = f"/api/connections/{connection.id}/{name}", world.sims.operator_token()
    found = await ask(world, "POST", path, token=token, body=body, if_match=tag)
    return found.status, json.loads(found.body).get("code", "")


async def entries_of(world: World, connection: Connection) -> list[int]:
    """The numbers of the newest entries of the ledger."""
    return [one.number for one in await chain.page(world.app.database, connection.id, after=0, most=3, newest=True)]


@pytest.mark.parametrize(
    ("purpose", "name", "body"), [("revoke", "revoke", {}), ("repair", "reconcile", {"repair": True})]
)
async def test_a_plan_is_carried_out_unless_the_tenant_has_changed(
    world: World, purpose: str, name: str, body: dict[str, Any]
) -> None:
    running = await world.connect()
    before, entries = await planned(world, running, purpose), await entries_of(world, running)
    world.cmdlet("Disable-TransportRule", Identity=RULE)
    assert await order(world, running, name, before, **body) == OUTDATED
    assert (await world.connection(running.id)).stage is Stage.RUN
    assert await entries_of(world, running) == entries
    after = await planned(world, running, purpose)
    # A plan is as good as new for as long as the tenant is as it was.
    world.clock.move(timedelta(minutes=20))
    assert await order(world, running, name, after, **body) == (202, "")


async def test_the_button_below_a_plan_orders_what_is_shown(world: World) -> None:
    running = await world.connect()
    base = f"/connections/{running.id}"
    assert "plan" not in _fields(await see(world, f"{base}/plan?for=revoke"))
    shown = _fields(await see(world, f"{base}/plan?for=revoke&fresh=1"))
    assert shown["plan"] == await planned(world, running, "revoke")
    world.cmdlet("Disable-TransportRule", Identity=RULE)
    assert (await press(world, f"{base}/revoke", **shown)).status == OUTDATED[0]
    assert (await world.connection(running.id)).stage is Stage.RUN
    await pressed(world, f"{base}/revoke", **_fields(await see(world, f"{base}/plan?for=revoke&fresh=1")))
    assert (await world.connection(running.id)).stage is Stage.REVOKE


def _fields(page: Any) -> dict[str, str]:
    return {one["name"]: one["value"] for one in page.all("input") if one.get("type") == "hidden"}
