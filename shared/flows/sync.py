"""Service running: the daily synchronisation, the hourly token."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from shared.connections import record as connections
from shared.connections.due import sync_is_due
from shared.connections.lease import Lease
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows import both_books
from shared.flows.advance import advance, open_ledger
from shared.flows.app import App
from shared.flows.scan import rescan_all
from shared.foundation.errors import Temporary, Unfinished
from shared.protection import set_aside, sync_history

# A synchronisation that took longer leaves the comparison with the table to a run of its own.
LONG = timedelta(minutes=1)


async def sync(app: App, connection: Connection, lease: Lease) -> None:
    """Synchronise once for the day that is due, however many days were missed, then compare with the table."""
    if await sync_is_due(app.database, connection, app.clock.now()):
        await _synchronise(app, connection, lease, accept_loss=False)
    await advance(app, connection, lease)


async def sync_now(app: App, connection: Connection, lease: Lease) -> None:
    """Synchronise because somebody asked."""
    if connection.stage is Stage.RUN:
        await _synchronise(app, connection, lease, accept_loss=False)
    with _onward("advance"):
        await advance(app, connection, lease)


async def sync_accepting_loss(app: App, connection: Connection, lease: Lease) -> None:
    """Synchronise because somebody has looked and says that the directory really did shrink."""
    if connection.stage is Stage.RUN:
        await _synchronise(app, connection, lease, accept_loss=True)
    with _onward("advance-accepting-loss"):
        await advance_accepting_loss(app, connection, lease)


async def advance_accepting_loss(app: App, connection: Connection, lease: Lease) -> None:
    """Compare with the table; what the directory lost may leave our groups as well."""
    await advance(app, replace(connection, accepts_loss=True), lease)


@contextmanager
def _onward(job: str) -> Iterator[None]:
    """What cannot be finished now goes on with another job, for the directory need not be read again."""
    try:
        yield
    except Temporary as error:
        error.job = job
        raise


async def _synchronise(app: App, connection: Connection, lease: Lease, *, accept_loss: bool) -> None:
    began, onward = app.clock.now(), "advance-accepting-loss" if accept_loss else "advance"
    ledger = await open_ledger(app, connection, lease)
    await ledger.load()
    platform = app.platforms[connection.platform]
    async with platform.open(connection, ledger) as tenant:
        held = await platform.sync(tenant, accept_loss=accept_loss)
        await both_books.hold(connection, platform, tenant, app.clock.now())
    await rescan_all(app, connection)
    now = app.clock.now()
    async with app.database.write() as write:
        await sync_history.note(write, connection.id, held, now)
        await connections.update(write, connection.id, synced_at=now)
    if app.clock.now() >= began + LONG:
        with _onward(onward):
            raise Unfinished(
                "directory_read", "The directory is read. The tenant is checked next.", after=timedelta(seconds=1)
            )


async def refresh(app: App, connection: Connection, lease: Lease) -> None:
    """Renew the tokens. A consent that was withdrawn shows here first, and here it is seen to be back."""
    if connection.stage is not Stage.RUN:
        return
    ledger = await open_ledger(app, connection, lease)
    await ledger.load()
    async with app.platforms[connection.platform].open(connection, ledger) as tenant:
        await tenant.renew_tokens()
    if connection.status is not Status.OK or await set_aside.due(app.database, connection.id, app.clock.now()):
        await app.queue.send(Job(name="advance", connection_id=connection.id), app.clock.now())
