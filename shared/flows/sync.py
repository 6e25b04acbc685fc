"""Service running: the daily synchronisation, the hourly token."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from shared.connections import record
from shared.connections.due import sync_is_due
from shared.connections.lease import Lease
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows import both_books, next_run
from shared.flows.advance import advance, opened
from shared.flows.app import App
from shared.flows.scan import rescan_all
from shared.foundation.errors import Temporary, Unfinished
from shared.protection import directory, set_aside, sync_history

# A synchronisation that took longer leaves the comparison with the table to a run of its own.
LONG_SYNC = timedelta(minutes=1)


async def sync(app: App, connection: Connection, lease: Lease) -> None:
    """Synchronise once for the day that is due, however many days were missed, then compare with the table."""
    if sync_is_due(connection, app.clock.now()):
        await _synchronise(app, connection, lease, "advance")
    else:
        await advance(app, connection, lease)


async def sync_now(app: App, connection: Connection, lease: Lease) -> None:
    """Synchronise because somebody asked, then compare with the table."""
    if connection.stage is Stage.RUN:
        await _synchronise(app, connection, lease, "advance")
    else:
        with _onward("advance"):
            await advance(app, connection, lease)


async def sync_accepting_loss(app: App, connection: Connection, lease: Lease) -> None:
    """Synchronise because somebody has looked and says that the directory really did shrink, then compare."""
    connection = replace(connection, accepts_loss=True)
    if connection.stage is Stage.RUN:
        await _synchronise(app, connection, lease, "advance-accepting-loss")
    else:
        with _onward("advance-accepting-loss"):
            await advance(app, connection, lease)


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


async def _synchronise(app: App, connection: Connection, lease: Lease, onward: str) -> None:
    """Synchronise, and compare with the table in the same opened tenant; `onward` goes on where that cannot end now."""
    began, platform = app.clock.now(), app.platforms[connection.platform]
    async with opened(app, connection, lease) as tenant:
        await platform.sync(tenant, accept_loss=connection.accepts_loss)
        await both_books.hold(connection, platform, tenant, app.clock.now())
        await rescan_all(app, connection)
        now = app.clock.now()
        async with app.database.write() as write:
            await sync_history.note(write, connection.id, now)
            next_check = next_run.next_check(app, connection)
            await record.update(write, connection.id, synced_at=now, check_at=next_check)
        with _onward(onward):
            if app.clock.now() >= began + LONG_SYNC:
                raise Unfinished(
                    "directory_read", "The directory is read. The tenant is checked next.", after=timedelta(seconds=1)
                )
            await advance(app, connection, lease, tenant)


async def refresh(app: App, connection: Connection, lease: Lease) -> None:
    """Renew the tokens. A consent that was withdrawn shows here first, and here it is seen to be back."""
    if connection.stage is not Stage.RUN:
        return
    async with app.platforms[connection.platform].tokens(connection, lease) as tokens:
        await tokens.renew_all()
    due = await set_aside.due(app.database, connection.id, app.clock.now())
    if users := {one.item for one in due if one.kind == "member"}:
        # Who was left out is tried in the run that follows. Who was not any more is wanted no longer, or is in.
        left_out = await directory.unskip(app.database, connection.id, users)
        await set_aside.clear(app.database, connection.id, "member", users - left_out)
    if connection.status is not Status.OK or due:
        await app.queue.send(Job(name="advance", connection_id=connection.id), app.clock.now())
