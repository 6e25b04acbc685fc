"""Administrator-set policies: a change of target is carried out at once, by the difference only."""

from shared import policies
from shared.app import App
from shared.connections import Connection
from shared.errors import Refused
from shared.handlers.grant import allowed
from shared.policies import Policy
from shared.queues import Job


async def put(app: App, connection: Connection, policy: Policy) -> None:
    """Create or replace a policy, and have the tenant follow."""
    allowed(app.platforms[connection.platform], policy)
    async with app.database.write() as write:
        await policies.put(write, connection.id, policy)
    await _follow(app, connection)


async def delete(app: App, connection: Connection, name: str) -> None:
    """Delete a policy, and have the tenant follow."""
    async with app.database.write() as write:
        if not await policies.delete(write, connection.id, name):
            raise Refused(404, "no_such_policy", f"There is no policy “{name}”.")
    await _follow(app, connection)


async def _follow(app: App, connection: Connection) -> None:
    await app.queue.send(Job(name="advance", connection=connection.id), app.clock.now())
