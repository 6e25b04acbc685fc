"""What each timer sends, and the sweep that finds what is due and has no message on its way."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from shared.connections import due
from shared.deployment import links, workers_key
from shared.deployment.queues import Job
from shared.flows import (
    anchors,
    batch_records,
    batches,
    callbacks,
    deferred_jobs,
    expected_jobs,
    halting,
    looks,
    orders,
    renewals,
    report_only,
    ticks,
)
from shared.flows.app import App
from shared.foundation.concurrency import each
from shared.foundation.schedule import Timer
from shared.protection import exports, mailboxes, quarantine
from shared.storage import idempotency_keys
from shared.storage.ids import ConnectionId

log = logging.getLogger(__name__)

# Connections started each second when a site's time has come.
STARTS_A_SECOND = 10
# Messages on their way to the queue side by side: each is a round trip, and a night's are thousands.
MAX_CONCURRENT_SENDS = 20
# A process that dies while sending has claimed so many in vain.
JOBS_PER_CLAIM = 500


async def fire(app: App, timer: Timer) -> None:
    """What a timer is for: send the jobs that are due. Firing it twice, late or not at all does no harm."""
    sites = app.settings.sites
    if timer.sites:
        served = [site for site in timer.sites if site in sites]
        found = await due.to_sync(app.database, served, app.clock.now())
        await _send_all(app, [(one, "sync") for one in found])
    elif timer.name == "sweep":
        await sweep(app)
    elif timer.name == "tell":
        from shared.flows import deployment_alerts, metrics
        from shared.flows.webhooks import delivery

        takes_writes = await deployment_alerts.look(app)
        if takes_writes:
            await delivery.tell(app)
        await metrics.tell(app)
        if not takes_writes:
            return  # it has not come to its end
    elif timer.name == "check":
        found = await due.claim_checks(app.database, sites, app.clock.now(), app.settings.check_every)
        await _send_all(app, [(one, "check") for one in found])
    elif timer.name == "anchor":
        await anchors.anchor(app)
    elif timer.name == "migrate":
        from shared.deployment.own_database import public_user
        from shared.storage.migrate import catch_up

        if await catch_up(app.database, public_user(app.settings)):
            log.info("database brought to the newest revision, with the rights of its users")
    elif timer.name == "rotate":
        await _rotate(app)
    else:
        await _send_all(app, [(one, timer.name) for one in await due.running(app.database, sites)])
    await ticks.note(app.database, timer.name, app.clock.now())


async def _rotate(app: App) -> None:
    """Nightly: wrap data keys with the newest master key, renew old data and signing keys, delete old records."""
    from shared.connections import baseline, grants, secrets
    from shared.deployment import data_keys, signing
    from shared.deployment.rotation import rotate_all
    from shared.flows import retention
    from shared.flows.webhooks import store

    await retention.forget_old(app)
    await anchors.hold(app)
    now, kept = app.clock.now(), app.settings.signing_key_kept
    if await signing.retire(app.database, app.seal, now, older_than=kept):
        log.info("signing key retired; the next one is published")
    done = await rotate_all(app.database, app.seal)
    if done.wrapped:
        log.info("data keys rewrapped", extra={"number": done.wrapped})
    rooms = (secrets, grants, baseline, quarantine, exports, store, signing)
    made = await data_keys.begin(app.database, app.seal, now, older_than=app.settings.data_key_kept)
    kinds = [*(room.SEALED for room in rooms), workers_key.PUBLIC, workers_key.PRIVATE]
    renewed = await data_keys.renew(app.database, app.seal, kinds, now)
    if made or renewed.sealed or renewed.gone:
        log.info("data keys renewed", extra={"number": made, "sealed": renewed.sealed, "gone": renewed.gone})
    for scope, sentence in (done.failed | renewed.failed).items():
        log.error(sentence, extra={"scope": scope})


async def _send_all(app: App, jobs: Sequence[tuple[ConnectionId, str]]) -> None:
    """Send those of the jobs that are not on their way, so that some begin each second."""
    now, spread = app.clock.now(), timedelta(seconds=1) / STARTS_A_SECOND
    wanted = [(connection, job, now + number * spread) for number, (connection, job) in enumerate(dict.fromkeys(jobs))]

    async def send(one: expected_jobs.Sent) -> None:
        await app.queue.send(Job(name=one[1], connection_id=one[0]), one[2])

    for first in range(0, len(wanted), JOBS_PER_CLAIM):
        claimed = await expected_jobs.claim(app.database, wanted[first : first + JOBS_PER_CLAIM], now)
        of_job: dict[str, list[expected_jobs.Sent]] = {}
        for one in claimed:
            of_job.setdefault(one[1], []).append(one)
        heads = [
            one for job, some in of_job.items() for one in some[:: renewals.TOGETHER if job == renewals.JOB else 1]
        ]
        await each(heads, send, at_once=MAX_CONCURRENT_SENDS)


async def sweep(app: App) -> None:
    """Find whatever is due and has no message on its way: lost messages, missed timers, runs that died."""
    now, sites = app.clock.now(), app.settings.sites
    found = await due.missed(app.database, sites, now)
    found += [(one, "scan") for one in await mailboxes.unread(app.database, sites, now)]
    found += [(one, "quarantine") for one in await quarantine.connections_due(app.database, sites, now)]
    found += [(one, "advance") for one in await report_only.end_all(app)]
    found += [(one, batches.JOB) for one in await batch_records.stranded(app.database, sites, now)]
    await _send_all(app, [*found, *await expected_jobs.lost(app.database, sites, now)])
    for job_ordered in await orders.stranded(app.database, now):
        await app.queue.send(job_ordered, now)
    await deferred_jobs.go_on(app, await deferred_jobs.stranded(app.database, sites, now))
    for job, some in (
        (callbacks.JOB, await callbacks.stranded(app.database, now)),
        (looks.JOB, await looks.stranded(app.database, now)),
        (halting.JOB, await halting.unsettled(app)),
    ):
        for one in some:
            await app.queue.send(Job(name=job, connection_id=one), now)
    await workers_key.renew(app.database, app.seal, now, older_than=app.settings.data_key_kept)
    async with app.database.write() as write:
        await links.forget_old(write, now)
        await callbacks.forget_old(write, now)
        await looks.forget_old(write, now)
        await workers_key.let_go(write, now)
        await exports.forget_old(write, now)
        await idempotency_keys.forget_old(write, now)
