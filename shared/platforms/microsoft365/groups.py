"""The virtual groups by which the user rules know whom to protect, and their members.

Made and filled through Graph: Exchange's own group cmdlets do not work for an application.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.engine.chain import Act
from shared.engine.incarnations import identities_of
from shared.engine.ledger import HoldingState
from shared.engine.rows import Absent, Present, Settings
from shared.foundation.errors import FootprintError, Missing, Permanent, Temporary
from shared.platforms import group_members
from shared.platforms.microsoft365.graph import NOT_FOUND, BatchOutcome, BatchRequest, GraphRefused
from shared.platforms.microsoft365.tenant import MicrosoftTenant
from shared.protection import directory, placed
from shared.protection.policies import Direction
from shared.protection.targets import names_somebody, protected_users

HIDDEN = "HiddenFromAddressListsEnabled"
FIELDS = ("displayName", "mailNickname", "mail", "visibility")
DENIED = frozenset({401, 403})


@dataclass(frozen=True, kw_only=True)
class VirtualGroup:
    """One Microsoft 365 group. Names are not unique in Graph, so its nickname carries the connection."""

    key: str
    direction: Direction
    title: str
    shared: bool = False
    identified: bool = True
    visible_within: timedelta = timedelta(minutes=5)
    set_last: frozenset[str] = frozenset({HIDDEN})

    async def desired(self, tenant: MicrosoftTenant, _element: str) -> Settings | None:
        """Its settings; private, and hidden from address lists where the deployment says so."""
        wanted = {
            "displayName": tenant.name(self.title),
            "mailNickname": self._kept_nickname(tenant) or self._nickname(tenant),
            "visibility": "Private",
        }
        return wanted | ({HIDDEN: True} if tenant.microsoft.hide_groups else {})

    def _nickname(self, tenant: MicrosoftTenant) -> str:
        """A new one for each incarnation: a deleted group keeps its nickname for 30 days."""
        held = tenant.ledger.holdings.get(self.key)
        number = 1 if held is None else held.incarnation + (held.state is HoldingState.GONE)
        return f"{self._stem(tenant)}{number}"

    def _stem(self, tenant: MicrosoftTenant) -> str:
        """What the nicknames of all incarnations begin with, and no other group's."""
        # A tenant's naming policy asks for its prefix here as well; a nickname has no blanks.
        prefix = re.sub(r"[^\w.-]", "", tenant.microsoft.name_prefix, flags=re.ASCII)
        return f"{prefix}{tenant.brand.word.lower()}-inline-{self.direction}-{tenant.connection.label[:16]}-"

    def _kept_nickname(self, tenant: MicrosoftTenant) -> str | None:
        held = tenant.ledger.holdings.get(self.key)
        kept: str | None = (held.seen or {}).get("mailNickname") if held and held.state is HoldingState.OURS else None
        return kept

    async def observe(self, tenant: MicrosoftTenant, _element: str, identity: str | None) -> Present | Absent:
        """The group by its id, or without one by its nickname, whatever its incarnation."""
        select = ",".join(("id", *FIELDS))
        try:
            if identity:
                group = await tenant.graph.get(f"/v1.0/groups/{identity}", **{"$select": select})
            else:
                query = {"$filter": f"startswith(mailNickname,'{self._stem(tenant)}')", "$select": select}
                found = (await tenant.graph.get("/v1.0/groups", **query))["value"]
                if not found:
                    return Absent()
                recorded = identities_of(self.key, tenant.ledger.holdings)
                # One that nobody has recorded is the one whose creation was never answered.
                group = min(found, key=lambda one: one["id"] in recorded)
        except Missing:
            return Absent()
        settings = {name: group.get(name) for name in FIELDS}
        if tenant.microsoft.hide_groups:
            settings[HIDDEN] = await self._hidden(tenant, group["id"])
        return Present(identity=group["id"], settings=settings)

    async def _hidden(self, tenant: MicrosoftTenant, identity: str) -> bool | None:
        try:
            (record,) = (await tenant.exchange.invoke("Get-UnifiedGroup", Identity=identity)).rows
        except Missing:
            return None  # Exchange learns of a new group minutes after Graph
        return bool(record[HIDDEN])

    async def create(self, tenant: MicrosoftTenant, _element: str, desired: Settings) -> str:
        """Make it without a welcome mail; that can be said at creation only."""
        body = {
            "displayName": desired["displayName"],
            "description": tenant.mark,
            "mailNickname": desired["mailNickname"],
            "groupTypes": ["Unified"],
            "mailEnabled": True,
            "securityEnabled": False,
            "visibility": desired["visibility"],
            "resourceBehaviorOptions": [
                "WelcomeEmailDisabled",
                "HideGroupInOutlook",
                "SubscribeMembersToCalendarEventsDisabled",
            ],
        }
        try:
            return (await tenant.graph.post("/v1.0/groups", body)).request_id
        except GraphRefused as refused:
            if refused.suggested:
                raise _naming_policy(refused) from None
            if "mailNickname" in refused.sentence:
                # Only we make this nickname, so an interrupted run made it and the listing lags behind.
                raise Temporary("not_visible_yet", f"{self.title} was made but is not listed yet.") from None
            raise

    async def update(self, tenant: MicrosoftTenant, _element: str, present: Present, changes: Settings) -> str:
        """Set what differs: hiding through Exchange, the rest through Graph."""
        request_id = ""
        in_graph = {name: value for name, value in changes.items() if name != HIDDEN}
        if in_graph:
            request_id = (await tenant.graph.patch(f"/v1.0/groups/{present.identity}", in_graph)).request_id
        if HIDDEN in changes:
            try:
                hide = {"Identity": present.identity, HIDDEN: True}
                request_id = (await tenant.exchange.invoke("Set-UnifiedGroup", **hide)).request_id
            except Missing:
                raise Temporary(
                    "group_not_visible", f"Exchange does not list {self.title} yet. New groups take some minutes."
                ) from None
        return request_id

    async def remove(self, tenant: MicrosoftTenant, _element: str, present: Present) -> str:
        """Delete it, and empty the recycle bin of it where Microsoft lets an application do so."""
        request_id = (await tenant.graph.delete(f"/v1.0/groups/{present.identity}")).request_id
        try:
            await _purge(tenant, self.key, present.identity)
        except Missing:
            pass  # not in the recycle bin yet: the residue scan looks again
        except Permanent:
            pass  # refused to an application in some tenants; the certificate lists what stays for 30 days
        return request_id


