"""Every job by name, what each timer sends, and the one error boundary that decides what a failure means."""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.connections import due
from shared.connections import record as connections
from shared.connections.heartbeat import renewed
from shared.connections.lease import Lease, Superseded, acquire, beside, fenced, release
from shared.connections.record import Connection, Status
from shared.deployment import links
from shared.deployment.queues import Job, decode
from shared.deployment.queues.database import EmbeddedQueue
from shared.flows import anchors, deferred_jobs, expected_jobs
from shared.flows.advance import advance, repair
from shared.flows.app import App
from shared.flows.deferred_jobs import DeferredJob
from shared.flows.own_house import purge_old_calls
from shared.flows.quarantine import export, settle_items
from shared.flows.reports.flow import report
from shared.flows.revoke import end_invitation
from shared.flows.scan import scan
from shared.flows.sync import advance_accepting_loss, refresh, sync, sync_accepting_loss, sync_now
from shared.foundation.concurrency import each
from shared.foundation.errors import FootprintError, Poisoned, Temporary, Unfinished
from shared.foundation.schedule import DAY, HOUR, Timer
from shared.foundation.telemetry import Span, about, span
from shared.protection import exports, mailboxes, quarantine
from shared.storage import idempotency_keys
from shared.storage.ids import ConnectionId

log = logging.getLogger(__name__)

Handler = Callable[[App, Connection, Lease], Coroutine[Any, Any, None]]

HANDLERS: dict[str, Handler] = {
    "advance": advance,
    "clean-up": advance,
    "repair": repair,
    "end-invitation": end_invitation,
    "sync": sync,
    "sync-now": sync_now,
    "resync": sync_now,
    "sync-accepting-loss": sync_accepting_loss,
    "advance-accepting-loss": advance_accepting_loss,
    "refresh": refresh,
    "report": report,
    "export": export,
}

# These act on single mailboxes, each of which is taken by one run at a time, or on single messages, in such a way that
# twice comes to the same as once. So they go on beside everything else.
UNLEASED: dict[str, Callable[[App, Connection], Awaitable[None]]] = {"scan": scan, "quarantine": settle_items}

# Waiting for one reason longer than this is a matter for a person, though we go on looking.
ATTENTION_AFTER = DAY
# A connection whose runs were begun this often, and never ended, keeps killing the process that takes it.
MAX_BEGUN_RUNS = 5
# Connections started each second when a site's time has come.
STARTS_A_SECOND = 10
# Connections for which one message does; each is a run of its own, with its own lease and outcome.
TOGETHER = {"refresh": 50}
# Messages on their way to the queue side by side: each is a round trip, and a night's are thousands.
MAX_CONCURRENT_SENDS = 20
# Whoever dies while sending has claimed so many in vain.
MOST_CLAIMED = 500


async def run(app: App, job: Job) -> None:
    """Run one job to an end that is visible on its connection. Never raises for what a platform did.

    One that is done TOGETHER goes on with other connections that expect the same.
    """
    await _alone(app, job)
    if (most := TOGETHER.get(job.name, 1)) > 1:
        others = await expected_jobs.take(app.database, job.name, app.settings.sites, most - 1)
        await each(others, lambda one: _alone(app, Job(name=job.name, connection_id=one)))


async def _alone(app: App, job: Job) -> None:
    with about(connection=job.connection_id, job=job.name), span("job", job.name) as measured:
        outcome = await _run(app, job, measured)
        measured.note(outcome=outcome)
        log.info("job ended", extra={"outcome": outcome})


