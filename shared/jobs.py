"""Every job by name, the timers that send them, and the one error boundary that decides what a failure means."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import sqlalchemy as sa

from shared import connections, mailboxes
from shared import tables as db
from shared.connections import Connection, Lease, Status, Superseded
from shared.errors import FootprintError, Permanent, Temporary, Unfinished
from shared.handlers.advance import advance
from shared.handlers.scan import scan
from shared.handlers.sync import refresh, report, sync, sync_accepting_loss, sync_now
from shared.lifecycle import Stage
from shared.platform import App
from shared.queues import Job
from shared.queues.embedded import EmbeddedQueue
from shared.schedule import DAY, SYNC_AT, Site, last_due

log = logging.getLogger(__name__)

Handler = Callable[[App, Connection, Lease], Awaitable[None]]

HANDLERS: dict[str, Handler] = {
    "advance": advance,
    "sync": sync,
    "sync-now": sync_now,
    "sync-accepting-loss": sync_accepting_loss,
    "refresh": refresh,
    "report": report,
}

# These act on single mailboxes, each of which is taken by one run at a time, so they go on beside everything else.
UNLEASED: dict[str, Callable[[App, Connection], Awaitable[None]]] = {"scan": scan}

HOUR = timedelta(hours=1)
# Another run holds the lease: look again when it may be done.
BUSY = timedelta(seconds=30)
# Waiting for one reason longer than this is a matter for a person, though we go on looking.
PATIENCE = DAY
# A delivery that was begun this often without an end keeps killing whoever takes it.
MOST_DELIVERIES = 5
# Connections started each second when a site's time has come.
STARTS_A_SECOND = 10


async def run(app: App, job: Job) -> None:
    """Run one job to an end that is visible on its connection. Never raises for what a platform did."""
    now = app.clock.now()
    claimed: tuple[Connection, Lease | None] | None
    if job.name in UNLEASED:
        found = await connections.find(app.database, job.connection)
        claimed = (found, None) if found is not None else None
    else:
        claimed = await connections.claim(app.database, job.connection, now)
    if claimed is None:
        if await connections.find(app.database, job.connection) is None:
            log.warning("job for a connection that does not exist", extra={"job": job.name})
            return
        # A new message: that another run is busy says nothing against the job.
        await app.queue.send(Job(name=job.name, connection=job.connection), now + BUSY)
        return
    connection, lease = claimed
    try:
        await _begin(app, job, connection, lease)
    except Superseded:
        await app.queue.send(Job(name=job.name, connection=job.connection), now + timedelta(seconds=1))
    except Temporary as error:
        await _wait(app, connection, job, error)
    except FootprintError as error:
        # Permanent, or a refusal that nobody below could make sense of: a person must look either way.
        await _show(app, connection, Status.ATTENTION, error.code, error.sentence, DAY)
    except Exception:
        # Our own mistake. It is told once here with its traceback, and the job is tried again at leisure.
        log.exception("job failed by our own mistake", extra={"connection": connection.id, "job": job.name})
        sentence = f"The job “{job.name}” failed by our own mistake. The log has the details; it is tried again."
        await _wait(app, connection, job, Temporary("internal_error", sentence, after=timedelta(minutes=5)))
    finally:
        if lease is not None:
            await connections.release(app.database, lease)


async def _begin(app: App, job: Job, connection: Connection, lease: Lease | None) -> None:
    if job.attempts > MOST_DELIVERIES:
        raise Permanent("poisoned", f"The job “{job.name}” was begun {job.attempts - 1} times and never ended.")
    if lease is None:
        await UNLEASED[job.name](app, connection)
    else:
        await HANDLERS[job.name](app, connection, lease)


async def deliver_due(app: App, *, most: int = 1000) -> int:
    """With the embedded queue: run the jobs that are due now, one after the other; returns how many there were."""
    queue = EmbeddedQueue(app.database)
    for number in range(most):
        delivery = await queue.receive(app.clock.now())
        if delivery is None:
            return number
        await run(app, delivery.job)
        await queue.finish(delivery)
    return most


async def _wait(app: App, connection: Connection, job: Job, error: Temporary) -> None:
    """Wait in proportion to how long it has been so: quick at first, hourly in the end."""
    now = app.clock.now()
    current = await connections.find(app.database, connection.id) or connection
    same = current.reason == error.code and current.reason_since is not None
    waited = now - current.reason_since if same and current.reason_since else timedelta(0)
    if isinstance(error, Unfinished):
        waited = timedelta(0)  # it is getting on
    after = max(error.after, min(waited / 4, HOUR))
    status = Status.ATTENTION if waited > PATIENCE else Status.WAITING
    await _show(app, connection, status, error.code, error.sentence, after)
    await app.queue.send(Job(name=job.name, connection=job.connection), now + after)


async def _show(app: App, connection: Connection, status: Status, reason: str, sentence: str, after: timedelta) -> None:
    now = app.clock.now()
    current = await connections.find(app.database, connection.id) or connection
    if current.generation != connection.generation:
        return  # what went wrong belongs to a direction that has been left
    new = await connections.report(
        app.database, current, now, status, reason=reason, sentence=sentence, not_before=now + after
    )
    if new:
        log.warning(sentence, extra={"connection": connection.id, "reason": reason})


@dataclass(frozen=True, kw_only=True)
class Timer:
    """Something that is due at a time of day (UTC), or every so often counted from midnight."""

    name: str
    send: Callable[[App], Awaitable[None]]
    at: time | None = None
    every: timedelta | None = None

    def last_due(self, now: datetime) -> datetime:
        """The latest moment, not after `now`, at which this was due."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if self.every is not None:
            return midnight + (now - midnight) // self.every * self.every
        today = datetime.combine(now.date(), self.at or time(0), tzinfo=now.tzinfo)
        return today if today <= now else today - DAY

    def cron(self) -> str:
        """The schedule in six fields, seconds first, as Azure Functions takes it."""
        if self.every == HOUR:
            return "0 0 * * * *"
        if self.every is not None:
            return f"0 */{int(self.every.total_seconds() // 60)} * * * *"
        at = self.at or time(0)
        return f"0 {at.minute} {at.hour} * * *"


