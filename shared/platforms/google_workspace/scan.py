"""MailboxRun what is new in mailboxes, from our own stored position, and acting on it by the policies.

The position moves page by page and never past what has not been dealt with. Where Gmail has forgotten the position,
the mailbox is listed for the time since it was last read (https://developers.google.com/workspace/gmail/api/guides/sync).
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.connections.call_log import MAX_UNWRITTEN_CALLS, Operations
from shared.connections.record import Connection
from shared.deployment.context import Context
from shared.foundation.concurrency import each
from shared.foundation.errors import FootprintError, Missing, Temporary
from shared.platforms.google_workspace.api import Api, Record
from shared.platforms.google_workspace.apply_policies import finish, judge_all
from shared.platforms.google_workspace.carry_out import MailboxRun
from shared.platforms.google_workspace.delegation import Delegation
from shared.platforms.google_workspace.mailbox import Closed, Mailboxes
from shared.platforms.google_workspace.methods import HISTORY_LIST, MESSAGES_LIST, PROFILE_GET
from shared.protection import mail_days, mailboxes, policies, set_aside
from shared.protection.mailboxes import Mailbox
from shared.protection.targets import of_user
from shared.protection.trial import everybody
from shared.storage.ids import new_id

log = logging.getLogger(__name__)

MAX_MAILBOXES_A_RUN = 50
# Records of history, or messages of a listing, between two notes of how far we are.
A_PAGE = "100"
# Read again from a little earlier than we last did, for two clocks never agree.
OVERLAP = timedelta(hours=1)
# A mailbox that was never read is not read back further than this.
FIRST_LOOK = timedelta(days=1)
# The name under which Gmail writes what it found out about a sender.
RECEIVER = "mx.google.com"


async def scan(delegation: Delegation, context: Context, connection: Connection) -> None:
    """Read some of the mailboxes that have news."""
    acting = [policy for policy in await policies.listed(context.database, connection.id) if policy.acts]
    tally = mail_days.Tally()
    operations, run = Operations(context.database, connection.id), new_id()[:12]
    taken = await mailboxes.take(context.database, connection.id, context.clock.now(), MAX_MAILBOXES_A_RUN)
    known = await everybody(context.database, connection.id, acting, RECEIVER)
    async with context.wire.client(context.settings.google.gmail_url) as http:
        gmail = Mailboxes(http, delegation, operations, context.clock, run=run)

        async def one(mailbox: Mailbox) -> None:
            mine = await of_user(context.database, connection.id, mailbox.user, mailbox.address, acting)

            def reading(api: Api) -> MailboxRun:
                return MailboxRun(
                    context=context,
                    connection=connection,
                    mailbox=mailbox,
                    policies=mine,
                    api=api,
                    known=known,
                    tally=tally,
                )

            await _mailbox(context, connection, gmail, mailbox, reading)
            await operations.flush(at_least=MAX_UNWRITTEN_CALLS)

        try:
            await each(taken, one)
        finally:
            await operations.flush()
            await mail_days.add(context.database, connection.id, tally, context.clock.now())


async def _mailbox(
    context: Context, connection: Connection, gmail: Mailboxes, mailbox: Mailbox, reading: Callable[[Api], MailboxRun]
) -> None:
    """Read one mailbox, and give it back however it ends: what fails in one is no other's matter."""
    database, now = context.database, context.clock.now()
    try:
        async with gmail.open(mailbox.address) as api:
            opened = reading(api)
            await finish(opened)
            position = await (_catch_up(opened) if mailbox.catching_up else _read(opened))
    except (Closed, Missing) as refused:
        again = await set_aside.note(
            database, connection.id, "mailbox", mailbox.user, mailbox.address, refused.sentence, now
        )
        await mailboxes.put_off(database, connection.id, mailbox, reason=refused.sentence, not_before=again)
    except Temporary as error:
        await mailboxes.put_off(
            database, connection.id, mailbox, reason=error.sentence, not_before=context.clock.now() + error.after
        )
    except (FootprintError, asyncio.CancelledError):
        await mailboxes.put_off(database, connection.id, mailbox)
        raise
    except Exception:
        # Our own mistake, with this mailbox: the others are read all the same.
        log.exception("a mailbox could not be read", extra={"user": mailbox.user})
        why = "Reading the message failed with an internal error, which the log describes."
        again = await set_aside.note(database, connection.id, "mailbox", mailbox.user, mailbox.address, why, now)
        await mailboxes.put_off(database, connection.id, mailbox, reason=why, not_before=again)
    else:
        await set_aside.clear(database, connection.id, "mailbox", [mailbox.user])
        await mailboxes.finish(database, connection.id, mailbox, position=position, read_at=now)


async def _read(reading: MailboxRun) -> int:
    """Everything since the stored position. Returns the position to go on from next time."""
    start = int(reading.mailbox.position or 0)
    params = {
        "startHistoryId": str(start),
        "historyTypes": "messageAdded",
        "labelId": "INBOX",
        "maxResults": A_PAGE,
    }
    token: str | None = None
    while True:
        try:
            page = await reading.api.call(HISTORY_LIST, params=params | ({"pageToken": token} if token else {}))
        except Missing:
            return await _catch_up(await _begin_to_catch_up(reading))
        for record in page.get("history") or ():
            told: list[Record] = [entry.get("message") or {} for entry in record.get("messagesAdded") or ()]
            added = [message["id"] for message in told if message.get("id")]
            if len(added) < len(told) or (added and not record.get("id")):
                # It tells of a message and not of which: all that came since the last reading are listed instead.
                return await _catch_up(await _begin_to_catch_up(reading))
            if added:
                await judge_all(reading, added)
                await _move(reading, position=int(record["id"]))
        token = page.get("nextPageToken")
        if not token:
            return max(int(page.get("historyId", start)), start)


async def _begin_to_catch_up(reading: MailboxRun) -> MailboxRun:
    """Note where we will be once everything since the last reading is listed: taken before the listing."""
    profile = await reading.api.call(PROFILE_GET)
    since = (reading.mailbox.read_at or reading.context.clock.now() - FIRST_LOOK) - OVERLAP
    state = {"position": int(profile["historyId"]), "since": int(since.timestamp()), "token": None}
    await _move(reading, catching_up=state)
    return replace(reading, mailbox=replace(reading.mailbox, catching_up=state))


async def _catch_up(reading: MailboxRun) -> int:
    """Everything that has come since the last reading, page by page, each noted when it is dealt with."""
    state: dict[str, Any] = dict(reading.mailbox.catching_up or {})
    while True:
        params = {"q": f"after:{state['since']}", "labelIds": "INBOX", "maxResults": A_PAGE}
        more = {"pageToken": str(state["token"])} if state["token"] else {}
        page = await reading.api.call(MESSAGES_LIST, params=params | more)
        for message in page.get("messages") or ():
            await judge_all(reading, [message["id"]])
        if not page.get("nextPageToken"):
            return int(state["position"])
        state["token"] = page["nextPageToken"]
        await _move(reading, catching_up=dict(state))


async def _move(reading: MailboxRun, **values: Any) -> None:
    await mailboxes.move(reading.context.database, reading.connection.id, reading.mailbox, **values)
