"""Set the stage, reconcile: how a connection gets from consent to running, and from revoke to closed."""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta

from shared.connections import clocks, due, record
from shared.connections.events import EventKind
from shared.connections.lease import Lease, Superseded
from shared.connections.record import Connection, Status
from shared.connections.secrets import header_secrets
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import certificate, chain
from shared.engine.administrator import asked_at
from shared.engine.certificate import Draft
from shared.engine.chain import Act, Entry
from shared.engine.effects import sentence
from shared.engine.ledger import Ledger
from shared.engine.reconcile import reconcile
from shared.engine.rows import ByAdministrator, Change
from shared.engine.steps import Step, Verb
from shared.flows import both_books, mail_events, next_run, own_house, pausing, preflight, report_only
from shared.flows.app import App
from shared.flows.closing import certify, held_up, last, note_unrecorded, without_consent
from shared.flows.consent import TAKEN
from shared.flows.quarantine import export
from shared.flows.unanswered import ANSWER_WITHIN, REMIND_AFTER, incomplete, unanswered
from shared.foundation.errors import ConsentMissing, Permanent
from shared.platforms.contract import OpenTenant, Platform
from shared.platforms.instructions import instruction
from shared.platforms.rows import rows_of

log = logging.getLogger(__name__)

CHECK_AGAIN_AFTER = timedelta(minutes=1)
WAITING_FOR_TIME = "waiting_for_time"
# What an administrator does in their own time is looked for this often.
CHECK_STEPS_AFTER = timedelta(hours=1)
NEXT = {Stage.GRANT: Stage.RUN, Stage.REVOKE: Stage.CLEANUP, Stage.CLEANUP: Stage.CLOSED}
# An administrator may take days to set mail routing up; what we do by ourselves begins without it.
HOLDS_BACK = {
    Stage.GRANT: frozenset({Verb.WAIT}),
    Stage.REVOKE: frozenset({Verb.WAIT}),
    Stage.CLEANUP: frozenset({Verb.WAIT, Verb.ASK}),
}


async def open_ledger(app: App, connection: Connection, lease: Lease) -> Ledger:
    """The connection's ledger, which writes the connection's secrets by name only."""
    secrets = await header_secrets(app.seal, connection)
    names = [f"secret {number}" for number in range(1, len(secrets) + 1)]
    return Ledger(app.database, app.clock, lease, dict(zip(secrets, names, strict=True)))


@asynccontextmanager
async def opened(app: App, connection: Connection, lease: Lease) -> AsyncIterator[OpenTenant]:
    """The connection's tenant with its ledger as it stands now, for one run."""
    ledger = await open_ledger(app, connection, lease)
    await ledger.load()
    async with app.platforms[connection.platform].open(connection, ledger) as tenant:
        yield tenant


async def repair(app: App, connection: Connection, lease: Lease) -> None:
    """The same, putting right what others have changed, though the connection is set to report it only."""
    await advance(app, replace(connection, repairs_drift=True), lease)


async def advance(app: App, connection: Connection, lease: Lease, tenant: OpenTenant | None = None) -> None:
    """Bring a connection as far as it will go now, and leave word of what it waits for.

    `tenant`: as this run has opened it already.
    """
    if connection.stage is Stage.NEW:
        if connection.claimed_tenant is None:
            return
        connection = await _bind(app, connection, connection.claimed_tenant)
    if connection.stage is Stage.CLOSED:
        await own_house.clear_once_more(app, connection)
    while connection.stage is not Stage.CLOSED:
        moved = await settle(app, connection, lease, tenant)
        if moved is None:
            return
        connection, tenant = moved, None