def _sync_sites(sites: tuple[Site, ...]) -> Callable[[App], Awaitable[None]]:
    async def send(app: App) -> None:
        here = [site for site in sites if site in app.settings.sites]
        table, now = db.connections, app.clock.now()
        late = sa.or_(
            *(
                sa.and_(
                    table.c.site == str(site),
                    sa.or_(table.c.synced_at.is_(None), table.c.synced_at < last_due(site, now)),
                )
                for site in here
            ),
            sa.false(),
        )
        await _send_all(app, "sync", sa.select(table.c.id).where(table.c.stage == int(Stage.RUN), late))

    return send


async def _running(app: App, job: str) -> None:
    await _send_all(app, job, sa.select(db.connections.c.id).where(db.connections.c.stage == int(Stage.RUN)))


async def _refresh(app: App) -> None:
    await _running(app, "refresh")


async def _report(app: App) -> None:
    await _running(app, "report")


async def _send_all(app: App, job: str, query: sa.Select[str]) -> None:
    now = app.clock.now()
    async with app.database.read() as read:
        found = list((await read.execute(query)).scalars())
    for number, identifier in enumerate(found):
        start = now + timedelta(seconds=number // STARTS_A_SECOND)
        await app.queue.send(Job(name=job, connection=identifier), start)


async def sweep(app: App) -> None:
    """Find whatever is due and has no message on its way: lost messages, missed timers, runs that died."""
    now = app.clock.now()
    sites = app.settings.sites
    query = connections.due(now, {site: last_due(site, now) for site in sites}, sites)
    async with app.database.read() as read:
        found = [(row.id, row.job) for row in await read.execute(query)]
        found += [(row.connection, "scan") for row in await read.execute(mailboxes.unread(now, int(Stage.RUN)))]
    for identifier, job in found:
        await app.queue.send(Job(name=job, connection=identifier), now)


def _sync_timers() -> tuple[Timer, ...]:
    times: dict[time, list[Site]] = {}
    for site, at in SYNC_AT.items():
        times.setdefault(at, []).append(site)
    return tuple(
        Timer(name="sync-" + "-".join(map(str, sites)), at=at, send=_sync_sites(tuple(sites)))
        for at, sites in times.items()
    )


TIMERS: tuple[Timer, ...] = (
    *_sync_timers(),
    Timer(name="refresh", every=HOUR, send=_refresh),
    Timer(name="sweep", every=timedelta(minutes=5), send=sweep),
    Timer(name="report", every=HOUR, send=_report),
)
