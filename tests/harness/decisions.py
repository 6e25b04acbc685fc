"""A connection with policies, and what was decided and done with its messages."""

from typing import Any

from shared.connections.record import Connection
from shared.protection import decisions, policies
from shared.protection.policies import Policy
from tests.harness import workspace as google
from tests.harness.world import World


def risky(*actions: Any, name: str = "risky", **more: Any) -> Policy:
    """A policy about one sender's messages, or about others."""
    conditions = more.pop("conditions", {"senders": ["risky.example"]})
    return Policy(name=name, everyone=True, conditions=conditions, actions=list(actions), **more)


async def connect(world: World, *listed: Policy) -> Connection:
    """A running connection with these policies."""
    connection = await google.connect(world, modes=["api"])
    async with world.app.database.write() as write:
        for policy in (risky("label", name="risky senders", enabled=False), *listed):
            await policies.put(write, connection.id, policy)
    world.sims.cloud.calls.clear()
    return connection


async def done(world: World, connection: Connection) -> dict[str, list[tuple[str, str]]]:
    """What was decided and done, by message: policy and action."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in await decisions.listed(world.app.database, connection.id):
        assert row["done"]
        found.setdefault(row["message"], []).append((row["policy"], row["action"]))
    return {message: sorted(rows) for message, rows in found.items()}
