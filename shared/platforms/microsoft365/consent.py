"""Admin consent: what the callback says is never trusted; the consent is proven by using it."""

from shared.connections.record import Connection
from shared.deployment.context import Context
from shared.engine.rows import Sighting
from shared.foundation.errors import ConsentMissing, Permanent
from shared.foundation.platform_settings import Microsoft
from shared.platforms.contract import ConsentResult, Permission
from shared.platforms.microsoft365.entra import Entra, claims
from shared.platforms.microsoft365.graph import Graph
from shared.platforms.microsoft365.sign_in_refusals import NotThere, perhaps_too_early

PERMISSIONS = (
    Permission(
        name="User.Read.All",
        why="to know the users whose mail is to be protected",
        without="users are not synced, and policies cannot name them",
        narrower="User.ReadBasic.All does not tell who is a guest or disabled, nor other addresses of a user",
    ),
    Permission(
        name="Group.ReadWrite.All",
        why="to make, fill and remove the two virtual groups",
        without="policies for some users or groups route no mail",
        narrower=(
            "Group.Create makes a group and then neither fills nor deletes it; GroupMember.ReadWrite.All fills every "
            "group and makes none. Groups that are not ours are read, and never written to"
        ),
    ),
    Permission(
        name="Domain.Read.All",
        why="to know the organisation's verified domains and their mail records",
        without="nothing can be protected: the routing rules are about domains",
        narrower="there is none that reads domains and nothing else",
    ),
    Permission(
        name="Exchange.ManageAsApp",
        why="to make and remove connectors, rules and allow entries in Exchange",
        without="nothing can be made or removed in Exchange",
        narrower="it only opens Exchange's door: which cmdlets the application runs is decided by its role there",
    ),
)
# Named by tokens for Exchange only.
AT_EXCHANGE = frozenset({"Exchange.ManageAsApp"})


async def same_tenant(entra: Entra, expected: str, result: ConsentResult) -> bool:
    """Whether the operator's domain or id for the tenant is the claimed one."""
    return await entra.tenant_of(expected) == result.tenant


async def prove(entra: Entra, context: Context, connection: Connection, tenant: str) -> str:
    """The tenant's id, proven with the consent itself: its sign-in gives a token, which names what was granted.

    Raises Temporary while Microsoft has not heard of the consent, Permanent if a permission was not granted.
    """
    settings, asked_at = context.settings.microsoft, connection.asked_at or connection.stage_since
    try:
        value = (await entra.token(tenant, settings.graph_url)).value
    except NotThere as refused:
        raise perhaps_too_early(refused, asked_at, context.clock.now()) from None
    said = claims(value)
    if said.get("tid", tenant) != tenant:
        raise Permanent("wrong_tenant", "The consent belongs to another tenant than the callback said.")
    # https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    missing = [one.name for one in PERMISSIONS if one.name not in said.get("roles", []) and one.name not in AT_EXCHANGE]
    if said and missing:
        refusal = Permanent(
            "permission_missing",
            f"Microsoft's token does not name the permission {', '.join(missing)}. An administrator must open the "
            "invitation again.",
        )
        raise perhaps_too_early(refusal, asked_at, context.clock.now())

    async def token() -> str:
        return value

    async with context.wire.client(settings.graph_url) as http:
        await Graph(http, token, context.clock).get("/v1.0/domains", **{"$select": "id"})
    return tenant


async def application(entra: Entra, tenant: str, settings: Microsoft) -> Sighting:
    """Whether the tenant still has our application, by the sign-in's own answer. Raises when it is not sure."""
    try:
        await entra.token(tenant, settings.graph_url)
    except ConsentMissing:
        return Sighting(present=False, evidence="Microsoft's sign-in knows no consent for the application any more")
    return Sighting(present=True, evidence="Microsoft's sign-in still gives the application a token")
