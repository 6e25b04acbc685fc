"""Revoking access: the direction changes; the engine does the rest, wave by wave."""

from shared.connections import record
from shared.connections.due import INVITATION_LIFE
from shared.connections.lease import Lease
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import chain
from shared.engine.chain import Act, Entry
from shared.engine.rows import ByAdministrator, Change
from shared.flows.app import App
from shared.flows.grant import change_direction
from shared.flows.quarantine import make_way
from shared.foundation.errors import Refused
from shared.platforms.rows import rows_of


async def revoke(app: App, connection: Connection, actor: str, *, acknowledged: bool = False) -> None:
    """Turn a connection towards its end. Asking twice is harmless.

    Raises Refused `quarantine_not_empty` while messages wait in quarantine; if that is acknowledged, they are exported
    before anything is removed.
    """
    if connection.stage in (Stage.REVOKE, Stage.CLEANUP, Stage.CLOSED):
        return
    await make_way(app, connection, acknowledged=acknowledged)
    if connection.stage is Stage.NEW:
        await _close_unused(app, connection, "revoked", actor)
        return
    await change_direction(app, connection, Stage.REVOKE, "revoked", actor)
    await app.queue.send(Job(name="advance", connection_id=connection.id), app.clock.now())


async def end_invitation(app: App, connection: Connection, _lease: Lease) -> None:
    """Close a connection to which nobody has consented in time. By itself: nobody else is kept waiting by it."""
    if connection.stage is Stage.NEW and connection.stage_since + INVITATION_LIFE <= app.clock.now():
        await _close_unused(app, connection, f"no consent within {INVITATION_LIFE.days} days", None)


async def _close_unused(app: App, connection: Connection, why: str, actor: str | None) -> None:
    """Close a connection in which nothing was made; a job gives back what was granted meanwhile."""
    await change_direction(app, connection, Stage.CLOSED, why, actor)
    await app.queue.send(Job(name="advance", connection_id=connection.id), app.clock.now())


async def attest(app: App, connection: Connection, key: str, actor: str) -> None:
    """Note that somebody says an administrator's step is done, or takes an offer, and look what the platform says."""
    rows = {row.key: row for row in rows_of(app.platforms[connection.platform], connection)}
    row = rows.get(key)
    offer = isinstance(row, Change) and row.offered
    if not isinstance(row, ByAdministrator) and not offer:
        raise Refused(404, "no_such_step", f"There is no administrator's step “{key[:80]}”.")
    if offer and connection.stage not in (Stage.REVOKE, Stage.CLEANUP):
        raise Refused(409, "not_offered_now", f"{rows[key].title} is in use. Its removal is offered after a revoke.")
    now = app.clock.now()
    async with app.database.write() as write:
        note = f"removal asked for by {actor}" if offer else f"marked as done by {actor}"
        entry = Entry(key=key, act=Act.ATTEST, actor=actor, note=note)
        await chain.append(write, connection.id, connection.generation, now, entry)
        await record.update(write, connection.id, asked_at=now)
    await app.queue.send(Job(name="advance", connection_id=connection.id), now)