async def _purge(tenant: MicrosoftTenant, key: str, identity: str) -> None:
    """Delete a group of ours from the recycle bin, with the intent in the ledger before and the outcome after."""
    intent = await tenant.ledger.begin(key, Act.PURGE, before={"recycle bin": identity}, after=None)
    try:
        await tenant.graph.delete(f"/v1.0/directory/deletedItems/{identity}")
    except FootprintError as error:
        await tenant.ledger.fail(intent, key, Act.PURGE, str(error))
        raise
    await tenant.ledger.note(key, Act.PURGE, identity=identity, text="deleted from the recycle bin for good")


def _naming_policy(refused: GraphRefused) -> Permanent:
    """The tenant's policy for groups' names asks for others; Graph says which would do (msgraph-sdk-dotnet #1153)."""
    names = "; ".join(f"{name} “{value}”" for name, value in sorted(refused.suggested.items()))
    return Permanent(
        "group_naming_policy",
        f"The tenant's naming policy for groups refuses ours and asks for {names}. Have an administrator exempt the "
        "application from the policy (a directory role such as Groups Administrator does so), or set this deployment's "
        "MICROSOFT__NAME_PREFIX to the prefix.",
    )


@dataclass(frozen=True, kw_only=True)
class GroupMembership:
    """The members of one virtual group, which follow the policies' targets. Changed by the difference only."""

    direction: Direction
    title: str
    shared: bool = False
    identified: bool = False
    visible_within: timedelta = timedelta(0)
    set_last: frozenset[str] = frozenset()

    async def desired(self, tenant: MicrosoftTenant, _element: str) -> Settings | None:
        """The ids of the protected users, sorted. Refuses to empty the group while policies still name somebody."""
        database, connection = tenant.context.database, tenant.connection.id
        members = await protected_users(database, connection, self.direction)
        held = tenant.ledger.holdings.get(self.key)
        empties = not members and held and (held.seen or {}).get("members")
        if empties and await names_somebody(database, connection, self.direction, whole=False):
            raise Permanent(
                "would_empty_group",
                f"The policies' groups and users come to nobody, which would empty {self.title}. Nothing was changed. "
                "Look for what the directory lost, or change the policies' targets.",
            )
        return group_members.desired(members)

    @property
    def key(self) -> str:
        """The holding's."""
        return f"group-{self.direction}-members"

    async def observe(self, tenant: MicrosoftTenant, _element: str, _identity: str | None) -> Present | Absent:
        """The complete listing of the group's members; there as long as the group is."""
        group = tenant.ledger.holdings.get(f"group-{self.direction}")
        if group is None or group.identity is None or group.state is HoldingState.GONE:
            return Absent()
        inside = await members_of(tenant, group.identity)
        if inside is None:
            return Absent()
        held, context, connection = tenant.ledger.holdings.get(self.key), tenant.context, tenant.connection
        wanted = await protected_users(context.database, connection.id, self.direction)
        settings = await group_members.compared(
            context, connection, held, inside, wanted, lambda user: _exists(tenant, user)
        )
        return Present(identity=group.identity, settings=settings)

    async def create(self, tenant: MicrosoftTenant, element: str, desired: Settings) -> str:
        """Fill the group."""
        present = await self.observe(tenant, element, None)
        if isinstance(present, Absent):
            raise Temporary("not_visible_yet", f"{self.title} is not listed yet.")
        return await self.update(tenant, element, present, desired)

    async def update(self, tenant: MicrosoftTenant, _element: str, present: Present, changes: Settings) -> str:
        """Add who is missing and take out who is too many, each on their own: one user's failure stays theirs."""
        new, leaving = group_members.difference(present, changes)
        refs = f"/groups/{present.identity}/members"
        directory_object = f"{tenant.microsoft.graph_url}/v1.0/directoryObjects/"
        joins = {
            user: BatchRequest(method="POST", url=f"{refs}/$ref", body={"@odata.id": directory_object + user})
            for user in sorted(new)
        }
        put, added = await _each(tenant, joins, already="already exist")
        await placed.note(tenant.context.database, tenant.connection.id, self.key, put=put)
        await group_members.refuse_many(tenant.context, tenant.connection, self.title, present, leaving)
        leaves = {user: BatchRequest(method="DELETE", url=f"{refs}/{user}/$ref") for user in sorted(leaving)}
        _, removed = await _each(tenant, leaves, already="does not exist")
        await placed.note(tenant.context.database, tenant.connection.id, self.key, gone=leaving)
        return f"{added} {removed}".strip()

    async def remove(self, _tenant: MicrosoftTenant, _element: str, _present: Present) -> str:
        """Nothing to do: members go with their group, and the group goes first."""
        return ""


