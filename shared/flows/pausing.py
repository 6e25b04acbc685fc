"""Pausing a connection: the routing of its mail is off until a time, and everything else stays and is looked after."""

from datetime import UTC, datetime, timedelta

from shared.connections import halts, record
from shared.connections.events import EventKind
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import chain
from shared.engine.chain import Act, Entry
from shared.engine.rows import Change
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.platforms.rows import rows_of

# Whose mail is not to be scanned for longer is better disconnected.
MAX_PAUSE = timedelta(days=30)
KEY = "pause"


async def pause(app: App, connection: Connection, until: datetime, reason: str, actor: str) -> None:
    """Switch the routing of mail off until a time; a pause that is on gets this end. Raises Refused."""
    now = app.clock.now()
    if connection.stage is not Stage.RUN:
        raise Refused(409, "not_running", "Only a running connection is paused.")
    rows = rows_of(app.platforms[connection.platform], connection)
    if not any(isinstance(row, Change) and row.routes for row in rows):
        raise Refused(
            409,
            "pause_not_possible",
            "The routing of this connection's mail is the customer's own setting, or there is none. Their "
            "administrator can switch it off.",
        )
    if halt := await halts.of(app.database, connection):
        raise Refused(409, halts.CODE, halt.sentence)
    if until <= now:
        raise Refused(400, "until_is_past", "until: name a time that is still to come.")
    if until > now + MAX_PAUSE:
        raise Refused(400, "pause_too_long", f"until: a pause lasts {MAX_PAUSE.days} days at most.")
    until = until.astimezone(UTC)
    async with app.database.write() as write:
        if not await record.unchanged(write, connection):
            raise Refused(409, "changed_meanwhile", "The connection has changed direction meanwhile. Reload it.")
        after = {"until": until.isoformat(), "reason": reason}
        note = f"routing of mail paused until {until:%Y-%m-%d %H:%M} UTC: {reason}"
        await chain.order(write, connection, now, actor, note, key=KEY, after=after, runs=True)
        await record.update(write, connection.id, paused_until=until, not_before=now)
        await record.tell(write, connection, EventKind.PAUSED, now, actor=actor, **after)
    await app.queue.send(Job(name="advance", connection_id=connection.id), now)
    await app.queue.send(Job(name="advance", connection_id=connection.id), until)


async def resume(app: App, connection: Connection, actor: str) -> None:
    """Switch the routing of mail on again, before the pause's end. Raises Refused if the connection is not paused."""
    now = app.clock.now()
    async with app.database.write() as write:
        if not await record.unchanged(write, connection) or connection.paused_until is None:
            raise Refused(409, "not_paused", "The connection is not paused.")
        await chain.order(write, connection, now, actor, "pause ended before its time", key=KEY, runs=True)
        await record.update(write, connection.id, paused_until=None, not_before=now)
        await record.tell(write, connection, EventKind.RESUMED, now, actor=actor)
    await app.queue.send(Job(name="advance", connection_id=connection.id), now)


async def end(app: App, connection: Connection) -> None:
    """Note that a pause is over whose time has come. Routing is on again by the same run's plan."""
    now, until = app.clock.now(), connection.paused_until
    if until is None or now < until:
        return
    async with app.database.write() as write:
        if await record.unpaused(write, connection):
            entry = Entry(key=KEY, act=Act.ORDER, note="pause ended at its time")
            await chain.append(write, connection.id, connection.generation, now, entry)
            await record.tell(write, connection, EventKind.RESUMED, now, actor=None)


def told(until: datetime) -> str:
    """What a paused connection shows."""
    when = f"{until.day} {until:%b %Y, %H:%M} UTC"
    return f"Mail is not routed to the scanner until {when}, then again automatically. Everything else stays in place."
