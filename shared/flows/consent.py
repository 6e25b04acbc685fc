"""Consent: an administrator signs in at the platform and consents, and the callback comes back to the same browser."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta

from shared.connections import grants, halts, record
from shared.connections.lease import unfenced
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import chain
from shared.engine.chain import Act, Entry
from shared.engine.promise import promised
from shared.flows import callbacks
from shared.flows.app import App
from shared.flows.callbacks import Callback
from shared.flows.invitation import ADMINISTRATOR, held, mark, refuse_too_many
from shared.foundation.errors import FootprintError, Permanent, Refused
from shared.platforms.contract import Consent, ConsentResult, Platform
from shared.platforms.rows import rows_of

log = logging.getLogger(__name__)

STATE = "consent state"
# Between opening the page and coming back from the sign-in, and again from there to the consent.
STATE_LIFE = timedelta(minutes=30)


async def platform_url(app: App, connection: Connection, browser: str) -> str:
    """The platform's page on which the administrator signs in.

    Its state is signed, short-lived, good for one callback, and good in this browser only; see `invitation.enter`.
    """
    return await _onward(app, connection, browser, signed_in="")


async def _onward(app: App, connection: Connection, browser: str, *, signed_in: str) -> str:
    state = await app.links.ticket(_purpose(browser), STATE_LIFE, signed_in)
    consent = Consent(
        connection=connection, redirect_uri=redirect_uri(app, connection), state=state, signed_in=signed_in
    )
    return await app.platforms[connection.platform].consent_url(consent)


def redirect_uri(app: App, connection: Connection) -> str:
    """Where the platform sends the administrator's browser back to."""
    return f"{app.settings.public_url}/api/consent/{connection.platform}"


def _purpose(browser: str) -> str:
    return f"{STATE} {mark(browser)}"


async def callback(app: App, platform: str, query: Mapping[str, str], browser: str) -> str | None:
    """Take a callback. Returns the platform's next page for this browser, or None once consent was given.

    The state is used up. A consent is noted, and a job proves it by using it. Raises Refused, and changes nothing
    else, if the state is another browser's, or if consent was declined or is for another tenant than agreed. A process
    that faces the internet takes the state and leaves the rest to a worker, which leaves word for the browser.
    """
    if not browser:
        raise _over()
    connection = await held(app, browser)
    with halts.heeded(app.database, app.clock, connection):
        await halts.refuse(app.database, connection)
        return await _called_back(app, connection, platform, query, browser)


async def _called_back(
    app: App, connection: Connection, platform: str, query: Mapping[str, str], browser: str
) -> str | None:
    if connection.platform != platform:
        raise Refused(400, "callback_not_valid", "This answer is for another platform. Open the invitation again.")
    await refuse_too_many(app, connection, came_back=await app.links.spent(STATE, connection.id))
    state = query.get("state", "")
    try:
        signed_in = await app.links.spend(_purpose(browser), state, connection.id)
    except Refused:
        raise _over() from None
    came = callbacks.received(mark(browser), state, signed_in, query)
    if app.settings.functions == "public":
        await callbacks.keep(app, connection, came)
        return None
    tenant = await _take(app, connection, came)
    return await _onward(app, connection, browser, signed_in=tenant) if tenant else None


async def take_waiting(app: App, connection: Connection) -> None:
    """In a worker: take what browsers have brought back, and leave word for each."""
    # What is granted meanwhile is given back, whichever way the connection has gone.
    with unfenced():
        for came in await callbacks.waiting(app, connection):
            if await callbacks.take(app.database, came):
                await callbacks.leave_word(app, connection, came, await _outcome(app, connection, came))


async def _outcome(app: App, connection: Connection, came: Callback) -> str | FootprintError:
    if came.signed_in and not await callbacks.has_signed_in(app, connection, came):
        return _over()
    try:
        return await _take(app, connection, came)
    except FootprintError as error:
        return error


async def word(app: App, connection: Connection, browser: str) -> str | None:
    """What a worker has left for a browser: the platform's next page, empty while it has to wait, None for nothing.

    Raises Refused once if the callback was turned down.
    """
    found = await callbacks.word(app, connection, mark(browser))
    if found is None:
        return None
    if found.waits:
        return ""
    await callbacks.told(app.database, found)
    if found.refused:
        raise found.refused
    return await _onward(app, connection, browser, signed_in=found.signed_in)