async def _run(app: App, job: Job, measured: Span) -> str:
    """What came of it, in a word."""
    now = app.clock.now()
    found = await connections.find(app.database, job.connection_id)
    if found is None:
        log.warning("job for a connection that does not exist")
        return "nobody's"
    if found.site not in app.settings.sites:
        # The processes of its site find that it is due, or that it was asked for.
        log.warning("job for a connection of a site that is not served here", extra={"site": found.site})
        return "elsewhere"
    connection, lease = found, beside(found)
    if job.name not in UNLEASED:
        while (claimed := await acquire(app.database, job.connection_id, now)) is None:
            if await deferred_jobs.defer(app.database, job.connection_id, job.name, now):
                return "busy"
        connection, lease = claimed
    await expected_jobs.begun(app.database, job.connection_id, job.name)
    measured.note(platform=connection.platform)
    with about(platform=connection.platform):
        try:
            with fenced(lease):
                return await _outcome(app, job, connection, lease)
        except Superseded:
            again = app.clock.now() + timedelta(seconds=1)
            await app.queue.send(Job(name=job.name, connection_id=job.connection_id), again)
            return "superseded"
        finally:
            if lease.number is not None:
                await release(app.database, lease, app.clock.now())
                await _go_on(app, await deferred_jobs.waiting(app.database, connection.id))


async def _go_on(app: App, waiting: Iterable[DeferredJob]) -> None:
    """Send what found the connection busy. Sent before it is forgotten: twice does no harm."""
    for one in waiting:
        await app.queue.send(Job(name=one.job, connection_id=one.connection_id), app.clock.now())
        await deferred_jobs.sent(app.database, one)


async def _outcome(app: App, job: Job, connection: Connection, lease: Lease) -> str:
    try:
        await _begin(app, job, connection, lease)
    except Superseded:
        raise
    except Temporary as error:
        await _wait(app, connection, job, error)
        return "waiting"
    except FootprintError as error:
        # Permanent, or a refusal that nobody below could make sense of: a person must look either way.
        again = HOUR if isinstance(error, Poisoned) else DAY
        await _show(app, connection, Status.ATTENTION, error.code, error.sentence, again)
        return "attention"
    except Exception:
        # Our own mistake. It is told once here with its traceback, and the job is tried again at leisure.
        log.exception("job failed by our own mistake")
        sentence = f"The job “{job.name}” failed by our own mistake. The log has the details; it is tried again."
        await _wait(app, connection, job, Temporary("internal_error", sentence, after=timedelta(minutes=5)))
        return "mistake"
    return "done"


async def _begin(app: App, job: Job, connection: Connection, lease: Lease) -> None:
    if lease.number is None:
        await UNLEASED[job.name](app, connection)
        return
    if connection.begun > MAX_BEGUN_RUNS:
        raise Poisoned(_never_ended(job))
    await renewed(app.database, app.clock, lease, HANDLERS[job.name](app, connection, lease))


async def deliver(app: App, message: str) -> None:
    """Run the job of a message. Raises only if even the outcome cannot be noted; its queue then delivers it again."""
    ours = _of_message(message)
    if ours is None:
        return
    job, not_before = ours
    if not_before > app.clock.now():
        # It waits longer than the queue can hold it.
        await app.queue.send(job, not_before)
        return
    await run(app, job)


async def give_up(app: App, message: str) -> None:
    """A queue has delivered a message too often, and never an end to it: a person is told, at its connection."""
    ours = _of_message(message)
    connection = await connections.find(app.database, ours[0].connection_id) if ours else None
    if ours is None or connection is None:
        return
    with about(connection=connection.id, platform=connection.platform, job=ours[0].name):
        log.error("job given up by its queue")
    await _show(app, connection, Status.ATTENTION, Poisoned.CODE, _never_ended(ours[0]), HOUR)


def _of_message(message: str) -> tuple[Job, datetime] | None:
    try:
        job, not_before = decode(message)
        if job.name not in HANDLERS.keys() | UNLEASED.keys():
            raise ValueError("there is no such job")  # noqa: TRY301 - or not any more
    except ValueError as error:
        # Delivering it again would not help. Its content is not ours, so only its size is told.
        log.error("message is not ours", extra={"length": len(message), "why": str(error)})  # noqa: TRY400
        return None
    return job, not_before


