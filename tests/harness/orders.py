"""What an operator orders, and what this deployment puts on a queue."""

from datetime import datetime

from shared.connections.record import Connection
from shared.deployment.queues import Job, encode, message_key
from shared.flows import requests
from shared.flows.jobs import run
from shared.flows.orders import ORDERED
from tests.harness.world import World


async def order(world: World, connection: Connection, job: str) -> None:
    """A job runs to its end; one that takes an order has been ordered by an operator."""
    if job in ORDERED:
        await requests.start(world.app, await world.connection(connection.id), job, "operator@msp.example")
    await run(world.app, Job(name=job, connection_id=connection.id))


async def signed(world: World, job: Job, not_before: datetime) -> str:
    """A message as the world's own deployment sends it."""
    return encode(job, not_before, await message_key(world.app.seal))
