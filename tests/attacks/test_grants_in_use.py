"""A callback never hurts a running connection, and one that is ending keeps nothing of it."""

import pytest

from shared.connections.grants import listed
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.foundation.errors import Refused, Temporary
from tests.harness import workspace as google
from tests.harness.workspace import ADMIN
from tests.harness.world import ORCHARD, World


async def secrets(world: World, connection: Connection) -> list[str]:
    return [one.secret for one in await listed(world.app.database, world.app.seal, connection.id)]


async def holds(world: World, secret: str) -> bool:
    """Whether Google still takes a grant."""
    return bool(await world.app.platforms["google"].credentials.sign_in.holds(secret))  # type: ignore[attr-defined] # Google's own


@pytest.mark.hazard(37)
@pytest.mark.parametrize(
    "path", ["/admin/directory/v1/users/.*", "/token", "/oauth2/v3/certs"], ids=["who they are", "the code", "the keys"]
)
async def test_a_consent_that_fails_half_way_leaves_the_grant_in_use(world: World, path: str) -> None:
    connection = await google.connect(world, modes=["api"])
    before = await secrets(world, connection)
    world.fault({"path": path}, {"kind": "status", "status": 503}, times=20)
    process = await world.again()  # which has no keys in memory
    with pytest.raises((Refused, Temporary)):
        await google.consent(process, connection)
    world.control("DELETE", "/faults")
    assert await secrets(world, connection) == before
    assert await holds(world, before[0])
    assert (await world.connection(connection.id)).status == "ok"


@pytest.mark.hazard(37)
async def test_a_box_left_unticked_leaves_the_grant_in_use(world: World) -> None:
    connection, other = await google.connect(world, modes=["api"]), await google.create(world, modes=["inline"])
    before = await secrets(world, connection)
    for one in (connection, other):
        with pytest.raises(Refused, match="consent_incomplete"):
            await google.consent(world, one, scopes=lambda scope: "directory" not in scope)
        assert await holds(world, before[0])
    assert await secrets(world, connection) == before


async def test_a_proven_consent_replaces_the_old_grant(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    before = await secrets(world, connection)
    await google.consent(world, connection)
    after = await secrets(world, connection)
    assert len(after) == 1
    assert after != before
    assert await holds(world, after[0])


@pytest.mark.hazard(36)
async def test_a_consent_that_comes_while_access_is_revoked_is_given_back(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    await world.revoke(connection)
    before = await secrets(world, connection)
    await google.consent(world, await world.connection(connection.id), user=ADMIN)
    assert await secrets(world, connection) == before
    await world.until_true(connection, lambda now: now.stage is Stage.CLEANUP)
    assert await secrets(world, connection) == []
    await google.consent(world, await world.connection(connection.id), user=ADMIN)
    assert await secrets(world, connection) == []
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    assert customer.grants == {}
