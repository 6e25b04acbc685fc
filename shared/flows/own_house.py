"""Our own house after a revoke: nothing that we keep of a customer stays, whatever the ledger says of its row."""

from datetime import datetime, timedelta

from shared.connections import baseline, choices, grants, preflight, record, snapshots, tokens
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import chain
from shared.engine.chain import Act, Entry
from shared.flows import marked_messages
from shared.flows.app import App
from shared.flows.reports import store
from shared.foundation.errors import FootprintError, Permanent
from shared.platforms.contract import ConsentResult
from shared.protection import decisions, directory, mailboxes, policies, quarantine, set_aside
from shared.storage.database import AsyncConnection
from shared.storage.ids import ConnectionId

# What lies in our own database only, by the room that owns it.
OWNERS = (
    baseline,
    choices,
    preflight,
    snapshots,
    tokens,
    policies,
    directory,
    mailboxes,
    decisions,
    quarantine,
    set_aside,
    marked_messages,
)
# After the close, longer than any run or callback that was under way can take.
CLEAR_AGAIN_AFTER = timedelta(hours=1)
# So long after the close a grant is kept that the platform does not take back. After it the ledger alone tells of it.
GIVE_BACK_WITHIN = timedelta(days=3)


async def clear(app: App, connection: Connection) -> None:
    """Give stray grants back and delete all that we keep; for a connection whose removals are done, again and again."""
    for grant in await _kept(app, connection):
        holders = await grants.holders(app.database, connection.platform, grant.account)
        if set(holders) <= {connection.id}:
            try:
                await give_back(app, connection, grant)
            except FootprintError:
                closed = connection.stage is Stage.CLOSED
                if not closed or app.clock.now() < connection.stage_since + GIVE_BACK_WITHIN:
                    raise
        await grants.forget(app.database, connection.id, grant.account)
    async with app.database.write() as write:
        await delete(write, connection.id)


async def _kept(app: App, connection: Connection) -> list[grants.Grant]:
    """The grants that we keep. Those that do not open are deleted in the end: nobody can revoke them by our copy."""
    try:
        return await grants.listed(app.database, app.seal, connection.id)
    except Permanent as error:
        if app.clock.now() < connection.stage_since + GIVE_BACK_WITHIN:
            raise
        told = f"{error.sentence} The stored grants are deleted, and were not revoked at the platform."
    async with app.database.write() as write:
        entry = Entry(key="grant", act=Act.PURGE, state="noted", note=told)
        await chain.append(write, connection.id, connection.generation, app.clock.now(), entry)
        await grants.forget_all(write, connection.id)
    return []


async def delete(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Delete what needs no platform, inside the caller's transaction."""
    for owner in OWNERS:
        await owner.forget_all(write, connection_id)


async def clear_once_more(app: App, connection: Connection) -> None:
    """The same after the close. Until it has come to its end, the sweep finds the connection again."""
    await clear(app, connection)
    async with app.database.write() as write:
        await record.update(write, connection.id, not_before=None)


async def close(write: AsyncConnection, connection_id: ConnectionId, now: datetime) -> None:
    """Delete what we keep with the close, inside the caller's transaction, and have it cleared once more later."""
    await _forget_people(write, connection_id)
    await delete(write, connection_id)
    await record.update(write, connection_id, not_before=now + CLEAR_AGAIN_AFTER)


async def _forget_people(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """A closed connection does not know any more who consented, nor who was sent its reports."""
    await record.forget_administrator(write, connection_id)
    await store.forget_recipients(write, connection_id)


async def give_back(app: App, connection: Connection, grant: grants.Grant) -> None:
    """Give a grant back to its platform, with the intent in the ledger before and the outcome after."""
    key = f"grant/{grant.account}"

    async def note(state: str, text: str, intent: int | None = None) -> int:
        entry = Entry(key=key, act=Act.PURGE, state=state, intent=intent, note=text)
        async with app.database.write() as write:
            return await chain.append(write, connection.id, connection.generation, app.clock.now(), entry)

    intent = await note("intended", "a grant that is no longer used is revoked")
    try:
        result = ConsentResult(tenant=connection.tenant or "", grant=grant)
        await app.platforms[connection.platform].give_back(result, of=connection.id)
    except FootprintError as error:
        await note("failed", error.sentence, intent)
        raise
    await note("done", "revoked", intent)
