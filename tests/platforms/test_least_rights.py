"""What a consent has to grant is read from the token that it leads to, and no call asks for more."""

from infra.local.simulators.microsoft.applications import CLIENT_ID, GRAPH_ROLES
from shared.connections.record import Status
from tests.harness.world import World

USERS = next(role for role, name in GRAPH_ROLES.items() if name == "User.Read.All")


async def test_a_consent_that_lacks_a_permission_is_refused_by_its_name(world: World) -> None:
    connection = await world.create()
    await world.consent(connection)
    ours = world.graph("GET", f"/servicePrincipals(appId='{CLIENT_ID}')")["id"]
    given = world.graph("GET", f"/servicePrincipals/{ours}/appRoleAssignments")["value"]
    (users,) = [one["id"] for one in given if one["appRoleId"] == USERS]
    world.graph("DELETE", f"/servicePrincipals/{ours}/appRoleAssignments/{users}")
    # Microsoft may not have heard of all of it yet.
    await world.until_true(connection, lambda now: now.reason == "consent_not_effective")
    refused = await world.until_true(connection, lambda now: now.reason == "permission_missing")
    assert refused.status is Status.ATTENTION
    assert "User.Read.All" in str(refused.sentence)
    assert refused.tenant is None