async def _take(app: App, connection: Connection, came: Callback) -> str:
    """Find out who has come, and note their consent. Returns the tenant to whose consent they go on, if any."""
    offered = app.platforms[connection.platform]
    consent = Consent(
        connection=connection,
        redirect_uri=redirect_uri(app, connection),
        state=came.state,
        signed_in=came.signed_in,
    )
    # First, for a grant that is taken and cannot be sealed would be lost.
    await app.seal.credentials(connection.id)
    result = await offered.consent_result(consent, came.query)
    await _refuse_others(app, connection, offered, result)
    if connection.stage is Stage.CLOSED:
        await offered.give_back(result)
        raise _given_up()
    if not result.consented:
        return result.tenant
    await _note(app, connection, offered, result)
    await app.queue.send(Job(name="advance", connection_id=connection.id), app.clock.now())
    return ""


async def _note(app: App, connection: Connection, platform: Platform, result: ConsentResult) -> None:
    """Keep what a consent brought. Of a connection that is being removed nothing is kept: it only goes on."""
    now = app.clock.now()
    box = await app.seal.credentials(connection.id)
    leaving = connection.stage in (Stage.REVOKE, Stage.CLEANUP)
    promise = promised(rows_of(platform, connection))
    async with app.database.write() as write:
        known = await record.unchanged(write, connection)
        if known:
            await chain.order(write, connection, now, ADMINISTRATOR, grants.CONSENT_GIVEN, after=promise, runs=True)
        if known and leaving:
            await record.update(write, connection.id, not_before=now)
        elif known:
            if result.grant is not None:
                await grants.keep(write, box, connection.id, result.grant)
                await record.update(write, connection.id, administrator=result.grant.address)
            await record.update(write, connection.id, not_before=now, waiting_since=None)
            if connection.tenant is None:
                await record.update(
                    write,
                    connection.id,
                    claimed_tenant=result.tenant,
                    status=str(Status.WAITING),
                    reason="consent_not_proven",
                    sentence="Consent received. Verifying access…",
                    reason_since=now,
                    not_before=None,
                )
    if leaving or not known:
        await platform.give_back(result)
    if not known:
        raise _given_up()


async def _refuse_others(app: App, connection: Connection, platform: Platform, result: ConsentResult) -> None:
    """Raises Refused for a tenant that is not the one that was agreed, or that is another customer's."""
    agreed = connection.tenant or connection.expected_tenant
    if agreed is not None and not await _agrees(platform, agreed, result):
        await platform.give_back(result)
        await _told(app, connection, [], "refused the consent of another tenant")
        raise Refused(
            409, "another_tenant", "You signed in to another organisation than this link is for. Nothing was changed."
        )
    others = await record.of_other_customers(app.database, connection, result.tenant)
    if others:
        await platform.give_back(result)
        await _told(app, connection, others, "refused a tenant that is another customer's")
        raise Refused(409, TAKEN.code, f"{TAKEN.sentence} Nothing was changed.")


# What is said of an attempt to bind a tenant that another customer has, or had.
TAKEN = Permanent(
    "tenant_of_another_customer",
    "This organisation is connected for another customer of this deployment, or was. An operator who sees all "
    "customers has to move it first.",
)


async def _told(app: App, connection: Connection, others: Sequence[Connection], note: str) -> None:
    """An attempt is in the ledger of this connection, and of those whose tenant it was for."""
    now = app.clock.now()
    async with app.database.write() as write:
        await chain.append(write, connection.id, connection.generation, now, _attempt(note))
        for other in others:
            theirs = _attempt(f"another customer's connection: {note}")
            await chain.append(write, other.id, other.generation, now, theirs)
    log.warning(note, extra={"connection": connection.id, "others": [other.id for other in others]})


def _attempt(note: str) -> Entry:
    return Entry(key="connection", act=Act.STAGE, note=note)


async def _agrees(platform: Platform, agreed: str, result: ConsentResult) -> bool:
    names = {result.tenant.lower(), *result.names}
    if agreed.lower() in names:
        return True
    try:
        return await platform.same_tenant(agreed, result)
    except Permanent:
        return False  # it names no tenant that there is


def _over() -> Refused:
    return Refused(
        410, "consent_over", "This consent is over, or was begun in another browser. Open the invitation again."
    )


def _given_up() -> Refused:
    return Refused(
        410,
        "connection_given_up",
        "This connection was taken back before you consented. Ask for a new link; nothing was changed.",
    )
