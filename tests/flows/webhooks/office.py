"""A subscriber, and what their receiver got."""

import json
from typing import Any

from tests.harness.client import ask
from tests.harness.scripted_host import Host
from tests.harness.world import World


async def subscribe(world: World, receiver: Host, *, who: str | None = "*", **body: Any) -> dict[str, Any]:
    """Subscribe through the API as an operator, of all customers unless one is named; returns what it answers."""
    token = world.sims.operator_token(customer=who)
    made = await ask(world, "POST", "/api/webhooks", token=token, body={"url": f"{receiver.url}/hook?key=word", **body})
    assert made.status == 201, made.body
    content: dict[str, Any] = json.loads(made.body)
    return content


async def deliveries(world: World, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    """The log of a webhook."""
    path = f"/api/webhooks/{webhook['id']}/deliveries"
    told = await ask(world, "GET", path, token=world.sims.operator_token())
    found: list[dict[str, Any]] = json.loads(told.body)["deliveries"]
    return found


def told(receiver: Host) -> list[tuple[str, dict[str, Any]]]:
    """What was received: each event's type and data."""
    return [(one.json()["type"], one.json()["data"]) for one in receiver.seen]
