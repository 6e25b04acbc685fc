"""Subscriptions to mailboxes' events: made and renewed once a day, some hundred at a time, and ended on revoke.

A subscription lasts seven days and is renewed daily; the position that a renewal tells is "now" and never replaces an
older one that is not read yet (https://developers.google.com/workspace/gmail/api/guides/push).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.engine.rows import Absent, Present, Settings
from shared.foundation.concurrency import each
from shared.foundation.errors import Missing, Permanent, Unfinished
from shared.foundation.schedule import last_due
from shared.platforms.google_workspace.mailbox import UNTIL_KNOWN_BETTER, Closed, Mailboxes, set_up_wrongly
from shared.platforms.google_workspace.methods import STOP, WATCH
from shared.platforms.google_workspace.tenant import WorkspaceCustomer, flush_some
from shared.protection import directory, mailboxes
from shared.protection.mailboxes import Mailbox
from shared.protection.targets import covered_users

# A subscription costs 100 of the project's 1 200 000 units a minute; other customers want theirs as well.
MAX_WATCHES_A_RUN = 500
CONTINUE_AFTER = timedelta(seconds=5)
# When so many mailboxes are closed and none is open, it is not their owners' matter.
MIN_CLOSED_MAILBOXES = 5
# A subscription that is renewed daily has five days left at the least. Below this somebody must look.
ALARM_BEFORE_EXPIRY = timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class Watches:
    """The subscriptions of all mailboxes that the policies are about."""

    shared: bool = False
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
        todo = _todo(tenant, known, wanted)
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
        users = await covered_users(database, connection, "incoming")
        tenant.read["wanted"] = await directory.addresses(database, connection, users)
    found: dict[str, str] = tenant.read["wanted"]
    return found


Todo = tuple[Mailbox | None, tuple[str, str] | None]
"""(mailbox as we know it, (user, address) as it should be): a renewal, a new one, or an end."""


def _todo(tenant: WorkspaceCustomer, known: Sequence[Mailbox], wanted: dict[str, str]) -> list[Todo]:
    due, by_user = last_due(tenant.connection.site, tenant.now), {mailbox.user: mailbox for mailbox in known}
    todo: list[Todo] = [(mailbox, None) for mailbox in known if mailbox.user not in wanted]
    for user, address in wanted.items():
        mailbox = by_user.get(user)
        fresh = mailbox is not None and mailbox.renewed_at is not None and mailbox.renewed_at >= due
        if not (fresh and mailbox is not None and mailbox.address == address):
            todo.append((mailbox, (user, address)))
    return todo


async def _work(tenant: WorkspaceCustomer) -> None:
    known = await mailboxes.listed(tenant.context.database, tenant.connection.id)
    await _some(tenant, _todo(tenant, known, await _wanted(tenant)))


async def _some(tenant: WorkspaceCustomer, todo: Sequence[Todo]) -> None:
    """Some of what is to be done; Unfinished while there is more."""
    google, delegation = tenant.google, tenant.credentials.delegation
    async with tenant.context.wire.client(google.gmail_url) as http:
        gmail = Mailboxes(http, delegation, tenant.operations, tenant.context.clock, run=tenant.run)
        opened: list[bool] = []

        async def one(what: Todo) -> None:
            mailbox, wanted = what
            if wanted is None and mailbox is not None:
                await _stop(tenant, gmail, mailbox)
            elif wanted is not None:
                opened.append(await _watch(tenant, gmail, mailbox, *wanted))
            await flush_some(tenant)

        await each(todo[:MAX_WATCHES_A_RUN], one)
    if len(opened) >= MIN_CLOSED_MAILBOXES and not any(opened):
        raise Permanent(
            "mailboxes_closed",
            f"None of {len(opened)} mailboxes can be opened. Install the application for everyone in the organisation, "
            "with all of its data access granted.",
        )
    if len(todo) > MAX_WATCHES_A_RUN:
        left = len(todo) - MAX_WATCHES_A_RUN
        raise Unfinished(
            "subscribing", f"{left} of {len(todo)} mailboxes are still to be seen to.", after=CONTINUE_AFTER
        )


async def _watch(tenant: WorkspaceCustomer, gmail: Mailboxes, mailbox: Mailbox | None, user: str, address: str) -> bool:
    """Subscribe to a mailbox; False if it cannot be opened, which is noted and tried again another day."""
    database, connection, now = tenant.context.database, tenant.connection.id, tenant.now
    body = {"topicName": tenant.google.topic, "labelIds": ["INBOX"], "labelFilterBehavior": "include"}
    try:
        async with gmail.open(address) as api:
            answer = await api.call(WATCH, body=body)
    except Closed as closed:
        if wrong := set_up_wrongly(closed):
            raise wrong from None
        await mailboxes.keep(
            database,
            connection,
            user,
            address,
            reason=closed.sentence,
            not_before=now + UNTIL_KNOWN_BETTER,
            renewed_at=now,
        )
        return False
    told = int(answer["historyId"])
    position = told if mailbox is None or mailbox.position is None else mailbox.position
    until = datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC)
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
    return True


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
    await mailboxes.forget(tenant.context.database, tenant.connection.id, [mailbox.user])