def _never_ended(job: Job) -> str:
    return f"The job “{job.name}” was begun several times and never ended. It is tried again in an hour; see the log."


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
    status = Status.ATTENTION if waited > ATTENTION_AFTER else Status.WAITING
    await _show(app, connection, status, error.code, error.sentence, after)
    await app.queue.send(Job(name=error.job or job.name, connection_id=job.connection_id), now + after)


async def _show(app: App, connection: Connection, status: Status, reason: str, sentence: str, after: timedelta) -> None:
    now = app.clock.now()
    current = await connections.find(app.database, connection.id) or connection
    if current.generation != connection.generation:
        return  # what went wrong belongs to a direction that has been left
    new = await connections.report(
        app.database, current, now, status, reason=reason, sentence=sentence, not_before=now + after
    )
    if new:
        log.warning(sentence, extra={"reason": reason})


async def fire(app: App, timer: Timer) -> None:
    """What a timer is for: send the jobs that are due. Firing it twice, late or not at all does no harm."""
    sites = app.settings.sites
    if timer.sites:
        served = [site for site in timer.sites if site in sites]
        found = await due.to_sync(app.database, served, app.clock.now())
        await _send_all(app, [(one, "sync") for one in found])
    elif timer.name == "sweep":
        await sweep(app)
    elif timer.name == "anchor":
        await anchors.anchor(app)
    elif timer.name == "rotate":
        await _rotate(app)
    else:
        await _send_all(app, [(one, timer.name) for one in await due.running(app.database, sites)])


async def _rotate(app: App) -> None:
    """Nightly: wrap data keys with the newest master key, retire an old signing key, purge the log of calls."""
    from shared.deployment.rotation import rotate
    from shared.deployment.signing import retire

    await purge_old_calls(app)
    await anchors.hold(app)
    now, kept = app.clock.now(), app.settings.signing_key_kept
    if await retire(app.database, app.seal, now, older_than=kept):
        log.info("signing key retired; the next one is published")
    done = await rotate(app.database, app.seal.master)
    if done.wrapped:
        log.info("data keys wrapped anew", extra={"number": done.wrapped})
    for scope, sentence in done.failed.items():
        log.error(sentence, extra={"scope": scope})


async def _send_all(app: App, jobs: Sequence[tuple[ConnectionId, str]]) -> None:
    """Send those of the jobs that are not on their way, so that some begin each second."""
    now, spread = app.clock.now(), timedelta(seconds=1) / STARTS_A_SECOND
    wanted = [(connection, job, now + number * spread) for number, (connection, job) in enumerate(dict.fromkeys(jobs))]

    async def send(one: expected_jobs.Sent) -> None:
        await app.queue.send(Job(name=one[1], connection_id=one[0]), one[2])

    for first in range(0, len(wanted), MOST_CLAIMED):
        claimed = await expected_jobs.claim(app.database, wanted[first : first + MOST_CLAIMED], now)
        of_job: dict[str, list[expected_jobs.Sent]] = {}
        for one in claimed:
            of_job.setdefault(one[1], []).append(one)
        heads = [one for job, some in of_job.items() for one in some[:: TOGETHER.get(job, 1)]]
        await each(heads, send, at_once=MAX_CONCURRENT_SENDS)


async def sweep(app: App) -> None:
    """Find whatever is due and has no message on its way: lost messages, missed timers, runs that died."""
    now, sites = app.clock.now(), app.settings.sites
    found = await due.missed(app.database, sites, now)
    found += [(one, "scan") for one in await mailboxes.unread(app.database, sites, now)]
    found += [(one, "quarantine") for one in await quarantine.connections_due(app.database, sites, now)]
    await _send_all(app, [*found, *await expected_jobs.lost(app.database, sites, now)])
    await _go_on(app, await deferred_jobs.stranded(app.database, sites, now))
    async with app.database.write() as write:
        await links.forget_old(write, now)
        await exports.forget_old(write, now)
        await idempotency_keys.forget_old(write, now)
