"""The virtual groups by which the user rules know whom to protect.

Made through Graph: Exchange's own group cmdlets do not work for an application.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.engine.incarnations import identities_of
from shared.engine.ledger import HoldingState
from shared.engine.rows import Absent, Present, Settings
from shared.foundation.errors import Missing, Permanent, Temporary
from shared.platforms.microsoft365.connectors import name_taken
from shared.platforms.microsoft365.graph import GraphRefused
from shared.platforms.microsoft365.recycle_bin import purge
from shared.platforms.microsoft365.tenant import GROUP, SELECT, MicrosoftTenant, Record
from shared.protection.policies import Direction

HIDDEN = "HiddenFromAddressListsEnabled"
# Where a tenant's policy lets groups expire, one without owners is deleted at its time unless somebody renews it
# (learn.microsoft.com/entra/identity/users/groups-lifecycle). Policies give groups 30 days at least.
RENEWED = "renewed"
RENEW_BEFORE = timedelta(days=14)
# The tenant, or what one application may make in it, is at its quota of objects.
FULL = frozenset({"Directory_QuotaExceeded"})


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
            RENEWED: True,
        }
        return wanted | ({HIDDEN: True} if tenant.microsoft.hide_groups else {})

    def _nickname(self, tenant: MicrosoftTenant) -> str:
        """A new one for each incarnation: a deleted group keeps its nickname for 30 days."""
        held = tenant.ledger.holdings.get(self.key)
        number = 1 if held is None else held.incarnation + (held.state is HoldingState.GONE)
        return f"{_nickname_stem(tenant, self.direction)}{number}"

    def _kept_nickname(self, tenant: MicrosoftTenant) -> str | None:
        held = tenant.ledger.holdings.get(self.key)
        kept: str | None = (held.seen or {}).get("mailNickname") if held and held.state is HoldingState.OURS else None
        return kept

    async def observe(self, tenant: MicrosoftTenant, _element: str, identity: str | None) -> Present | Absent:
        """The group by its id, or without one by its nickname and our mark together, whatever its incarnation."""
        if identity:
            try:
                group = await tenant.group(identity)
            except Missing:
                return Absent()
        else:
            listed = await _like(tenant, f"startswith(mailNickname,'{_nickname_stem(tenant, self.direction)}')")
            found = [one for one in listed if one.get("description") == tenant.mark]
            if not found:
                return Absent()
            recorded = identities_of(self.key, tenant.ledger.holdings)
            # One that nobody has recorded is the one whose creation was never answered.
            group = min(found, key=lambda one: one["id"] in recorded)
        settings = {name: group.get(name) for name in GROUP}
        expires = group.get("expirationDateTime")
        settings[RENEWED] = not expires or datetime.fromisoformat(expires) > tenant.now + RENEW_BEFORE
        if tenant.microsoft.hide_groups:
            settings[HIDDEN] = await hidden(tenant, group["id"])
        return Present(identity=group["id"], settings=settings)

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
            if refused.code in FULL:
                raise _no_room(refused) from None
            if "mailNickname" in refused.sentence and "already exists" in refused.sentence:
                same = await _like(tenant, f"mailNickname eq '{desired['mailNickname']}'")
                if any(one.get("description") != tenant.mark for one in same):
                    raise name_taken(desired["mailNickname"]) from None
                # An interrupted run made it and the listing lags behind.
                raise Temporary("not_visible_yet", f"{self.title} was made but is not listed yet.") from None
            raise

    async def update(self, tenant: MicrosoftTenant, _element: str, present: Present, changes: Settings) -> str:
        """Set what differs: hiding through Exchange, the rest through Graph, which renews a group that is to expire."""
        request_id = ""
        in_graph = {name: value for name, value in changes.items() if name not in (HIDDEN, RENEWED)}
        if RENEWED in changes:
            request_id = (await tenant.graph.post(f"/v1.0/groups/{present.identity}/renew", {})).request_id
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
            await purge(tenant, self.key, present.identity)
        except Missing:
            pass  # not in the recycle bin yet: the residue scan looks again
        except Permanent:
            pass  # refused to an application in some tenants; the certificate lists what stays for 30 days
        return request_id


async def hidden(tenant: MicrosoftTenant, identity: str) -> bool | None:
    """Whether Exchange hides a group, read once until forget_reads; None where it does not know the group yet."""
    if not tenant.microsoft.hide_groups:
        return None

    async def record() -> list[Record]:
        return (await tenant.exchange.invoke("Get-UnifiedGroup", Identity=identity)).rows

    try:
        (found,) = await tenant.once(f"Get-UnifiedGroup {identity}", record)
    except Missing:
        return None  # Exchange learns of a new group minutes after Graph
    return bool(found[HIDDEN])


async def _like(tenant: MicrosoftTenant, condition: str) -> list[Record]:
    """Groups that a condition lists, with their marks."""
    query = {"$filter": condition, "$select": f"{SELECT},description"}
    found: list[Record] = (await tenant.graph.get("/v1.0/groups", **query))["value"]
    return found


def _nickname_stem(tenant: MicrosoftTenant, direction: Direction) -> str:
    """What the nicknames of all incarnations begin with, and no other group's."""
    # A tenant's naming policy asks for its prefix here as well; a nickname has no blanks.
    prefix = re.sub(r"[^\w.-]", "", tenant.microsoft.name_prefix, flags=re.ASCII)
    return f"{prefix}{tenant.brand.word.lower()}-inline-{direction}-{tenant.connection.label[:16]}-"


def nicknames(tenant: MicrosoftTenant) -> tuple[str, str]:
    """What the nicknames of our groups begin with."""
    return _nickname_stem(tenant, "incoming"), _nickname_stem(tenant, "outgoing")


def _no_room(refused: GraphRefused) -> Permanent:
    return Permanent(
        "directory_full",
        f"The tenant's directory takes no further object, so its group could not be made: {refused.sentence} Have an "
        "administrator delete some for good (Entra ID, Deleted groups and users), or have Microsoft raise the quota.",
    )


def _naming_policy(refused: GraphRefused) -> Permanent:
    """The tenant's policy for groups' names asks for others; Graph says which would do (msgraph-sdk-dotnet #1153)."""
    names = "; ".join(f"{name} {value}" for name, value in sorted(refused.suggested.items()))
    return Permanent(
        "group_naming_policy",
        f"The tenant's naming policy for groups refuses ours and asks for {names}. Have an administrator exempt the "
        "application from the policy (a directory role such as Groups Administrator does so), or set this deployment's "
        "MICROSOFT__NAME_PREFIX to the prefix.",
    )