async def settle(app: App, connection: Connection, lease: Lease, known: OpenTenant | None = None) -> Connection | None:
    """Reconcile in the present stage. Returns the connection in its next stage, or None if it stays where it is."""
    platform = app.platforms[connection.platform]
    if connection.stage is Stage.REVOKE:
        # Before anything is removed: afterwards no mailbox can be opened any more.
        await export(app, connection, lease)
    await pausing.end(app, connection)
    async with nullcontext(known) if known else opened(app, connection, lease) as tenant:
        ledger = tenant.ledger
        try:
            rows = rows_of(platform, connection)
            await preflight.clear(app, connection, tenant, rows)
            async with mail_events.told(app, connection, ledger, tenant.choices):
                steps = await reconcile(rows, tenant, connection.stage, repair=connection.repairs_drift)
            await note_unrecorded(connection, platform, tenant)
        except ConsentMissing as error:
            if connection.stage not in (Stage.REVOKE, Stage.CLEANUP):
                raise
            ended = await without_consent(app, connection, platform, tenant, error)
            return await _move(app, connection, Stage.CLOSED, ended) if ended else None
        blocked = [step for step in steps if step.verb is Verb.BLOCKED]
        if not blocked:
            await clocks.ended(app.database, connection, ConsentMissing.CODE)
        if (blocked or connection.failing_since) and (moved := await held_up(app, connection, platform, tenant, steps)):
            return await _move(app, connection, *moved)
        if blocked:
            until = min((step.until for step in steps if step.until), default=None)
            if until:
                await app.queue.send(Job(name="advance", connection_id=connection.id), until)
            # Raised where a token that is refused is thrown away; the job decides when it is tried again.
            raise blocked[0].error or TypeError(f"{blocked[0].key} is blocked by nothing")
        if connection.stage is Stage.RUN:
            await tenant.keep_mail_flow()
            if known is None:  # else the synchronisation has noted it
                await due.looked(app.database, connection.id, next_run.next_check(app, connection))
        onward = connection.stage in NEXT and not any(step.verb in HOLDS_BACK[connection.stage] for step in steps)
        final = None
        if connection.stage is Stage.CLEANUP:
            final = await _final(app, connection, platform, tenant, steps, onward=onward)
            onward = final is not None
    if connection.stage is Stage.CLEANUP and not any(isinstance(s.row, Change) and s.verb is Verb.WAIT for s in steps):
        await own_house.clear(app, connection)
    if onward:
        return await _move(app, connection, NEXT[connection.stage], final)
    await _tell(app, connection, platform, tenant, steps)
    return None


async def _final(
    app: App, connection: Connection, platform: Platform, tenant: OpenTenant, steps: Sequence[Step], *, onward: bool
) -> Draft | None:
    """The certificate of the end, once nothing is waited for any more; until then the one of now is kept fresh."""
    if onward:
        return await last(app, connection, platform, tenant)
    ended = await unanswered(app, connection, platform, tenant, steps)
    if ended is None:
        await certify(app, connection, platform, tenant, steps)
    return ended


async def _bind(app: App, connection: Connection, claimed: str) -> Connection:
    """Prove the consent by using it, and bind the connection to the tenant it is for."""
    platform = app.platforms[connection.platform]
    tenant = await platform.prove(connection, claimed)
    async with app.database.write() as write:
        await record.hold_tenant(write, connection.platform, tenant)
        others = [c for c in await record.of_tenant(write, connection.platform, tenant) if c.id != connection.id]
        if connection.moved_tenant != tenant and record.others_of(connection, others):
            raise Permanent(TAKEN.code, TAKEN.sentence)
        if any(record.compete(connection, other) for other in others):
            raise Permanent(
                "tenant_taken",
                "Another connection of this deployment has this tenant. Revoke and close that one first.",
            )
        await record.update(write, connection.id, tenant=tenant)
    return await _move(app, replace(connection, tenant=tenant), Stage.GRANT)


async def _move(app: App, connection: Connection, stage: Stage, final: Draft | None = None) -> Connection:
    """Enter a stage. `final` is the certificate of the end, which certifies the entry that closes the ledger too."""
    now = app.clock.now()
    left = incomplete(final)
    async with app.database.write() as write:
        entry = Entry(key="connection", act=Act.STAGE, note=f"{connection.stage.title} → {stage.title}")
        await chain.append(write, connection.id, connection.generation, now, entry)
        changed = {"stage": stage.name.lower(), "before": connection.stage.name.lower(), "actor": None}
        await record.tell(write, connection, EventKind.STAGE, now, **changed)
        # The claim is kept until here, so that a run that dies before this is taken up again.
        await record.update(write, connection.id, stage=int(stage), stage_since=now, claimed_tenant=None, **record.FINE)
        if stage is Stage.CLOSED:
            await own_house.close(write, connection.id, now)
        if final is not None:
            await certificate.draw_up(write, final)
            told = {"stage": stage.name.lower(), "result": final.result}
            await record.tell(write, connection, EventKind.CERTIFICATE, now, **told)
        if left is not None:
            status = str(Status.ATTENTION)
            kept = {"status": status, "sentence": left, "reason_since": now}
            await record.update(write, connection.id, reason="ended_incomplete", **kept)
            told = {"status": status, "sentence": left}
            await record.tell(write, connection, EventKind.ATTENTION, now, reason="ended_incomplete", **told)
    if left is not None:
        log.warning(left, extra={"connection": connection.id, "reason": "ended_incomplete"})
    log.info("connection stage changed", extra={"connection": connection.id, "stage": stage.name})
    if stage is Stage.CLOSED:
        await app.queue.send(Job(name="clean-up", connection_id=connection.id), now + own_house.CLEAR_AGAIN_AFTER)
    if stage is Stage.RUN:
        await app.queue.send(Job(name="sync", connection_id=connection.id), now)
    moved = await record.find(app.database, connection.id)
    if moved is None or moved.generation != connection.generation:
        raise Superseded
    return moved


