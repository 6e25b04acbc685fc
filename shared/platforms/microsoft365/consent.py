"""Admin consent: what the callback says is never trusted; the consent is proven by using it."""

from shared.connections.record import Connection
from shared.deployment.context import Context
from shared.engine.rows import Sighting
from shared.foundation.errors import ConsentMissing, Missing, Permanent, Temporary
from shared.foundation.platform_settings import Microsoft
from shared.platforms.contract import ConsentResult, Permission
from shared.platforms.microsoft365.entra import Entra
from shared.platforms.microsoft365.graph import Graph
from shared.platforms.microsoft365.sign_in_refusals import NotThere, perhaps_too_early

PERMISSIONS = (
    Permission(name="User.Read.All", why="to know the users whose mail is to be protected"),
    Permission(name="Group.ReadWrite.All", why="to make, fill and remove the two virtual groups"),
    Permission(name="Domain.Read.All", why="to know the organisation's verified domains and their mail records"),
    Permission(name="Organization.Read.All", why="to make sure that the consent is this organisation's"),
    Permission(name="Application.Read.All", why="to see whether our own application is there"),
    Permission(name="Exchange.ManageAsApp", why="to make and remove connectors, rules and allow entries in Exchange"),
)


async def same_tenant(entra: Entra, expected: str, result: ConsentResult) -> bool:
    """Whether the operator's domain or id for the tenant is the claimed one."""
    return await entra.tenant_of(expected) == result.tenant


async def prove(entra: Entra, context: Context, connection: Connection, tenant: str) -> str:
    """The tenant's id, read with the consent itself: a token, the organisation, and our application in it."""
    settings = context.settings.microsoft

    async def token() -> str:
        try:
            return (await entra.token(tenant, settings.graph_url)).value
        except NotThere as refused:
            raise perhaps_too_early(refused, connection, context.clock.now()) from None

    async with context.wire.client(settings.graph_url) as http:
        graph = Graph(http, token, context.clock)
        (organisation,) = (await graph.get("/v1.0/organization", **{"$select": "id,displayName"}))["value"]
        if organisation["id"] != tenant:
            raise Permanent("wrong_tenant", "The consent belongs to another tenant than the callback said.")
        try:
            await graph.get(f"/v1.0/servicePrincipals(appId='{settings.client_id}')", **{"$select": "id"})
        except Missing:
            raise Temporary("consent_not_effective", "Microsoft does not list our application yet.") from None
    return tenant


async def application(entra: Entra, tenant: str, settings: Microsoft) -> Sighting:
    """Whether the tenant still has our application, by the sign-in's own answer. Raises when it is not sure."""
    try:
        await entra.token(tenant, settings.graph_url)
    except ConsentMissing:
        return Sighting(present=False, evidence="Microsoft's sign-in knows no consent for the application any more")
    return Sighting(present=True, evidence="Microsoft's sign-in still gives the application a token")
