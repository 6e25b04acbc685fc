"""Subscriptions to mailboxes' events: made and renewed once a day, some hundred at a time, and ended on revoke.

A subscription lasts seven days and is renewed daily; the position that a renewal tells is "now" and never replaces an
older one that is not read yet (https://developers.google.com/workspace/gmail/api/guides/push).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.connections.lease import Superseded
from shared.engine.rows import Absent, Present, Settings
from shared.foundation.concurrency import each
from shared.foundation.errors import FootprintError, Missing, Permanent, Temporary, Unfinished
from shared.foundation.http_client import unreadable
from shared.foundation.schedule import last_due
from shared.platforms.google_workspace.api import Api, GoogleRefused, Record
from shared.platforms.google_workspace.mailbox import UNTIL_KNOWN_BETTER, Closed, Mailboxes, set_up_wrongly
from shared.platforms.google_workspace.methods import STOP, WATCH
from shared.platforms.google_workspace.tenant import WorkspaceCustomer
from shared.protection import directory, mailboxes, set_aside
from shared.protection.mailboxes import Mailbox

# A subscription costs 100 of the project's 1 200 000 units a minute; other customers want theirs as well.
MAX_WATCHES_A_RUN = 500
CONTINUE_AFTER = timedelta(seconds=5)
# When so many mailboxes are closed and none is open, it is not their owners' matter.
MIN_CLOSED_MAILBOXES = 5
# In Gmail's refusal of a mailbox that is subscribed to another topic
# (https://developers.google.com/workspace/gmail/api/guides/push).
ANOTHER_TOPIC = "Only one user push notification client allowed"
# A subscription that is renewed daily has five days left at the least. Below this somebody must look.
ALARM_BEFORE_EXPIRY = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class Watches:
    """The subscriptions of all mailboxes that the policies are about."""

    shared: bool = False
    identified: bool = False
    visible_within: timedelta = timedelta(0)
    set_last: frozenset[str] = frozenset()

    async def desired(self, tenant: WorkspaceCustomer, _element: str) -> Settings | None:
        """Nothing is due, and nothing is about to lapse; nothing at all if nobody's mail is to be read."""
        return {"due": 0, "lapsing": 0} if await _wanted(tenant) else None

    async def observe(self, tenant: WorkspaceCustomer, _element: str, _identity: str | None) -> Present | Absent:
        """What is subscribed to, by what Gmail told us when we asked; nobody else can change it."""
        known = await mailboxes.listed(tenant.context.database, tenant.connection.id)
        if not known:
            return Absent()
        wanted = await _wanted(tenant)
        todo = await _todo(tenant, known, wanted)
        lapsing = [
            mailbox
            for mailbox in known
            if mailbox.user in wanted
            and mailbox.watched_until
            and mailbox.watched_until < tenant.now + ALARM_BEFORE_EXPIRY
        ]
        return Present(identity="watches", settings={"due": len(todo), "lapsing": len(lapsing)})

    async def create(self, tenant: WorkspaceCustomer, _element: str, _desired: Settings) -> str:
        """Subscribe to all mailboxes."""
        await _work(tenant)
        return ""

    async def update(self, tenant: WorkspaceCustomer, _element: str, _present: Present, _changes: Settings) -> str:
        """Renew what is due, subscribe to what is new, end what is not wanted any more."""
        await _work(tenant)
        return ""

    async def remove(self, tenant: WorkspaceCustomer, _element: str, _present: Present) -> str:
        """End all subscriptions, and forget the mailboxes."""
        known = await mailboxes.listed(tenant.context.database, tenant.connection.id)
        await _some(tenant, [(mailbox, None) for mailbox in known])
        return ""


async def _wanted(tenant: WorkspaceCustomer) -> dict[str, str]:
    """The mailboxes to be read, each with its address."""
    if "wanted" not in tenant.read:
        database, connection = tenant.context.database, tenant.connection.id
        users = await tenant.targets.covered_users("incoming")
        tenant.read["wanted"] = await directory.addresses(database, connection, users)
    found: dict[str, str] = tenant.read["wanted"]
    return found


Todo = tuple[Mailbox | None, tuple[str, str] | None]
"""(mailbox as we know it, (user, address) as it should be): a renewal, a new one, or an end."""


async def _todo(tenant: WorkspaceCustomer, known: Sequence[Mailbox], wanted: dict[str, str]) -> list[Todo]:
    failed = await set_aside.listed(tenant.context.database, tenant.connection.id, "mailbox")
    resting = {one.item for one in failed if one.not_before > tenant.now}
    due, by_user = last_due(tenant.connection.site, tenant.now), {mailbox.user: mailbox for mailbox in known}
    todo: list[Todo] = [(mailbox, None) for mailbox in known if mailbox.user not in wanted]
    for user, address in wanted.items():
        mailbox = by_user.get(user)
        fresh = mailbox is not None and mailbox.renewed_at is not None and mailbox.renewed_at >= due
        if user not in resting and not (fresh and mailbox is not None and mailbox.address == address):
            todo.append((mailbox, (user, address)))
    return todo


