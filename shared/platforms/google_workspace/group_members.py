"""The members of our group in Gmail, who follow the policies' targets. Each is put in and taken out alone."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from shared.connections.lease import Superseded
from shared.engine.ledger import HoldingState
from shared.engine.rows import Absent, Present, Settings
from shared.foundation.concurrency import each
from shared.foundation.errors import Missing, Permanent, Temporary, TurnedAway, Unfinished
from shared.platforms import group_members
from shared.platforms.google_workspace.api import Blocked, GoogleRefused
from shared.platforms.google_workspace.methods import (
    MEMBERS_DELETE,
    MEMBERS_GET,
    MEMBERS_INSERT,
    MEMBERS_LIST,
    USERS_GET,
)
from shared.platforms.google_workspace.tenant import WorkspaceCustomer
from shared.protection import placed, set_aside

# Memberships changed in one run; Google takes 2 400 calls a minute.
MAX_MEMBERS_A_RUN = 400
CONTINUE_AFTER = timedelta(seconds=5)
# When more than this are refused and nobody is not, it is no user's matter.
MAX_REFUSED = 5
MEMBERS = "group-members"


@dataclass(frozen=True, kw_only=True)
class Membership:
    """The group's members, which follow the policies' targets. Changed by the difference only."""

    shared: bool = False
    identified: bool = False
    visible_within: timedelta = timedelta(0)
    set_last: frozenset[str] = frozenset()

    async def desired(self, tenant: WorkspaceCustomer, _element: str) -> Settings | None:
        """The ids of the protected users, sorted. Refuses to empty the group while policies still name somebody."""
        members = await tenant.targets.covered_users("incoming")
        held = tenant.ledger.holdings.get(MEMBERS)
        empties = not members and held and held.state is HoldingState.OURS
        if empties and await tenant.targets.names_somebody("incoming"):
            raise Permanent(
                "would_empty_group",
                f"The policies' targets name no user, which would empty {tenant.brand.gmail_group}. Nothing was "
                "changed. Find what the directory lost, or change the policies' targets.",
            )
        return group_members.desired(members) if members else None

    async def observe(self, tenant: WorkspaceCustomer, _element: str, _identity: str | None) -> Present | Absent:
        """The complete listing of the group's members; absent when there is none, nor anybody whom we put in."""
        group, held = _group(tenant), tenant.ledger.holdings.get(MEMBERS)
        if group is None:
            return Absent(with_its_owner=True)
        if "members" not in tenant.read:
            tenant.read["members"] = await _listed(tenant, group)
        inside, connection = tenant.read["members"], tenant.connection
        if not inside and not await tenant.targets.placed(MEMBERS):
            return Absent()
        wanted = await tenant.targets.covered_users("incoming")
        settings = await group_members.compared(
            tenant.context, connection, tenant.targets, held, inside, wanted, lambda user: _exists(tenant, user)
        )
        return Present(identity=group, settings=settings)

    async def create(self, tenant: WorkspaceCustomer, _element: str, desired: Settings) -> str:
        """Fill the group."""
        await _bear(tenant, await _change(tenant, set(desired["members"]), set()))
        return ""

    async def update(self, tenant: WorkspaceCustomer, _element: str, present: Present, changes: Settings) -> str:
        """Add who is missing and take out who is too many, each on their own: one user's failure stays theirs."""
        new, leaving = group_members.difference(present, changes)
        unclear = await _change(tenant, new, set())
        await group_members.refuse_many(tenant.context, tenant.connection, tenant.brand.gmail_group, present, leaving)
        await _bear(tenant, unclear | await _change(tenant, set(), leaving))
        return ""

    async def remove(self, tenant: WorkspaceCustomer, _element: str, present: Present) -> str:
        """Empty the group, so that mail is not routed any more whatever the rule still says."""
        _, leaving = group_members.difference(present, dict.fromkeys(present.settings, ()))
        await _bear(tenant, await _change(tenant, set(), leaving))
        known = await tenant.targets.placed(MEMBERS)
        await placed.note(tenant.context.database, tenant.connection.id, MEMBERS, gone=known)
        return ""


async def _exists(tenant: WorkspaceCustomer, user: str) -> bool:
    try:
        await tenant.admin.call(USERS_GET, {"userKey": user}, params={"fields": "id"})
    except Missing:
        return False
    return True


