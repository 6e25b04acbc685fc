"""The members of our groups, who follow the policies' targets. Each is added and taken out alone, through Graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.engine.ledger import HoldingState
from shared.engine.rows import Absent, Present, Settings
from shared.foundation.errors import Missing, Permanent, Temporary, Unfinished
from shared.platforms import group_members
from shared.platforms.microsoft365.graph import NOT_FOUND, BatchRequest
from shared.platforms.microsoft365.tenant import MicrosoftTenant
from shared.protection import placed, set_aside
from shared.protection.policies import Direction

DENIED = frozenset({401, 403})
# Memberships changed in one run: a batch of 20 takes a second or two.
MAX_MEMBERS_A_RUN = 2000
CONTINUE_AFTER = timedelta(seconds=5)


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
        members = await tenant.targets.protected_users(self.direction)
        held = tenant.ledger.holdings.get(self.key)
        empties = not members and held and (held.seen or {}).get("members")
        if empties and await tenant.targets.names_somebody(self.direction, whole=False):
            raise Permanent(
                "would_empty_group",
                f"The policies' groups and users name no user, which would empty {self.title}. Nothing was changed. "
                "Find what the directory lost, or change the policies' targets.",
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
            return Absent(with_its_owner=True)
        inside = await members_of(tenant, group.identity)
        if inside is None:
            return Absent()
        held, context, connection = tenant.ledger.holdings.get(self.key), tenant.context, tenant.connection
        wanted = await tenant.targets.protected_users(self.direction)
        settings = await group_members.compared(
            context, connection, tenant.targets, held, inside, wanted, lambda user: _exists(tenant, user)
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
        joining = sorted(new)[:MAX_MEMBERS_A_RUN]
        joins = {
            user: BatchRequest(method="POST", url=f"{refs}/$ref", body={"@odata.id": directory_object + user})
            for user in joining
        }
        put, added, unclear = await _each(tenant, joins, already="already exist")
        await placed.note(tenant.context.database, tenant.connection.id, self.key, put=put)
        self._go_on(len(new) - len(joining))
        await group_members.refuse_many(tenant.context, tenant.connection, self.title, present, leaving)
        going = sorted(leaving)[:MAX_MEMBERS_A_RUN]
        leaves = {user: BatchRequest(method="DELETE", url=f"{refs}/{user}/$ref") for user in going}
        _, removed, staying = await _each(tenant, leaves, already="does not exist")
        gone = set(going) - staying.keys()
        await placed.note(tenant.context.database, tenant.connection.id, self.key, gone=gone)
        self._go_on(len(leaving) - len(going))
        await group_members.bear_unclear(tenant.context, tenant.connection, self.key, self.title, unclear | staying)
        return f"{added} {removed}".strip()

    def _go_on(self, left: int) -> None:
        if left:
            raise Unfinished(
                "filling_group", f"{left} memberships of {self.title} are still to be changed.", after=CONTINUE_AFTER
            )

    async def remove(self, _tenant: MicrosoftTenant, _element: str, _present: Present) -> str:
        """Nothing to do: members go with their group, and the group goes first."""
        return ""


async def members_of(tenant: MicrosoftTenant, group: str) -> set[str] | None:
    """The ids of a group's members, listed to the end, once until forget_reads; None if the group is not there."""
    path = f"/v1.0/groups/{group}/members"

    async def listed() -> set[str]:
        inside: set[str] = set()
        async for page in tenant.graph.pages(path, **{"$select": "id", "$top": "999"}):
            inside |= {member["id"] for member in page if member.get("id")}
            if not all(member.get("id") for member in page):
                # It may be any of those whom we have put in: none of them is said to be missing.
                ours = [key for key, held in tenant.ledger.holdings.items() if held.identity == group]
                inside |= {one for key in ours for one in await tenant.targets.placed(f"{key}-members")}
        return inside

    try:
        return await tenant.once(path, listed)
    except Missing:
        return None


async def _exists(tenant: MicrosoftTenant, user: str) -> bool:
    try:
        await tenant.graph.get(f"/v1.0/users/{user}", **{"$select": "id"})
    except Missing:
        return False
    return True


async def _each(
    tenant: MicrosoftTenant, requests: Mapping[str, BatchRequest], *, already: str
) -> tuple[list[str], str, dict[str, str]]:
    """Send every request; whose succeeded, the request ids, and of whom nothing is known, each with why.

    Who cannot be a member is left out.
    """
    context, connection = tenant.context, tenant.connection
    outcomes = await tenant.graph.batch(list(requests.values()))
    # One alone may be a user whom nobody but their own administrators may touch.
    if len(outcomes) > 1 and all(outcome.status in DENIED for outcome in outcomes):
        raise Permanent(
            "permission_missing",
            "The application may not change group members. Ask the administrator to consent again.",
        )
    done, refused, unclear = list[str](), dict[str, str](), dict[str, str]()
    for user, outcome in zip(requests, outcomes, strict=True):
        match outcome.status:
            case 200 | 201 | 204:
                done.append(user)
            case 400 if already in outcome.message:
                done.append(user)
            case 404 if outcome.code in NOT_FOUND:
                refused[user] = outcome.message
            case 400 | 403 | 422:
                refused[user] = outcome.message
            case status:
                unclear[user] = f"Microsoft Graph returned {status} to a change of members."
    if outcomes and len(unclear) == len(outcomes) > 1:
        raise Temporary("platform_unavailable", next(iter(unclear.values())))
    await group_members.leave_out(context, connection, refused)
    if done:
        await set_aside.clear(context.database, connection.id, "member", done)
    return done, " ".join(dict.fromkeys(outcome.request_id for outcome in outcomes if outcome.request_id)), unclear
