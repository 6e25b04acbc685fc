"""The check of a running tenant between two nights: what others changed is told within the hour."""

from datetime import timedelta

from shared.connections import due
from shared.connections.lease import Lease
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.flows import marked_messages, next_run
from shared.flows.advance import advance, open_ledger
from shared.flows.app import App

# A platform's log tells of an event some minutes later.
LAG = timedelta(minutes=30)


async def check(app: App, connection: Connection, lease: Lease) -> None:
    """Compare the tenant with what it should be, unless the platform's own log says that nobody changed anything."""
    if connection.stage is not Stage.RUN:
        return
    await marked_messages.carry_on(app, connection)  # if their own job was lost
    ledger = await open_ledger(app, connection, lease)
    await ledger.load()
    since = app.clock.now() - app.settings.check_every - LAG
    platform = app.platforms[connection.platform]
    async with platform.open(connection, ledger) as tenant:
        quiet = platform.tells_of_changes and await platform.quiet_since(tenant, since)
    if quiet and connection.status is Status.OK:
        await due.looked(app.database, connection.id, next_run.next_check(app, connection))
    else:
        await advance(app, connection, lease)
