"""Every job by name, what each timer sends, and the one error boundary that decides what a failure means."""

import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from shared.connections import halts, record
from shared.connections.heartbeat import renewed
from shared.connections.lease import Lease, Superseded, acquire, beside, fenced, release
from shared.connections.record import Connection, Status
from shared.deployment.queues import Job, Message, decode, message_key
from shared.deployment.queues.database import EmbeddedQueue
from shared.flows import (
    batches,
    callbacks,
    consent,
    counts,
    deferred_jobs,
    expected_jobs,
    halting,
    looks,
    marked_messages,
    next_run,
    orders,
    renewals,
)
from shared.flows.advance import advance, repair
from shared.flows.app import App
from shared.flows.check import check
from shared.flows.preflight import InTheWay
from shared.flows.quarantine import export, settle_items
from shared.flows.reports.flow import report
from shared.flows.revoke import end_invitation
from shared.flows.scan import scan
from shared.flows.sync import advance_accepting_loss, refresh, sync, sync_accepting_loss, sync_now
from shared.foundation.concurrency import each
from shared.foundation.errors import FootprintError, Poisoned, Temporary, Unfinished
from shared.foundation.schedule import DAY, HOUR
from shared.foundation.telemetry import Span, about, counting, span

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
    "check": check,
    "report": report,
    "export": export,
}

# These act on single mailboxes, each of which is taken by one run at a time, or on single messages or orders, in such a
# way that twice comes to the same as once. So they go on beside everything else.
UNLEASED: dict[str, Callable[[App, Connection], Awaitable[None]]] = {
    "scan": scan,
    "quarantine": settle_items,
    marked_messages.JOB: marked_messages.carry_on,
    batches.JOB: batches.carry_out,
    callbacks.JOB: consent.take_waiting,
    looks.JOB: looks.look,
}
# The one job that a halt does not keep from its platform, for it belongs to the halt.
WHILE_HALTED: dict[str, Callable[[App, Connection], Awaitable[None]]] = {halting.JOB: halting.settle}

# Waiting longer than this, for whatever reasons, is a matter for a person, though we go on looking.
ATTENTION_AFTER = DAY
# A connection whose runs were begun this often, and never ended, keeps killing the process that takes it.
MAX_BEGUN_RUNS = 5


async def run(app: App, job: Job) -> None:
    """Run one job to an end that is visible on its connection. Never raises for what a platform did.

    A renewal of tokens takes other connections along that expect the same: each comes to its own outcome.
    """
    with counting(app.counts):
        await (_renewal(app, job) if job.name == renewals.JOB else _alone(app, job))
    await counts.keep(app, at_once=app.stopping.told)


async def _renewal(app: App, job: Job) -> None:
    came = await renewals.renew(app, job.connection_id)
    await each(came.left, lambda one: _alone(app, Job(name=job.name, connection_id=one)))
    await each(came.failed, lambda one: _alone(app, Job(name=job.name, connection_id=one.connection.id), one))


async def _alone(app: App, job: Job, failed: renewals.Failed | None = None) -> None:
    with about(connection=job.connection_id, job=job.name), span("job", job.name) as told:
        outcome = await _run(app, job, told, failed)
        told.note(outcome=outcome)
        log.info("job ended", extra={"outcome": outcome})


async def _run(app: App, job: Job, measured: Span, failed: renewals.Failed | None) -> str:
    """The outcome, in a word. What has failed already still holds its lease, and only what that means is left."""
    claimed = (failed.connection, failed.lease) if failed else await _claimed(app, job)
    if isinstance(claimed, str):
        return claimed
    connection, lease = claimed
    if job.name in WHILE_HALTED:
        await WHILE_HALTED[job.name](app, connection)
        return "done"
    if failed is None:
        await expected_jobs.begun(app.database, job.connection_id, job.name)
    measured.note(platform=connection.platform)
    with about(platform=connection.platform, customer=connection.name):
        try:
            with fenced(lease), halts.heeded(app.database, app.clock, connection):
                await halts.refuse(app.database, connection)
                return await _outcome(app, job, connection, lease, failed)
        except halts.Halted as error:
            await _show(app, connection, Status.ATTENTION, error.code, error.sentence, app.clock.now() + HOUR)
            return "halted"
        except Superseded as error:
            again = app.clock.now() + timedelta(seconds=1)
            await app.queue.send(Job(name=job.name, connection_id=job.connection_id), again)
            return error.code
        finally:
            if lease.number is not None:
                await release(app.database, lease, app.clock.now())
                await deferred_jobs.go_on(app, await deferred_jobs.waiting(app.database, connection.id))


async def _claimed(app: App, job: Job) -> tuple[Connection, Lease] | str:
    """The job's connection, with the lease if the job needs one; or else the outcome: not ours, or deferred."""
    now, sites, leased = app.clock.now(), app.settings.sites, job.name in HANDLERS
    while (claimed := await acquire(app.database, job.connection_id, now, sites) if leased else None) is None:
        found = await record.find(app.database, job.connection_id)
        if found is None:
            log.warning("job for a connection that does not exist")
            return "nobody's"
        if found.site not in sites:
            # The processes of its site find that it is due, or that it was asked for.
            log.warning("job for a connection of a site that is not served here", extra={"site": found.site})
            return "elsewhere"
        if not leased:
            return found, beside(found)
        if await deferred_jobs.defer(app.database, job.connection_id, job.name, now):
            return "busy"
    return claimed


