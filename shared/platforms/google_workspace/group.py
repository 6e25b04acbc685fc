"""The virtual group by which the content compliance rule knows whose mail to route, and its members."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.connections.record import Connection
from shared.engine.ledger import HoldingState
from shared.engine.rows import Absent, Present, Settings
from shared.foundation.concurrency import each
from shared.foundation.errors import Missing, Permanent, Temporary, Unfinished
from shared.platforms import group_members
from shared.platforms.google_workspace.api import GoogleRefused, Record
from shared.platforms.google_workspace.methods import (
    GROUPS_DELETE,
    GROUPS_GET,
    GROUPS_INSERT,
    GROUPS_PATCH,
    MEMBERS_DELETE,
    MEMBERS_GET,
    MEMBERS_INSERT,
    MEMBERS_LIST,
    SETTINGS_GET,
    SETTINGS_PATCH,
    USERS_GET,
)
from shared.platforms.google_workspace.tenant import WorkspaceCustomer
from shared.protection import directory, placed

FIELDS = ("name", "email", "description")
# Nobody from outside is in it and no address list shows it; only managers write to it, and it has none: to let nobody
# write would make it an archive. Google takes words for booleans.
CLOSED = {
    "whoCanPostMessage": "ALL_MANAGERS_CAN_POST",
    "whoCanJoin": "INVITED_CAN_JOIN",
    "whoCanViewMembership": "ALL_MANAGERS_CAN_VIEW",
    "allowExternalMembers": "false",
    "includeInGlobalAddressList": "false",
}
# Memberships changed in one run; Google takes 2 400 calls a minute.
MAX_MEMBERS_A_RUN = 400
CONTINUE_AFTER = timedelta(seconds=5)
MEMBERS = "group-members"


def address_of(connection: Connection, domain: str) -> str:
    """The group's address, which no customer has for anything else."""
    return f"{connection.brand.word.lower()}-inline-incoming-gmail-{connection.label[:12]}@{domain}"


@dataclass(frozen=True, kw_only=True)
class VirtualGroup:
    """The group, known by its id, whatever it is called or addressed by later."""

    hardened: bool
    shared: bool = False
    identified: bool = True
    visible_within: timedelta = timedelta(minutes=5)
    set_last: frozenset[str] = frozenset()

    async def desired(self, tenant: WorkspaceCustomer, _element: str) -> Settings | None:
        """Its name, address and mark, and who may do what with it."""
        held = tenant.ledger.holdings.get("group")
        seen = (held.seen or {}).get("email") if held else None
        address = seen or address_of(tenant.connection, str((await tenant.customer())["customerDomain"]))
        wanted = {"name": tenant.brand.gmail_group, "email": address, "description": tenant.mark}
        return wanted | (CLOSED if self.hardened else {})

    async def observe(self, tenant: WorkspaceCustomer, _element: str, identity: str | None) -> Present | Absent:
        """The group by its id, or without one by its address, where it must bear our mark."""
        key = identity or address_of(tenant.connection, str((await tenant.customer())["customerDomain"]))
        fields = {"fields": "id,name,email,description"}
        try:
            group = await tenant.admin.call(GROUPS_GET, {"groupKey": key}, params=fields)
        except Missing:
            return Absent()
        if identity is None and group.get("description") != tenant.mark:
            raise _taken(key)
        settings: Record = {name: group.get(name) for name in FIELDS}
        if self.hardened:
            settings |= await self._access(tenant, str(group["email"]))
        return Present(identity=group["id"], settings=settings)

    async def _access(self, tenant: WorkspaceCustomer, address: str) -> Mapping[str, Any]:
        try:
            found = await tenant.groups_settings.call(
                SETTINGS_GET, {"groupUniqueId": address}, params={"alt": "json", "fields": ",".join(CLOSED)}
            )
        except Missing:
            return dict.fromkeys(CLOSED)  # it learns of a new group a little later
        return {name: found.get(name) for name in CLOSED}

    async def create(self, tenant: WorkspaceCustomer, _element: str, desired: Settings) -> str:
        """Make it."""
        try:
            await tenant.admin.call(GROUPS_INSERT, body={name: desired[name] for name in FIELDS})
        except GoogleRefused as refused:
            if refused.status != 409:
                raise
            # Only we make this address, so an interrupted run made it, unless a person or an alias has it.
            raise Temporary(
                "not_visible_yet", f"Google says that {desired['email']} exists. We are waiting to see whose it is."
            ) from None
        if self.hardened:
            await self._close(tenant, str(desired["email"]), CLOSED)
        return ""

    async def _close(self, tenant: WorkspaceCustomer, address: str, settings: Mapping[str, Any]) -> None:
        try:
            # This API answers in XML unless it is told otherwise.
            await tenant.groups_settings.call(
                SETTINGS_PATCH, {"groupUniqueId": address}, params={"alt": "json"}, body=dict(settings)
            )
        except Missing:
            raise Temporary(
                "not_visible_yet", f"Google does not list {tenant.brand.gmail_group} everywhere yet."
            ) from None

    async def update(self, tenant: WorkspaceCustomer, _element: str, present: Present, changes: Settings) -> str:
        """Set what differs."""
        own = {name: value for name, value in changes.items() if name in FIELDS}
        if own:
            await tenant.admin.call(GROUPS_PATCH, {"groupKey": present.identity}, body=own)
        access = {name: value for name, value in changes.items() if name in CLOSED}
        if access:
            await self._close(tenant, str(own.get("email") or present.settings["email"]), access)
        return ""

    async def remove(self, tenant: WorkspaceCustomer, _element: str, present: Present) -> str:
        """Delete it by its id."""
        await tenant.admin.call(GROUPS_DELETE, {"groupKey": present.identity})
        return ""