async def _work(tenant: WorkspaceCustomer) -> None:
    known = await mailboxes.listed(tenant.context.database, tenant.connection.id)
    await _some(tenant, await _todo(tenant, known, await _wanted(tenant)))


async def _some(tenant: WorkspaceCustomer, todo: Sequence[Todo]) -> None:
    """Some of what is to be done; Unfinished while there is more."""
    google, delegation = tenant.google, tenant.credentials.delegation
    async with tenant.context.wire.client(google.gmail_url) as http:
        gmail = Mailboxes(http, delegation, tenant.operations, tenant.context.clock, run=tenant.run)
        refused: list[FootprintError | None] = []

        async def one(what: Todo) -> None:
            mailbox, wanted = what
            if wanted is None and mailbox is not None:
                await _stop(tenant, gmail, mailbox)
            elif wanted is not None:
                refused.append(await _watch(tenant, gmail, mailbox, *wanted))
                if len(refused) >= MIN_CLOSED_MAILBOXES and all(isinstance(one, Temporary) for one in refused):
                    raise Temporary("platform_unavailable", f"No mailbox answers. Gmail said: {refused[-1]}")
            await tenant.operations.flush_some()

        await each(todo[:MAX_WATCHES_A_RUN], one)
    if len(refused) >= MIN_CLOSED_MAILBOXES and all(refused):
        raise Permanent(
            "mailboxes_closed",
            f"None of {len(refused)} mailboxes can be opened. Install the application for everyone in the "
            f"organisation, with all of its data access granted. Gmail said: {refused[-1]}",
        )
    if len(todo) > MAX_WATCHES_A_RUN:
        left = len(todo) - MAX_WATCHES_A_RUN
        raise Unfinished(
            "subscribing", f"{left} of {len(todo)} mailboxes are still to be seen to.", after=CONTINUE_AFTER
        )


async def _watch(
    tenant: WorkspaceCustomer, gmail: Mailboxes, mailbox: Mailbox | None, user: str, address: str
) -> FootprintError | None:
    """Subscribe to a mailbox; what was refused is noted on it and tried again later and later."""
    database, connection, now = tenant.context.database, tenant.connection.id, tenant.now
    try:
        async with gmail.open(address) as api:
            told, until = _read(await _subscribe(api, tenant.google.topic))
    except (Closed, Missing, Temporary) as refused:
        if isinstance(refused, Superseded):
            raise
        if wrong := set_up_wrongly(refused):
            raise wrong from None
        await set_aside.note(database, connection, "mailbox", user, address, refused.sentence, now)
        await mailboxes.keep(
            database,
            connection,
            user,
            address,
            reason=refused.sentence,
            **({} if isinstance(refused, Temporary) else {"not_before": now + UNTIL_KNOWN_BETTER, "renewed_at": now}),
        )
        return refused
    await set_aside.clear(database, connection, "mailbox", [user])
    position = told if mailbox is None or mailbox.position is None else mailbox.position
    await mailboxes.keep(
        database,
        connection,
        user,
        address,
        position=position,
        watched_until=until,
        renewed_at=now,
        reason=None,
        not_before=None,
    )
    return None


def _read(answer: Record) -> tuple[int, datetime]:
    """The position that a subscription begins from, and its end. Raises Temporary for one that does not tell them."""
    try:
        return int(answer["historyId"]), datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise unreadable("Gmail", 200) from None


async def _subscribe(api: Api, topic: str) -> Record:
    """Gmail takes one topic for each mailbox: a subscription to another one of ours ends first."""
    body = {"topicName": topic, "labelIds": ["INBOX"], "labelFilterBehavior": "include"}
    try:
        return await api.call(WATCH, body=body)
    except GoogleRefused as refused:
        if ANOTHER_TOPIC not in refused.sentence:
            raise
    await api.call(STOP)
    return await api.call(WATCH, body=body)


async def _stop(tenant: WorkspaceCustomer, gmail: Mailboxes, mailbox: Mailbox) -> None:
    if mailbox.watched_until is not None and mailbox.watched_until > tenant.now:
        try:
            async with gmail.open(mailbox.address) as api:
                await api.call(STOP)
        except (Closed, Missing):
            # The user is gone or suspended: nothing is sent for such a mailbox, and Gmail ends the watch by itself.
            until = f"{mailbox.watched_until:%Y-%m-%d %H:%M} UTC"
            told = f"The watch on the mailbox of user {mailbox.user} could not be ended: it expires on {until}."
            await tenant.ledger.remark("watches", told)
    tenant.credentials.delegation.drop(mailbox.address)
    for kind in ("mailbox", "label"):
        await set_aside.clear(tenant.context.database, tenant.connection.id, kind, [mailbox.user])
    await mailboxes.forget(tenant.context.database, tenant.connection.id, [mailbox.user])
