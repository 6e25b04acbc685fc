"""One thing done to one message: asked for once more behind every wait, done, ticked off, undone if it came late."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.connections import record
from shared.connections.lease import Superseded
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.context import Context
from shared.foundation.errors import Missing
from shared.foundation.permits import permitted
from shared.foundation.telemetry import count
from shared.platforms.google_workspace import message_actions
from shared.platforms.google_workspace.api import Api, GoogleRefused
from shared.protection import decisions, mailboxes, quarantine, set_aside
from shared.protection.inspection.impersonation import Known
from shared.protection.mail_days import Tally
from shared.protection.mailboxes import Mailbox
from shared.protection.policies import Policy


@dataclass(frozen=True, kw_only=True)
class MailboxRun:
    """One mailbox being read: whose connection, by which policies."""

    context: Context
    connection: Connection
    mailbox: Mailbox
    policies: Sequence[Policy]
    api: Api
    known: Known
    tally: Tally


class Withdrawn(Exception):
    """What was decided about a message is not to be done any more; nobody is told."""


async def carry_out(reading: MailboxRun, message: str, action: str, before: Sequence[str]) -> None:
    """Do one thing to a message that bears these labels, and tick it off.

    Whether it is still to be done is asked behind every wait, right before each attempt, and once more after it: what
    was released or revoked while we were held up in between is undone.
    """
    known, name = await label(reading), reading.connection.brand.gmail_label
    database, connection, user = reading.context.database, reading.connection.id, reading.mailbox.user

    async def still_to_do() -> None:
        await still_running(reading)
        if not await decisions.is_open(database, connection, user, message, action):
            raise Withdrawn

    try:
        with permitted(still_to_do):
            put = await message_actions.take(reading.api, action, message, known, name)
    except Withdrawn:
        return
    except Missing:
        await gone(reading, message, action)
        return
    except GoogleRefused as refused:
        if action != "label":
            raise
        # Such as a mailbox that has all the labels it may have. It stays to be done, and the rest goes on.
        await set_aside.note(
            database,
            connection,
            "label",
            user,
            reading.mailbox.address,
            refused.sentence,
            reading.context.clock.now(),
        )
        return
    if action == "label":
        await set_aside.clear(database, connection, "label", [user])
    try:
        ticked = await decisions.done(database, connection, user, message, action)
    except Superseded:
        await _take_back(reading, message, action, before)
        raise
    if ticked:
        count("messages_acted_on", action=action)
    if not ticked and action == "quarantine" and not await quarantine.waits(database, connection, user, message):
        await _take_back(reading, message, action, before)
    if put != known:
        await mailboxes.move(database, connection, reading.mailbox, label=put)


async def _take_back(reading: MailboxRun, message: str, action: str, before: Sequence[str]) -> None:
    try:
        await message_actions.take_back(reading.api, action, message, before)
    except Missing:
        return  # deleted meanwhile


async def gone(reading: MailboxRun, message: str, action: str) -> None:
    """Its owner has deleted it before we came to it: there is nothing to do, and nothing to put back."""
    database, connection, user = reading.context.database, reading.connection.id, reading.mailbox.user
    await decisions.done(database, connection, user, message, action)
    if action == "quarantine":
        await quarantine.lost(database, connection, user, message)


async def label(reading: MailboxRun) -> str | None:
    """The id of our label in this mailbox, if it is known."""
    return await mailboxes.label_of(reading.context.database, reading.connection.id, reading.mailbox.user)


async def still_running(reading: MailboxRun) -> None:
    """Raises Superseded if the connection does not run any more as it did."""
    now = await record.find(reading.context.database, reading.connection.id)
    if now is None or now.stage is not Stage.RUN or now.generation != reading.connection.generation:
        raise Superseded
