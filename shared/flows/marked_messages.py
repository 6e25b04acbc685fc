"""A marked message goes the whole way of a connection's mail: by our relay, to the scanner once, back to the platform.

The scanner reports each message that bears a mark, when it sees it and when the platform has taken it back. Whether it
lies in the mailbox is not known, for not every consent lets us read mailboxes.
"""

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from shared.connections import events, record
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import chain
from shared.engine.rows import Change
from shared.flows.app import App
from shared.flows.reports.store import SENT, WAITING
from shared.flows.scanner_reports import Event
from shared.foundation.errors import Refused, Temporary
from shared.platforms.rows import rows_of
from shared.protection.targets import Targets
from shared.storage import tables as db
from shared.storage.database import AsyncConnection
from shared.storage.ids import ConnectionId, new_id
from shared.storage.people import Person

log = logging.getLogger(__name__)

JOB = "marked-messages"
KEY = "marked-message"
# The mail server may ask for so long to be asked again, and afterwards mail may be so long on its way.
MARKED_MESSAGE_DEADLINE = timedelta(hours=1)
AGAIN = timedelta(minutes=2)
# Messages of one connection that are on their way; each is somebody's mail.
MAX_ON_THEIR_WAY = 10
SHOWN = 20


class State(StrEnum):
    """How far a message came."""

    WAITING = "waiting"
    SENT = "sent"
    SEEN = "seen"
    ARRIVED = "arrived"
    FAILED = "failed"


# Why a message did not arrive, in a sentence.
FAILURES = (
    {"code": "marked_message_not_taken", "told": "The mail server did not take the marked message to {to}."},
    {"code": "marked_message_not_seen", "told": "The scanner did not report the marked message to {to}."},
    {"code": "marked_message_seen_twice", "told": "The scanner reported the marked message to {to} more than once."},
    {
        "code": "marked_message_not_returned",
        "told": "The scanner saw the marked message to {to}, and did not return the message.",
    },
)
SENTENCES: Mapping[str, str] = {one["code"]: one["told"] for one in FAILURES}


@dataclass(frozen=True, kw_only=True)
class Marked:
    """One marked message. `code` and `sentence` say why it failed."""

    id: str
    recipient: str
    asked_at: datetime
    asked_by: str
    sent_at: datetime | None
    state: State
    seen: int
    returned: int
    code: str | None
    sentence: str | None


async def ask(app: App, connection: Connection, recipient: str, actor: str) -> Marked:
    """Have a message sent to somebody whose incoming mail is protected. Raises Refused if it could prove nothing."""
    await _refuse(app, connection, recipient)
    now = app.clock.now()
    row = {"id": new_id(), "mark": _mark(), "recipient": recipient, "asked_at": now, "asked_by": actor}
    async with app.database.write() as write:
        if not await record.unchanged(write, connection):
            raise Refused(409, "changed_meanwhile", "The connection has changed direction meanwhile. Reload it.")
        await write.execute(sa.insert(db.marked_messages).values(connection=connection.id, **row))
        await chain.order(write, connection, now, actor, f"marked message to {recipient}", key=KEY, runs=True)
    await app.queue.send(Job(name=JOB, connection_id=connection.id), now)
    return _marked({**row, "sent_at": None, "code": None}, [])


def _mark() -> str:
    return secrets.token_urlsafe(18)


async def _refuse(app: App, connection: Connection, recipient: str) -> None:
    if connection.stage is not Stage.RUN or connection.paused_until is not None:
        raise Refused(409, "not_running", "Mail is scanned only while a connection runs and is not paused.")
    rows = rows_of(app.platforms[connection.platform], connection)
    if not any(isinstance(row, Change) and row.routes for row in rows):
        raise Refused(409, "not_routed_by_us", "No rule of ours routes this connection's mail to the scanner.")
    if not app.settings.smtp.host:
        raise Refused(409, "no_mail_server", "There is no mail server to send with. Set FOOTPRINT_SMTP__HOST.")
    if app.settings.scanner.secret is None:
        raise Refused(409, "no_scanner_secret", "No scanner can report the message. Set FOOTPRINT_SCANNER__SECRET.")
    targets = Targets(app.database, connection.id)
    people = await targets.protected_addresses("incoming")
    domains = await targets.protected_domains("incoming")
    address = recipient.lower()
    if address not in {one.lower() for one in people} and address.rpartition("@")[2] not in domains:
        raise Refused(400, "recipient_not_protected", f"recipient: incoming mail of {recipient} is not protected.")
    open_ = [one for one in await listed(app, connection) if one.state not in (State.ARRIVED, State.FAILED)]
    if len(open_) >= MAX_ON_THEIR_WAY:
        raise Refused(409, "too_many_marked_messages", f"{len(open_)} marked messages are on their way. Wait for them.")


async def listed(app: App, connection: Connection) -> list[Marked]:
    """The newest ones, the newest first."""
    table, seen = db.marked_messages, db.sightings
    newest = sa.select(table).where(table.c.connection == connection.id).order_by(table.c.asked_at.desc()).limit(SHOWN)
    async with app.database.read() as read:
        rows = [dict(row) for row in (await read.execute(newest)).mappings()]
        mine = (seen.c.connection == connection.id, seen.c.mark.in_([row["mark"] for row in rows]))
        found = (await read.execute(sa.select(seen.c.mark, seen.c.event).where(*mine))).all()
    return [_marked(row, [event for mark, event in found if mark == row["mark"]]) for row in rows]


