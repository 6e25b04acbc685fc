"""While access is revoked: the scanning service says what it has in flight, and nothing shortens the wait."""

from datetime import datetime, timedelta

from shared.connections import record
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import chain
from shared.flows.app import App
from shared.flows.scanner_reports import is_new
from shared.foundation.errors import Refused

# After the last message so long nothing must have come: what Exchange still hands over arrives in bursts.
QUIET = timedelta(minutes=15)
KEY = "in-flight"


def is_evidence(in_flight: int, last: datetime | None, now: datetime) -> bool:
    """Whether what the service says means that nothing is in flight any more."""
    return in_flight == 0 and (last is None or last <= now - QUIET)


async def told(
    app: App, connection: Connection, in_flight: int, last: datetime | None, actor: str, report: str | None = None
) -> bool:
    """Note what the service has in flight of a connection. Returns whether that is evidence that nothing is any more.

    Evidence counts from when it was given, and only once the routing rules have been gone for a while: see the rows'
    `kept_at_least`. A later word that something is in flight takes it back, and a `report` that comes once more, by its
    id, counts no second time. Raises Refused while nothing is revoked.
    """
    if connection.stage not in (Stage.REVOKE, Stage.CLEANUP):
        raise Refused(409, "not_being_revoked", "What is in flight counts only while access is being revoked.")
    now = app.clock.now()
    empty = is_evidence(in_flight, last, now)
    async with app.database.write() as write:
        if report is not None and not await is_new(write, report, connection.id, now, event=KEY):
            return empty
        if await record.unchanged(write, connection):
            note = f"the service has {in_flight} messages in flight, the last of {last or 'no known time'}"
            await chain.order(write, connection, now, actor, note, key=KEY, after={"drained": empty}, runs=empty)
            await record.update(write, connection.id, drained_at=now if empty else None)
    if empty:
        await app.queue.send(Job(name="advance", connection_id=connection.id), now)
    return empty
