"""When a connection that waits is run next: one run is on its way, however many have come to look at it."""

from datetime import datetime, timedelta

from shared.connections.record import Connection
from shared.deployment.queues import Job
from shared.flows.app import App
from shared.foundation.schedule import HOUR

# They do the same. What has work of its own (a synchronisation, a refresh, an order) is always sent.
ALIKE = frozenset({"advance", "clean-up"})
# To ask a platform's log is one call, so that a platform that has one is asked more often.
LOG_READ_EVERY = timedelta(minutes=10)


def waited(connection: Connection, now: datetime, reason: str) -> timedelta:
    """How long the connection has waited for this reason."""
    same = connection.reason == reason and connection.reason_since is not None
    return now - connection.reason_since if same and connection.reason_since else timedelta(0)


def pause(so_far: timedelta, *, least: timedelta) -> timedelta:
    """How long to wait in proportion to how long it has been: hourly in the end."""
    return max(least, min(so_far / 4, HOUR))


def next_check(app: App, connection: Connection) -> datetime:
    """When a running connection that was looked at just now is checked again, whatever looked at it."""
    has_log = app.platforms[connection.platform].tells_of_changes
    every = app.settings.check_every
    return app.clock.now() + (min(every, LOG_READ_EVERY) if has_log else every)


async def go_on(app: App, connection: Connection, job: str, at: datetime) -> datetime:
    """Send a connection's next run, unless one is on its way that comes no later; returns when it comes.

    `connection`: as the run that is ending found it. Without this each message that comes beside another would go on
    being sent for as long as the connection waits.
    """
    coming = connection.not_before
    if job in ALIKE and coming is not None and app.clock.now() < coming <= at:
        return coming
    await app.queue.send(Job(name=job, connection_id=connection.id), at)
    return at