async def _outcome(app: App, job: Job, connection: Connection, lease: Lease, failed: renewals.Failed | None) -> str:
    order = await orders.of(app.database, connection, job.name)
    work = failed.again() if failed else _begin(app, job, connection, lease, ordered=order is not None)
    told = await _came_of(app, job, connection, work)
    if order is not None and told not in orders.GOES_ON:
        await orders.end(app.database, order)
    return told


async def _came_of(app: App, job: Job, connection: Connection, work: Coroutine[Any, Any, None]) -> str:
    try:
        await app.stopping.heeded(app.clock, work)
    except Superseded:
        raise
    except Temporary as error:
        await _wait(app, connection, job, error)
        return "waiting"
    except FootprintError as error:
        # Permanent, or a refusal that nobody below could make sense of: a person must look either way.
        again = HOUR if isinstance(error, Poisoned | InTheWay) else DAY
        await _show(app, connection, Status.ATTENTION, error.code, error.sentence, app.clock.now() + again)
        return "attention"
    except Exception:
        # Our own mistake. It is told once here with its traceback, and the job is tried again at leisure.
        log.exception("unhandled exception in job")
        sentence = f"The job “{job.name}” failed with an internal error, which the log describes. Retrying."
        await _wait(app, connection, job, Temporary("internal_error", sentence, after=timedelta(minutes=5)))
        return "mistake"
    return "done"


async def _begin(app: App, job: Job, connection: Connection, lease: Lease, *, ordered: bool) -> None:
    if lease.number is None:
        await UNLEASED[job.name](app, connection)
        return
    if connection.begun > MAX_BEGUN_RUNS:
        raise Poisoned(_never_ended(job))
    name = job.name
    if name in orders.ORDERED and not ordered:
        log.warning("job was not ordered; the connection is only checked")
        name = orders.LOOK
    await renewed(app.database, app.clock, lease, HANDLERS[name](app, connection, lease))


async def deliver(app: App, message: str) -> None:
    """Run the job of a message. Raises only if even the outcome cannot be noted; its queue then delivers it again."""
    if (ours := await _of_message(app, message)) is None:
        return
    job = ours.job if ours.signed else Job(name=orders.LOOK, connection_id=ours.job.connection_id)
    if ours.not_before > app.clock.now():
        # It waits longer than the queue can hold it.
        await app.queue.send(job, ours.not_before)
        return
    await run(app, job)


async def give_up(app: App, message: str) -> None:
    """A queue has delivered a message too often, and never an end to it: a person is told, at its connection."""
    if (ours := await _of_message(app, message)) is None or not ours.signed:
        return
    connection = await record.find(app.database, ours.job.connection_id)
    if connection is None:
        return
    with about(connection=connection.id, platform=connection.platform, customer=connection.name, job=ours.job.name):
        log.error("job abandoned by its queue")
    await _show(app, connection, Status.ATTENTION, Poisoned.CODE, _never_ended(ours.job), app.clock.now() + HOUR)


async def _of_message(app: App, message: str) -> Message | None:
    try:
        ours = decode(message, await message_key(app.seal))
        if ours.job.name not in HANDLERS.keys() | UNLEASED.keys() | WHILE_HALTED.keys():
            raise ValueError("there is no such job")  # noqa: TRY301 - or not any more
    except ValueError as error:
        # Delivering it again would not help. Its content is not ours, so only its size is told.
        log.error("message is not ours", extra={"length": len(message), "why": str(error)})  # noqa: TRY400
        return None
    if not ours.signed:
        log.warning("message bears no signature of ours; its connection is only checked")
    return ours


def _never_ended(job: Job) -> str:
    return f"The job “{job.name}” was begun several times and never ended. The next attempt is in an hour; see the log."


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
    """Wait in proportion to how long it has been so: quick at first, hourly in the end.

    A wait has one age, whatever reasons take turns in it, from the first failure to the next run that comes to its end.
    What is getting on is not slowed down, and begins no wait; nor does it end one.
    """
    now = app.clock.now()
    current = await record.find(app.database, connection.id) or connection
    getting_on = isinstance(error, Unfinished)
    since = current.waiting_since or (None if getting_on else now)
    waited = now - since if since else timedelta(0)
    after = next_run.pause(timedelta(0) if getting_on else waited, least=error.after)
    at = await next_run.go_on(app, connection, error.job or job.name, now + after)
    status, sentence = Status.WAITING, error.sentence
    if since and waited > ATTENTION_AFTER:
        status = Status.ATTENTION
        if next_run.waited(current, now, error.code) < waited:
            sentence += f" No run has come to its end since {since:%Y-%m-%d %H:%M} UTC."
    await _show(app, connection, status, error.code, sentence, at, since)


async def _show(
    app: App,
    connection: Connection,
    status: Status,
    reason: str,
    sentence: str,
    again: datetime,
    since: datetime | None = None,
) -> None:
    now = app.clock.now()
    current = await record.find(app.database, connection.id) or connection
    if current.generation != connection.generation:
        return  # what went wrong belongs to a direction that has been left
    new = await record.report(
        app.database,
        current,
        now,
        status,
        reason=reason,
        sentence=sentence,
        not_before=again,
        waiting_since=since or current.waiting_since,
    )
    if new:
        log.warning(sentence, extra={"reason": reason})
