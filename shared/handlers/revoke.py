"""Revoking access: the direction changes; the engine does the rest, wave by wave."""

from shared import ledger as ledgers
from shared.connections import Connection
from shared.errors import Refused
from shared.handlers.grant import change_direction
from shared.ledger import Act, Entry
from shared.lifecycle import ByAdministrator, Stage
from shared.platform import App
from shared.queues import Job


async def revoke(app: App, connection: Connection, actor: str) -> None:
    """Turn a connection towards its end. Asking twice is harmless."""
    if connection.stage in (Stage.REVOKE, Stage.CLEANUP, Stage.CLOSED):
        return
    never_used = connection.stage is Stage.NEW
    await change_direction(app, connection, Stage.CLOSED if never_used else Stage.REVOKE, f"revoked by {actor}")
    if not never_used:
        await app.queue.send(Job(name="advance", connection=connection.id), app.clock.now())


async def attest(app: App, connection: Connection, key: str, actor: str) -> None:
    """Note that somebody says an administrator's step is done, and look whether the platform agrees."""
    rows = app.platforms[connection.platform].rows
    if key not in {row.key for row in rows if isinstance(row, ByAdministrator)}:
        raise Refused(404, "no_such_step", f"There is no administrator's step “{key}”.")
    now = app.clock.now()
    async with app.database.write() as write:
        entry = Entry(key=key, act=Act.ATTEST, note=f"said to be done by {actor}")
        await ledgers.append(write, connection.id, connection.generation, now, entry)
    await app.queue.send(Job(name="advance", connection=connection.id), now)