def _marked(row: Mapping[str, Any], reported: Sequence[str]) -> Marked:
    seen, returned = reported.count(Event.SEEN), reported.count(Event.RETURNED)
    code = row["code"] or ("marked_message_seen_twice" if seen > 1 else None)
    if code:
        state = State.FAILED
    elif row["sent_at"] is None:
        state = State.WAITING
    else:
        state = State.SENT if not seen else State.ARRIVED if returned else State.SEEN
    return Marked(
        **{name: row[name] for name in ("id", "recipient", "asked_at", "asked_by", "sent_at")},
        state=state, seen=seen, returned=returned, code=code,
        sentence=SENTENCES[code].format(to=row["recipient"]) if code else None,
    )  # fmt: skip


async def named(read: AsyncConnection, person: Person) -> set[ConnectionId]:
    """The connections of which a marked message may have been asked for by a person, or sent to them."""
    table = db.marked_messages
    theirs = sa.or_(person.perhaps_in(table.c.recipient), person.perhaps_in(table.c.asked_by))
    return set((await read.execute(sa.select(table.c.connection).where(theirs).distinct())).scalars())


async def forget(write: AsyncConnection, connection_id: ConnectionId, person: Person) -> bool:
    """Delete the messages that name a person, inside the caller's transaction; False if there are none."""
    table = db.marked_messages
    rows = (await write.execute(sa.select(table).where(table.c.connection == connection_id))).all()
    theirs = [row.id for row in rows if person.named_in([row.recipient, row.asked_by])]
    await write.execute(sa.delete(table).where(table.c.id.in_(theirs)))
    return bool(theirs)


async def forget_all(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Delete the messages of a connection and what the scanner has reported, inside the caller's transaction."""
    for table in (db.sightings, db.marked_messages):
        await write.execute(sa.delete(table).where(table.c.connection == connection_id))


async def carry_on(app: App, connection: Connection) -> None:
    """Send the messages that are due, and end those that should have arrived by now."""
    table, now = db.marked_messages, app.clock.now()
    unended = sa.select(table).where(table.c.connection == connection.id, table.c.ended_at.is_(None))
    async with app.database.read() as read:
        rows = [dict(row) for row in (await read.execute(unended)).mappings()]
    for row in rows:
        if row["sent_at"] is None:
            await _send(app, connection, row)
        elif row["sent_at"] + MARKED_MESSAGE_DEADLINE <= now:
            await _end(app, connection, row)


async def _send(app: App, connection: Connection, row: Mapping[str, Any]) -> None:
    table, now = db.marked_messages, app.clock.now()
    mine = (table.c.id == row["id"], table.c.sent_at.is_(None))
    async with app.database.write() as write:
        # It is marked as sent before it is, for one that goes out twice would be seen twice.
        if not (await write.execute(sa.update(table).where(*mine).values(sent_at=now))).rowcount:
            return
    taken = await _handed_over(app, row)
    if taken is None and now < row["asked_at"] + MARKED_MESSAGE_DEADLINE:
        async with app.database.write() as write:
            # A mail server that died may have taken it: the next one is another message.
            again = sa.update(table).where(table.c.id == row["id"]).values(sent_at=None, mark=_mark())
            await write.execute(again)
        await app.queue.send(Job(name=JOB, connection_id=connection.id), now + AGAIN)
    elif taken:
        await app.queue.send(Job(name=JOB, connection_id=connection.id), now + MARKED_MESSAGE_DEADLINE)
    else:
        await _ended(app, connection, row, "marked_message_not_taken")


async def _handed_over(app: App, row: Mapping[str, Any]) -> bool | None:
    """Whether the mail server has taken it; None if it wants to be asked again."""
    from shared.flows.reports import delivery

    smtp, recipient = app.settings.smtp, row["recipient"]
    message = delivery.marked(smtp, recipient, row["mark"], row["asked_at"], app.settings.brand.software)

    def hand_over() -> str:
        return delivery.hand_over(smtp, app.wire.ssl_context, message, [recipient])[recipient]

    try:
        outcome = await asyncio.to_thread(hand_over)
    except Temporary:
        return None
    return None if outcome == WAITING else outcome == SENT


async def _end(app: App, connection: Connection, row: Mapping[str, Any]) -> None:
    table = db.sightings
    of = sa.select(table.c.event).where(table.c.connection == connection.id, table.c.mark == row["mark"])
    async with app.database.read() as read:
        told = _marked(row, list((await read.execute(of)).scalars()))
    late = {State.SENT: "marked_message_not_seen", State.SEEN: "marked_message_not_returned"}
    await _ended(app, connection, row, told.code or late.get(told.state))


async def _ended(app: App, connection: Connection, row: Mapping[str, Any], code: str | None) -> None:
    now, table = app.clock.now(), db.marked_messages
    async with app.database.write() as write:
        await write.execute(sa.update(table).where(table.c.id == row["id"]).values(ended_at=now, code=code))
        if code is not None:
            sentence = SENTENCES[code].format(to=row["recipient"])
            await record.tell(write, connection, events.EventKind.ATTENTION, now, reason=code, sentence=sentence)
    if code is not None:
        log.warning("a marked message did not arrive", extra={"code": code})