def _group(tenant: WorkspaceCustomer) -> str | None:
    held = tenant.ledger.holdings.get("group")
    return held.identity if held and held.state not in (HoldingState.GONE, HoldingState.CREATING) else None


async def _listed(tenant: WorkspaceCustomer, group: str) -> list[str]:
    members: set[str] = set()
    params = {"maxResults": "200", "fields": "nextPageToken,members(id)"}
    try:
        async for page in tenant.admin.pages(MEMBERS_LIST, {"groupKey": group}, params=params, key="members"):
            members |= {member["id"] for member in page if member.get("id")}
            if not all(member.get("id") for member in page):
                # It may be any of those whom we have put in: none of them is said to be missing.
                members |= await tenant.targets.placed(MEMBERS)
    except Missing:
        return []
    return sorted(members)


async def _bear(tenant: WorkspaceCustomer, unclear: Mapping[str, str]) -> None:
    await group_members.bear_unclear(tenant.context, tenant.connection, MEMBERS, tenant.brand.gmail_group, unclear)


async def _change(tenant: WorkspaceCustomer, new: set[str], leaving: set[str]) -> dict[str, str]:
    """Some of the difference at once; Unfinished while there is more. Returns of whom nothing is known, with why."""
    group, put, gone = str(_group(tenant)), set[str](), set[str]()
    database, context, connection = tenant.context.database, tenant.context, tenant.connection
    refused, unclear = dict[str, str](), dict[str, str]()
    todo = [(user, True) for user in sorted(new)] + [(user, False) for user in sorted(leaving)]

    async def one(change: tuple[str, bool]) -> None:
        user, joins = change
        try:
            why = await (_join if joins else _leave)(tenant, group, user)
        except (GoogleRefused, Blocked) as error:
            why = error.sentence
        except Temporary as error:
            if isinstance(error, TurnedAway | Superseded):
                raise
            unclear[user] = error.sentence
            if len(unclear) > MAX_REFUSED and not (put or gone):
                raise  # no user's matter
            return
        if why and joins:
            refused[user] = why
            if len(refused) > MAX_REFUSED and not put:
                raise Permanent(
                    "administrator_not_allowed",
                    f"Google adds no member to {tenant.brand.gmail_group}: {why} If {connection.administrator} is no "
                    "super administrator any more, another one must open the invitation.",
                )
        else:
            (put if joins else gone).add(user)
        await tenant.operations.flush_some()

    try:
        await each(todo[:MAX_MEMBERS_A_RUN], one)
    finally:
        await placed.note(database, connection.id, MEMBERS, put=put, gone=gone)
    await group_members.leave_out(context, connection, refused)
    if put:
        await set_aside.clear(database, connection.id, "member", put)
    if len(todo) > MAX_MEMBERS_A_RUN:
        left = len(todo) - MAX_MEMBERS_A_RUN
        raise Unfinished(
            "filling_group",
            f"{left} memberships of {tenant.brand.gmail_group} are still to be changed.",
            after=CONTINUE_AFTER,
        )
    return unclear


async def _join(tenant: WorkspaceCustomer, group: str, user: str) -> str:
    """Put a user in; why they cannot be, or nothing if they are in or are becoming a member."""
    try:
        await tenant.admin.call(MEMBERS_INSERT, {"groupKey": group}, body={"id": user, "role": "MEMBER"})
    except Missing as missing:
        if "groupKey" in missing.sentence:
            raise TurnedAway(
                "not_visible_yet", f"{tenant.brand.gmail_group} was made but Google does not list it everywhere yet."
            ) from None
        return "Google knows no such user any more"
    except GoogleRefused as refused:
        if refused.status == 412:
            return await _read_back(tenant, group, user)
        if refused.status != 409:
            raise
    return ""


async def _read_back(tenant: WorkspaceCustomer, group: str, user: str) -> str:
    """A condition was not met: either the user is in already, or Google will not have them in."""
    try:
        await tenant.admin.call(MEMBERS_GET, {"groupKey": group, "memberKey": user}, params={"fields": "id"})
    except Missing:
        return "Google does not take them as a member"
    return ""


async def _leave(tenant: WorkspaceCustomer, group: str, user: str) -> str:
    """Take a user out. One whom Google keeps there is told as one whom others put in."""
    with suppress(Missing):
        await tenant.admin.call(MEMBERS_DELETE, {"groupKey": group, "memberKey": user})
    return ""