async def members_of(tenant: MicrosoftTenant, group: str) -> set[str] | None:
    """The ids of a group's members, listed to the end; None if the group is not there."""
    inside: set[str] = set()
    try:
        async for page in tenant.graph.pages(f"/v1.0/groups/{group}/members", **{"$select": "id", "$top": "999"}):
            inside |= {member["id"] for member in page if member.get("id")}
    except Missing:
        return None
    return inside


async def _exists(tenant: MicrosoftTenant, user: str) -> bool:
    try:
        await tenant.graph.get(f"/v1.0/users/{user}", **{"$select": "id"})
    except Missing:
        return False
    return True


async def _each(
    tenant: MicrosoftTenant, requests: Mapping[str, BatchRequest], *, already: str
) -> tuple[list[str], str]:
    """Send every request; whose succeeded, and the request ids. Who cannot be a member is left out from now on."""
    outcomes = await tenant.graph.batch(list(requests.values()))
    if outcomes and all(outcome.status in DENIED for outcome in outcomes):
        raise Permanent(
            "permission_missing",
            "The application may not change group members. Ask the administrator to consent again.",
        )
    done = [
        user for user, outcome in zip(requests, outcomes, strict=True) if await _judge(tenant, user, outcome, already)
    ]
    return done, " ".join(dict.fromkeys(outcome.request_id for outcome in outcomes if outcome.request_id))


async def _judge(tenant: MicrosoftTenant, user: str, outcome: BatchOutcome, already: str) -> bool:
    match outcome.status:
        case 200 | 201 | 204:
            return True
        case 400 if already in outcome.message:
            return True
        case 404 | 403 | 400 if outcome.status != 404 or outcome.code in NOT_FOUND:
            await directory.skip(tenant.context.database, tenant.connection.id, user, outcome.message[:200])
            return False
        case _:
            raise Temporary("platform_unavailable", f"Graph answered {outcome.status} to a change of members.")


async def recycle_bin(tenant: MicrosoftTenant, identities: Mapping[str, str]) -> list[dict[str, Any]]:
    """Groups of ours that lie in the tenant's recycle bin; tried once more to be emptied, listed if they stay."""
    left: list[dict[str, Any]] = []
    for key, identity in identities.items():
        try:
            await tenant.graph.get(f"/v1.0/directory/deletedItems/{identity}")
            await _purge(tenant, key, identity)
        except Missing:
            continue
        except FootprintError as error:
            left.append(
                {
                    "key": key,
                    "title": "Group",
                    "identity": identity,
                    "why": f"in the recycle bin for up to 30 days ({error.code})",
                }
            )
    return left
