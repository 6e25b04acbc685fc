"""Reading what is new in mailboxes, from our own stored position, and acting on it by the policies.

The position moves page by page and never past what has not been dealt with. Where Gmail has forgotten the position,
the mailbox is listed for the time since it was last read (facts: Gmail history).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import parseaddr
from typing import Any

from shared import connections, mailboxes, policies
from shared.app import App
from shared.connections import Connection, new_id
from shared.errors import Missing, Temporary
from shared.google_workspace import label
from shared.google_workspace.client import Api
from shared.google_workspace.delegation import Delegation
from shared.google_workspace.each import each
from shared.google_workspace.mailbox import UNTIL_KNOWN_BETTER, Closed, Post
from shared.google_workspace.methods import HISTORY_LIST, MESSAGES_GET, MESSAGES_LIST, PROFILE_GET
from shared.lifecycle import Stage
from shared.mailboxes import Mailbox
from shared.operations import MOST_KEPT_BACK, Operations
from shared.policies import Policy

MOST_MAILBOXES = 50
# Records of history, or messages of a listing, between two notes of how far we are.
A_PAGE = "100"
# Read again from a little earlier than we last did, for two clocks never agree.
OVERLAP = timedelta(hours=1)
# A mailbox that was never read is not read back further than this.
FIRST_LOOK = timedelta(days=1)
HEADERS = ["From", "Subject"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One mailbox being read: whose connection, by which policies."""

    app: App
    connection: Connection
    mailbox: Mailbox
    policies: Sequence[Policy]
    api: Api


async def scan(delegation: Delegation, app: App, connection: Connection) -> None:
    """Read some of the mailboxes that have news."""
    acting = [
        policy
        for policy in await policies.listed(app.database, connection.id)
        if policy.enabled and policy.actions and policy.direction in ("incoming", "both")
    ]
    operations, run = Operations(app.database, connection.id), new_id()[:12]
    taken = await mailboxes.take(app.database, connection.id, app.clock.now(), MOST_MAILBOXES)
    async with app.wire.client(app.settings.google.gmail_url) as http:
        post = Post(http, delegation, operations, app.clock, run=run)

        async def one(mailbox: Mailbox) -> None:
            await _mailbox(app, connection, post, mailbox, acting)
            await operations.flush(at_least=MOST_KEPT_BACK)

        try:
            await each(taken, one)
        finally:
            await operations.flush()


async def _mailbox(app: App, connection: Connection, post: Post, mailbox: Mailbox, acting: Sequence[Policy]) -> None:
    """Read one mailbox, and give it back however it ends: what fails in one is no other's matter."""
    database, now = app.database, app.clock.now()
    mine = await policies.of_user(database, connection.id, mailbox.user, mailbox.address, acting)
    try:
        async with post.open(mailbox.address) as api:
            reading = Reading(app=app, connection=connection, mailbox=mailbox, policies=mine, api=api)
            position = await (_catch_up(reading) if mailbox.catching_up else _read(reading))
    except Closed as closed:
        later = now + UNTIL_KNOWN_BETTER
        await mailboxes.put_off(database, connection.id, mailbox, reason=closed.sentence, not_before=later)
    except Temporary as error:
        await mailboxes.put_off(
            database, connection.id, mailbox, reason=error.sentence, not_before=app.clock.now() + error.after
        )  # fmt: skip
    except BaseException:
        await mailboxes.put_off(database, connection.id, mailbox)
        raise
    else:
        await mailboxes.finish(database, connection.id, mailbox, position=position, read_at=now)


async def _read(reading: Reading) -> int:
    """Everything since the stored position. Returns the position to go on from next time."""
    start = int(reading.mailbox.position or 0)
    params = {
        "startHistoryId": str(start), "historyTypes": "messageAdded", "labelId": "INBOX", "maxResults": A_PAGE,
    }  # fmt: skip
    token: str | None = None
    while True:
        try:
            page = await reading.api.call(HISTORY_LIST, params=params | ({"pageToken": token} if token else {}))
        except Missing:
            return await _catch_up(await _begin_to_catch_up(reading))
        for record in page.get("history", []):
            added = [entry["message"]["id"] for entry in record.get("messagesAdded", [])]
            if added:
                await _judge(reading, added)
                await _move(reading, position=int(record["id"]))
        token = page.get("nextPageToken")
        if not token:
            return max(int(page.get("historyId", start)), start)


async def _begin_to_catch_up(reading: Reading) -> Reading:
    """Note where we will be once everything since the last reading is listed: taken before the listing."""
    profile = await reading.api.call(PROFILE_GET)
    since = (reading.mailbox.read_at or reading.app.clock.now() - FIRST_LOOK) - OVERLAP
    state = {"position": int(profile["historyId"]), "since": int(since.timestamp()), "token": None}
    await _move(reading, catching_up=state)
    return replace(reading, mailbox=replace(reading.mailbox, catching_up=state))


async def _catch_up(reading: Reading) -> int:
    """Everything that has come since the last reading, page by page, each noted when it is dealt with."""
    state: dict[str, Any] = dict(reading.mailbox.catching_up or {})
    while True:
        params = {"q": f"after:{state['since']}", "labelIds": "INBOX", "maxResults": A_PAGE}
        more = {"pageToken": str(state["token"])} if state["token"] else {}
        page = await reading.api.call(MESSAGES_LIST, params=params | more)
        for message in page.get("messages", []):
            await _judge(reading, [message["id"]])
        if not page.get("nextPageToken"):
            return int(state["position"])
        state["token"] = page["nextPageToken"]
        await _move(reading, catching_up=dict(state))


async def _move(reading: Reading, **values: Any) -> None:
    await mailboxes.move(reading.app.database, reading.connection.id, reading.mailbox, **values)


async def _judge(reading: Reading, messages: Sequence[str]) -> None:
    """Hold messages against the policies, and act on each that violates one, once."""
    if not reading.policies:
        return
    database, connection, user = reading.app.database, reading.connection.id, reading.mailbox.user
    done = await mailboxes.acted_on(database, connection, user, messages)
    for message in messages:
        if message in done:
            continue
        try:
            found = await reading.api.call(
                MESSAGES_GET, {"id": message},
                params={"format": "metadata", "metadataHeaders": HEADERS, "fields": "id,labelIds,payload/headers"},
            )  # fmt: skip
        except Missing:
            continue  # deleted meanwhile
        headers = _headers(found)
        sender = parseaddr(headers.get("from", ""))[1]
        policy = next((one for one in reading.policies if one.means(sender, headers.get("subject", ""))), None)
        if policy is None:
            continue
        # Revoked meanwhile: nothing more is done in anybody's mailbox.
        await _still_running(reading)
        known = await _label(reading)
        put = await label.put_on(reading.api, message, known)
        if put is not None:
            await mailboxes.act(
                database, connection, user, message, policy=policy.name, action="label", now=reading.app.clock.now()
            )
            if put != known:
                await _move(reading, label=put)


async def _label(reading: Reading) -> str | None:
    return await mailboxes.label_of(reading.app.database, reading.connection.id, reading.mailbox.user)


async def _still_running(reading: Reading) -> None:
    now = await connections.find(reading.app.database, reading.connection.id)
    if now is None or now.stage is not Stage.RUN or now.generation != reading.connection.generation:
        raise connections.Superseded


def _headers(message: Mapping[str, Any]) -> dict[str, str]:
    listed = (message.get("payload") or {}).get("headers", [])
    return {str(one["name"]).lower(): str(one["value"]) for one in reversed(listed)}
