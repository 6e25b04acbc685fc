"""Quarantine: messages are put back when somebody asks, looked at when their time is up, and taken out to be kept."""

import io
import json
import zipfile
from asyncio import to_thread
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared.connections import record
from shared.connections.lease import Lease, Superseded
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import chain
from shared.flows import orders
from shared.flows.app import App
from shared.foundation.errors import FootprintError, Missing, Refused, Temporary, Unfinished
from shared.foundation.permits import permitted
from shared.foundation.schedule import DAY, HOUR
from shared.platforms.contract import Trash
from shared.protection import exports, quarantine
from shared.protection.quarantine import SHOWN_FOR, QuarantinedMessage, QuarantineState

# Messages that one run puts back, or looks for in their mailbox.
MESSAGES_PER_RUN = 100
# A part is read, sealed and handed out in one piece.
MAX_PART_BYTES = 8 * 1024 * 1024
# What one run makes of an export, so that it ends in good time.
PARTS_PER_RUN, MESSAGES_PER_PART = 4, 100
NEXT_RUN_AFTER = timedelta(seconds=1)
# So long after a revoke a message that cannot be read just now keeps no mail routed any more.
READ_WITHIN = timedelta(days=1)
# Each of these may take its several tries.
PART_AFTER_THAT = 25


async def release(app: App, connection: Connection, item: str, actor: str) -> None:
    """Have a message put back where it was, by its name here. Raises Refused."""
    if connection.stage is not Stage.RUN:
        raise Refused(409, "not_running", "Only a running connection puts messages back.")
    now, box = app.clock.now(), await app.seal.box(connection.id)
    number = box.number(item, about=quarantine.NAMED)
    if number is None:
        raise _no_such_item()
    if not await quarantine.release(app.database, connection, item, number, actor=actor, now=now):
        state = await quarantine.state_of(app.database, connection.id, number)
        if state is None:
            raise _no_such_item()
        if state is not QuarantineState.RELEASING:
            raise Refused(409, "not_waiting", f"This message is not in quarantine any more: {state}.")
    await app.queue.send(Job(name="quarantine", connection_id=connection.id), now)


def _no_such_item() -> Refused:
    return Refused(404, "no_such_item", "There is no such message in quarantine.")


async def settle_items(app: App, connection: Connection) -> None:
    """Put back what is asked for, and look at what may have left its bin by itself."""
    feed = app.platforms[connection.platform].feed
    if feed is None or connection.stage is not Stage.RUN:
        return
    box, now = await app.seal.box(connection.id), app.clock.now()
    due = await quarantine.due(app.database, box, connection.id, now, MESSAGES_PER_RUN)
    async with feed.trash(connection) as trash:
        for item in due:
            await _settle(app, connection, trash, item)
    again = await quarantine.next_due(app.database, connection.id)
    if again is not None and again <= now + HOUR:
        await app.queue.send(Job(name="quarantine", connection_id=connection.id), again)


async def _settle(app: App, connection: Connection, trash: Trash, item: QuarantinedMessage) -> None:
    """What fails with one message is no other's matter: it is tried again later."""
    database, now = app.database, app.clock.now()
    later = max(item.until, now + SHOWN_FOR)
    if item.state not in (QuarantineState.WAITING, QuarantineState.RELEASING):
        await quarantine.drop(database, connection.id, item)
        return

    async def still_to_do() -> None:
        found = await record.find(database, connection.id)
        state = await quarantine.state_of(database, connection.id, item.number)
        if found is None or found.generation != connection.generation or state is not item.state:
            raise Superseded

    try:
        if item.state is QuarantineState.RELEASING:
            with permitted(still_to_do):
                put = await trash.put_back(item)
            state, told = (
                (QuarantineState.RELEASED, None)
                if put
                else (QuarantineState.RESTORED, "The owner had already taken the message out of quarantine.")
            )
        elif await trash.holds(item):
            state, told, later = QuarantineState.WAITING, None, now + DAY
        else:
            state, told = QuarantineState.RESTORED, "The owner took the message out of quarantine."
    except Missing:
        if item.state is QuarantineState.WAITING:
            await quarantine.drop(database, connection.id, item)
            return
        state, told = QuarantineState.GONE, "The message is no longer in the mailbox."
    except Superseded:
        raise
    except Temporary as error:
        state, told, later = item.state, error.sentence, now + error.after
    except FootprintError as error:
        # What cannot be put back just now waits as before; who asked sees why, and may ask again.
        state, told, later = QuarantineState.WAITING, error.sentence, max(item.until, now + DAY)
    await quarantine.settle(database, connection.id, item, state=state, told=told, look_at=later)


