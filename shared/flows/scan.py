"""News of mailboxes: a notification is noted and answered at once; a job reads what is new and acts by the policies."""

from collections.abc import Mapping

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.protection import mailboxes


async def notified(app: App, source: str, headers: Mapping[str, str], body: bytes) -> None:
    """Take a platform's notification. Raises Refused if it is not what it says it is."""
    feeds = {platform.feed.source: platform.feed for platform in app.platforms.values() if platform.feed}
    if source not in feeds:
        raise Refused(404, "no_such_source", "This address receives no notifications.")
    await feeds[source].take(headers, body)


async def scan(app: App, connection: Connection) -> None:
    """Read a bounded number of mailboxes, and go on as long as there is something to read."""
    feed = app.platforms[connection.platform].feed
    if feed is None or connection.stage is not Stage.RUN:
        return
    await feed.scan(connection)
    again = await mailboxes.next_unread(app.database, connection.id, app.clock.now())
    if again is not None:
        await app.queue.send(Job(name="scan", connection_id=connection.id), again)


async def rescan_all(app: App, connection: Connection) -> None:
    """Have every mailbox read once more, for a notification may have been lost."""
    if app.platforms[connection.platform].feed is not None:
        await mailboxes.rescan_all(app.database, connection.id)
        await app.queue.send(Job(name="scan", connection_id=connection.id), app.clock.now())