async def _tell(
    app: App, connection: Connection, platform: Platform, tenant: OpenTenant, steps: Sequence[Step]
) -> None:
    """Show what a person should look at, or what the connection waits for, and look again in time."""
    now = app.clock.now()
    # What a platform's own log has of us and ours does not; what ends is not held up by it.
    strange = both_books.alarm(tenant.ledger, tenant.choices)
    waits = [step for step in steps if step.verb is Verb.WAIT]
    asks = [step for step in steps if step.verb is Verb.ASK]
    # What is known to harm no mail is noted, and nobody is called.
    told_of = (step for step in steps if step.verb is Verb.DRIFT and not step.accepted)
    drifts = [step for step in told_of if step.drift is None or step.drift.harms]
    # What has no time of its own waits for something that has.
    again = (
        CHECK_STEPS_AFTER
        if asks
        else next_run.pause(next_run.waited(connection, now, WAITING_FOR_TIME), least=CHECK_AGAIN_AFTER)
    )
    until = min((step.until for step in waits if step.until), default=now + again)
    coming = until
    if waits:
        name = "clean-up" if connection.stage is Stage.CLEANUP else "advance"
        coming = await next_run.go_on(app, connection, name, until)
    if strange and connection.stage is Stage.RUN:
        if await record.report(
            app.database, connection, now, Status.ATTENTION, reason="calls_not_ours", sentence=strange
        ):
            log.warning(strange, extra={"connection": connection.id, "reason": "calls_not_ours"})
    elif drifts:
        harm = sentence([step.drift for step in drifts if step.drift])
        rest = "; ".join(f"{step.row.title} {step.why}" for step in drifts if not step.drift)
        told = ". ".join(filter(None, (harm, rest))) + ". Nothing is repaired until you request it."
        if await record.report(app.database, connection, now, Status.ATTENTION, reason="drift", sentence=told):
            log.warning(told, extra={"connection": connection.id, "reason": "drift"})
    elif connection.paused_until and now < connection.paused_until:
        ends = connection.paused_until
        await record.report(
            app.database,
            connection,
            now,
            Status.WAITING,
            reason="paused",
            sentence=pausing.told(ends),
            not_before=min(coming, ends) if waits else ends,
        )
    elif asks:
        ending = await asked_at(app.database, connection) if connection.stage is Stage.CLEANUP else None
        late = ending is not None and now >= ending + REMIND_AFTER
        told = _asked(asks, await platform.words(connection))
        if ending is not None:
            end = f"{ending + ANSWER_WITHIN:%Y-%m-%d}"
            told += f" On {end} the connection ends without them, and the certificate lists what is left."
        await record.report(
            app.database,
            connection,
            now,
            Status.ATTENTION if late else Status.WAITING,
            reason="waiting_for_administrator",
            sentence=told,
            not_before=min(now + CHECK_STEPS_AFTER, coming),
        )
    elif waits:
        first = next((step for step in waits if step.until == until), waits[0])
        more = f"; {len(waits) - 1} more {'wait' if waits[2:] else 'waits'} too" if waits[1:] else ""
        when = f"{until.day} {until:%b %Y, %H:%M} UTC"
        told = f"{first.row.title} {first.why}{more}. Continues automatically on {when}; no action needed."
        await record.report(
            app.database,
            connection,
            now,
            Status.WAITING,
            reason=WAITING_FOR_TIME,
            sentence=told,
            not_before=coming,
        )
    elif not await report_only.asks(app, connection, tenant.targets):
        await record.report(app.database, connection, now, Status.OK)


def _asked(asks: Sequence[Step], words: Mapping[str, str]) -> str:
    removal = {step.key: (step.after or {}).get("wanted") == "absent" for step in asks}
    told = [
        str(instruction(step.row, words, removal=removal[step.key]).sentence)
        for step in asks
        if isinstance(step.row, ByAdministrator)
    ]
    if len(told) == 1:
        return told[0]
    titles = "; ".join(("remove " if removal[step.key] else "set up ") + step.row.title for step in asks)
    return f"{len(told)} steps for the administrator: {titles}."