def _taken(address: str) -> Permanent:
    return Permanent(
        "name_taken",
        f"The organisation has something with the address {address} that we did not make. Remove it there, then "
        "reconcile again.",
    )


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
                f"The policies' targets come to nobody, which would empty {tenant.brand.gmail_group}. Nothing was "
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
        inside, database, connection = tenant.read["members"], tenant.context.database, tenant.connection
        if not inside and not await placed.listed(database, connection.id, MEMBERS):
            return Absent()
        wanted = await tenant.targets.covered_users("incoming")
        settings = await group_members.compared(
            tenant.context, connection, held, inside, wanted, lambda user: _exists(tenant, user)
        )
        return Present(identity=group, settings=settings)

    async def create(self, tenant: WorkspaceCustomer, _element: str, desired: Settings) -> str:
        """Fill the group."""
        await _change(tenant, set(desired["members"]), set())
        return ""

    async def update(self, tenant: WorkspaceCustomer, _element: str, present: Present, changes: Settings) -> str:
        """Add who is missing and take out who is too many, each on their own: one user's failure stays theirs."""
        new, leaving = group_members.difference(present, changes)
        await _change(tenant, new, set())
        await group_members.refuse_many(tenant.context, tenant.connection, tenant.brand.gmail_group, present, leaving)
        await _change(tenant, set(), leaving)
        return ""

    async def remove(self, tenant: WorkspaceCustomer, _element: str, present: Present) -> str:
        """Empty the group, so that mail is not routed any more whatever the rule still says."""
        _, leaving = group_members.difference(present, dict.fromkeys(present.settings, ()))
        await _change(tenant, set(), leaving)
        known = await placed.listed(tenant.context.database, tenant.connection.id, MEMBERS)
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
            members |= {member["id"] for member in page}
    except Missing:
        return []
    return sorted(members)


async def _change(tenant: WorkspaceCustomer, new: set[str], leaving: set[str]) -> None:
    """Some of the difference at once; Unfinished while there is more."""
    group, put, gone = str(_group(tenant)), set[str](), set[str]()
    todo = [(user, True) for user in sorted(new)] + [(user, False) for user in sorted(leaving)]

    async def one(change: tuple[str, bool]) -> None:
        user, joins = change
        if not joins:
            await _leave(tenant, group, user)
            gone.add(user)
        elif await _join(tenant, group, user):
            put.add(user)
        await tenant.operations.flush_some()

    try:
        await each(todo[:MAX_MEMBERS_A_RUN], one)
    finally:
        await placed.note(tenant.context.database, tenant.connection.id, MEMBERS, put=put, gone=gone)
    if len(todo) > MAX_MEMBERS_A_RUN:
        left = len(todo) - MAX_MEMBERS_A_RUN
        raise Unfinished(
            "filling_group",
            f"{left} memberships of {tenant.brand.gmail_group} are still to be changed.",
            after=CONTINUE_AFTER,
        )


async def _join(tenant: WorkspaceCustomer, group: str, user: str) -> bool:
    """Whether the user is in, or is becoming a member; one who cannot be is left out from now on."""
    try:
        await tenant.admin.call(MEMBERS_INSERT, {"groupKey": group}, body={"id": user, "role": "MEMBER"})
    except Missing as missing:
        if "groupKey" in missing.sentence:
            raise Temporary(
                "not_visible_yet", f"{tenant.brand.gmail_group} was made but Google does not list it everywhere yet."
            ) from None
        return await _cannot(tenant, user, "Google knows no such user any more")
    except GoogleRefused as refused:
        if refused.status == 412:
            return await _read_back(tenant, group, user)
        if refused.status != 409:
            raise
    return True


async def _read_back(tenant: WorkspaceCustomer, group: str, user: str) -> bool:
    """A condition was not met: either the user is in already, or Google will not have them in."""
    try:
        await tenant.admin.call(MEMBERS_GET, {"groupKey": group, "memberKey": user}, params={"fields": "id"})
    except Missing:
        return await _cannot(tenant, user, "Google does not take them as a member")
    return True


async def _cannot(tenant: WorkspaceCustomer, user: str, why: str) -> bool:
    await directory.skip(tenant.context.database, tenant.connection.id, user, why)
    return False


async def _leave(tenant: WorkspaceCustomer, group: str, user: str) -> None:
    try:
        await tenant.admin.call(MEMBERS_DELETE, {"groupKey": group, "memberKey": user})
    except Missing:
        return