async def ask_for_export(app: App, connection: Connection, actor: str) -> None:
    """Export the messages in quarantine; the export replaces an earlier one."""
    if connection.stage is not Stage.RUN:
        raise Refused(409, "not_running", "Only a running connection makes an export; a revoke makes its own.")
    if not await quarantine.count(app.database, connection.id):
        raise Refused(409, "quarantine_empty", "Nothing waits in quarantine.")
    now = app.clock.now()
    await exports.begin(app.database, connection.id)
    async with app.database.write() as write:
        await chain.order(write, connection, now, actor, "export of the quarantine requested", key="quarantine")
        await orders.give(write, connection, "export", now)
    await app.queue.send(Job(name="export", connection_id=connection.id), now)


async def make_way(app: App, connection: Connection, *, acknowledged: bool) -> None:
    """Before a revoke: raises Refused, with their number, while messages wait; if acknowledged, has them exported."""
    number = await quarantine.count(app.database, connection.id)
    if number and not acknowledged:
        raise Refused(
            409,
            "quarantine_not_empty",
            f"Messages in quarantine: {number}. Release the messages, or acknowledge that the revoke exports them "
            "first; the export can be downloaded for 30 days.",
        )
    if number:
        await exports.begin(app.database, connection.id)


@dataclass
class _Open:
    """A part that is being made."""

    file: io.BytesIO = field(default_factory=io.BytesIO)
    items: list[QuarantinedMessage] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)

    def put(self, name: str, content: bytes) -> None:
        with zipfile.ZipFile(self.file, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)

    @property
    def is_full(self) -> bool:
        return self.file.getbuffer().nbytes >= MAX_PART_BYTES or len(self.items) >= MESSAGES_PER_PART


async def export(app: App, connection: Connection, lease: Lease) -> None:
    """Take out every message that waits and is in no part yet, one at a time. Unfinished while there is more."""
    feed = app.platforms[connection.platform].feed
    if feed is None or await exports.is_complete(app.database, connection.id):
        return
    box = await app.seal.box(connection.id)
    patient = connection.stage is not Stage.REVOKE or app.clock.now() < connection.stage_since + READ_WITHIN
    async with feed.trash(connection) as trash:
        for _ in range(PARTS_PER_RUN if patient else 1):
            most = MESSAGES_PER_PART if patient else PART_AFTER_THAT
            items = await exports.left(app.database, box, connection.id, most)
            if not items:
                await exports.finish(app.database, lease, app.clock.now())
                return
            part = _Open()
            try:
                for item in items:
                    await _add(trash, part, item, patient=patient)
                    if part.is_full:
                        break
            finally:
                if part.items:
                    await to_thread(part.put, "manifest.json", json.dumps(part.listed, indent=1).encode())
                    now = app.clock.now()
                    await exports.keep(app.database, box, lease, part.file.getvalue(), part.items, now)
    raise Unfinished("exporting_quarantine", "Quarantined messages are being exported.", after=NEXT_RUN_AFTER)


async def _add(trash: Trash, part: _Open, item: QuarantinedMessage, *, patient: bool) -> None:
    """Add one message, or why it could not be read. Raises Temporary while it is worth waiting for."""
    line: dict[str, Any] = {
        "id": item.id,
        "address": item.address,
        "sender": item.sender,
        "subject": item.subject,
        "policy": item.policy,
        "at": item.at.isoformat(),
        "until": item.until.isoformat(),
        "state": item.state,
        "told": item.told,
        "file": f"{item.id}.eml",
    }
    try:
        await to_thread(part.put, line["file"], await trash.content(item))
    except Missing:
        line |= {"file": None, "told": "The message is no longer in the mailbox."}
    except FootprintError as error:
        if patient and isinstance(error, Temporary):
            raise
        line |= {"file": None, "told": error.sentence}
    part.items.append(item)
    part.listed.append(line)
