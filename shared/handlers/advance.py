"""Set the stage, reconcile: how a connection gets from consent to running, and from revoke to closed."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared import certificate, connections
from shared import ledger as ledgers
from shared.connections import Connection, Lease, Status
from shared.errors import FootprintError, Permanent
from shared.ledger import Act, Entry, Ledger
from shared.lifecycle import ByAdministrator, Change, Stage
from shared.plan import Step, Verb
from shared.platform import App, OpenTenant, Platform
from shared.queues import Job
from shared.reconcile import reconcile

log = logging.getLogger(__name__)

# A consent that was withdrawn may come back; after this long the rest is left to the administrator's checklist.
CONSENT_GRACE = timedelta(hours=24)
LOOK_AGAIN = timedelta(minutes=1)
# How often the whole tenant is looked over for residue while the administrator's step is awaited.
RESCAN = timedelta(days=1)
NEXT = {Stage.GRANT: Stage.RUN, Stage.REVOKE: Stage.CLEANUP, Stage.CLEANUP: Stage.CLOSED}


def open_ledger(app: App, connection: Connection, lease: Lease) -> Ledger:
    """The connection's ledger, which writes the connection's secrets by name only."""
    secrets = app.seal.open(connection.sealed_headers, about=f"headers {connection.id}").split()
    names = [f"secret {number}" for number in range(1, len(secrets) + 1)]
    return Ledger(app.database, app.clock, lease, dict(zip(secrets, names, strict=True)))


async def advance(app: App, connection: Connection, lease: Lease) -> None:
    """Bring a connection as far as it will go now, and leave word of what it waits for."""
    if connection.stage is Stage.NEW:
        if connection.claimed_tenant is None:
            return
        connection = await _bind(app, connection, connection.claimed_tenant)
    while connection.stage is not Stage.CLOSED:
        moved = await settle(app, connection, lease)
        if moved is None:
            return
        connection = moved


async def settle(app: App, connection: Connection, lease: Lease) -> Connection | None:
    """Reconcile in the present stage. Returns the connection in its next stage, or None if it stays where it is."""
    platform = app.platforms[connection.platform]
    ledger = open_ledger(app, connection, lease)
    await ledger.load()
    async with platform.open(app, connection, ledger) as tenant:
        try:
            steps = await reconcile(platform.rows, tenant, connection.stage, repair=connection.repairs_drift)
        except Permanent as error:
            if error.code != "consent_missing" or connection.stage not in (Stage.REVOKE, Stage.CLEANUP):
                raise
            return await _without_consent(app, connection, platform, tenant, error)
        if connection.stage is Stage.CLEANUP and not any(step.verb is Verb.WAIT for step in steps):
            await _certify(app, connection, platform, tenant, steps)
    standing = [step for step in steps if step.verb in (Verb.WAIT, Verb.ASK)]
    if connection.stage in NEXT and not standing:
        return await _move(app, connection, NEXT[connection.stage])
    await _tell(app, connection, platform, steps)
    return None


async def _bind(app: App, connection: Connection, claimed: str) -> Connection:
    """Prove the consent by using it, and bind the connection to the tenant it is for."""
    tenant = await app.platforms[connection.platform].prove(app, claimed)
    async with app.database.write() as write:
        others = [c for c in await connections.of_tenant(write, connection.platform, tenant) if c.id != connection.id]
        if any(other.stage is not Stage.CLOSED for other in others):
            raise Permanent(
                "tenant_taken",
                "Another connection of this deployment has this tenant. Revoke and close that one first.",
            )
        if others and connection.expected_tenant is None:
            # Its consent to us may be an old one, so the callback alone does not show who asked.
            raise Permanent(
                "tenant_known",
                "This tenant was connected before. Make the connection again and name the tenant in it, so that a "
                "stranger's link cannot take it over.",
            )
        await connections.update(write, connection.id, tenant=tenant)
    return await _move(app, replace(connection, tenant=tenant), Stage.GRANT)


async def _move(app: App, connection: Connection, stage: Stage) -> Connection:
    now = app.clock.now()
    async with app.database.write() as write:
        entry = Entry(key="connection", act=Act.STAGE, note=f"{connection.stage.name} to {stage.name}")
        await ledgers.append(write, connection.id, connection.generation, now, entry)
        # The claim is kept until here, so that a run that dies before this is taken up again.
        await connections.update(
            write, connection.id, stage=int(stage), stage_since=now, claimed_tenant=None, **connections.FINE
        )
    log.info("connection moved", extra={"connection": connection.id, "stage": stage.name})
    if stage is Stage.RUN:
        await app.queue.send(Job(name="sync", connection=connection.id), now)
    moved = await connections.find(app.database, connection.id)
    if moved is None or moved.generation != connection.generation:
        raise connections.Superseded
    return moved


async def _tell(app: App, connection: Connection, platform: Platform, steps: Sequence[Step]) -> None:
    """Show what the connection waits for, or what a person should look at, and look again in time."""
    now = app.clock.now()
    waits = [step for step in steps if step.verb is Verb.WAIT]
    asks = [step for step in steps if step.verb is Verb.ASK]
    drifts = [step for step in steps if step.verb is Verb.DRIFT]
    if waits:
        # What has no time of its own waits for something that has.
        until = min((step.until for step in waits if step.until), default=now + LOOK_AGAIN)
        first = next((step for step in waits if step.until == until), waits[0])
        sentence = f"{first.row.title}: {first.why}. {len(waits)} in all; next look at {until:%Y-%m-%d %H:%M} UTC."
        await connections.report(
            app.database,
            connection,
            now,
            Status.WAITING,
            reason="waiting_for_time",
            sentence=sentence,
            not_before=until,
        )
        await app.queue.send(Job(name="advance", connection=connection.id), until)
    elif asks:
        row = asks[0].row
        todo = row.instruction if isinstance(row, ByAdministrator) else row.why
        sentence = todo.format(client_id=platform.client_id(app))
        await connections.report(
            app.database, connection, now, Status.WAITING, reason="waiting_for_administrator", sentence=sentence,
            not_before=now + timedelta(hours=1),
        )  # fmt: skip
    elif drifts:
        told = "; ".join(f"{step.row.title} {step.why}" for step in drifts)
        await connections.report(app.database, connection, now, Status.ATTENTION, reason="drift", sentence=told)
    else:
        await connections.report(app.database, connection, now, Status.OK)


async def _certify(
    app: App, connection: Connection, platform: Platform, tenant: OpenTenant, steps: Sequence[Step]
) -> None:
    """Draw up the certificate: with a last look at the tenant while we can, without it once our application is gone."""
    asked = any(step.verb is Verb.ASK for step in steps)
    before = await certificate.latest(app.database, connection)
    if asked and before is not None and app.clock.now() < datetime.fromisoformat(before["drawn_up_at"]) + RESCAN:
        return
    if asked or before is None:
        left, unknown = await certificate.residue(platform.rows, tenant) if asked else ([], _unseen(platform, tenant))
        left += await platform.residue(tenant) if asked else []
    else:
        left, unknown = before["residue"], before["could_not_check"]
    application = [
        {"key": step.key, "title": step.row.title, "why": "waits for the administrator"}
        for step in steps
        if step.verb is Verb.ASK
    ]
    left = [entry for entry in left if entry.get("why") != "waits for the administrator"] + application
    result = "degraded" if unknown else "waiting for the administrator" if asked else "residue" if left else "clean"
    await certificate.draw_up(
        app.database, connection, platform.rows, now=app.clock.now(), client_id=platform.client_id(app),
        result=result, left=left, unknown=unknown, administrator_done=not asked,
    )  # fmt: skip


def _unseen(platform: Platform, tenant: OpenTenant) -> list[dict[str, str | None]]:
    return [
        {"key": item.key, "title": item.row.title, "identity": tenant.ledger.holdings[item.key].identity,
         "why": "the application was removed before a last look"}
        for item in certificate.known(platform.rows, tenant.ledger)
    ]  # fmt: skip


async def _without_consent(
    app: App, connection: Connection, platform: Platform, tenant: OpenTenant, error: FootprintError
) -> Connection | None:
    """The application went before the rest. Wait for it to come back a while, then end with a complete checklist."""
    now = app.clock.now()
    since = connection.reason_since if connection.reason == error.code and connection.reason_since else now
    if now < since + CONSENT_GRACE:
        sentence = (
            "The tenant's consent is gone, so what is left there cannot be removed by us. Open the consent link again "
            f"before {since + CONSENT_GRACE:%Y-%m-%d %H:%M} UTC, or remove it by hand: the certificate will list it."
        )
        await connections.report(
            app.database, connection, now, Status.ATTENTION, reason=error.code, sentence=sentence,
            not_before=min(now + timedelta(hours=1), since + CONSENT_GRACE),
        )  # fmt: skip
        return None
    own = [
        replace(row, serves=(), kept_for=timedelta(0)) for row in platform.rows if isinstance(row, Change) and row.local
    ]
    await reconcile(own, tenant, Stage.CLEANUP, repair=False)
    unknown = [
        {"key": item.key, "title": item.row.title, "identity": held.identity, "why": "could not check: consent is gone"}
        for item in certificate.known(platform.rows, tenant.ledger)
        if (held := tenant.ledger.holdings[item.key]).state not in (ledgers.State.GONE, ledgers.State.BORROWED)
    ]
    await certificate.draw_up(
        app.database, connection, platform.rows, now=now, client_id=platform.client_id(app), result="degraded",
        left=[], unknown=unknown, administrator_done=True,
    )  # fmt: skip
    return await _move(app, connection, Stage.CLOSED)
