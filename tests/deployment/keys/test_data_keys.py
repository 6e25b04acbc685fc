"""Data keys are renewed: what is sealed is sealed anew, what was signed holds on for a while, and the old key goes."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from shared.connections.secrets import header_secrets
from shared.deployment import signing
from shared.deployment.data_keys import SIGNED_UNTIL
from shared.deployment.links import Links
from shared.deployment.master_keys.local import LocalKeys
from shared.deployment.sealing import DATA_KEY_CACHED_FOR, DEPLOYMENT, SEALS_AFTER, Seal
from shared.flows.timers import fire
from shared.foundation.schedule import TIMERS
from shared.storage import tables
from shared.storage.database import Database
from tests.harness.master_keys import local_key
from tests.harness.scripted_host import StillClock
from tests.harness.world import World

(ROTATE,) = (timer for timer in TIMERS if timer.name == "rotate")
DAY = timedelta(days=1)


async def numbers(world: World) -> dict[str, list[int]]:
    """The numbers of each scope's keys."""
    table, found = tables.data_keys, dict[str, list[int]]()
    async with world.app.database.read() as read:
        for row in await read.execute(sa.select(table.c.scope, table.c.number).order_by(table.c.number)):
            found.setdefault(row.scope, []).append(row.number)
    return found


async def night(world: World, after: timedelta = DAY) -> None:
    """Time passes, and the timer fires."""
    world.clock.move(after)
    await fire(world.app, ROTATE)


async def test_a_key_is_renewed_without_losing_what_it_has_sealed_or_signed(world: World) -> None:
    app = world.app
    connection = await world.create()
    secrets = await header_secrets(app.seal, connection)
    await signing.signing_key(app.database, app.seal, app.clock.now())
    await night(world, app.settings.data_key_kept + DAY)
    assert await numbers(world) == {connection.id: [1, 2], DEPLOYMENT: [1, 2]}
    link = await Links(app.seal, app.database, app.clock).create("session", None, SIGNED_UNTIL - DAY)
    published = await signing.published(app.database, app.seal)

    await night(world)
    after = await world.connection(connection.id)
    assert after.sealed_headers != connection.sealed_headers
    for _ in range(12):
        await night(world)
    assert await Links(app.seal, app.database, app.clock).follow("session", link) == ""
    assert await numbers(world) == {connection.id: [1, 2], DEPLOYMENT: [1, 2]}

    await night(world, SIGNED_UNTIL)
    assert await numbers(world) == {connection.id: [2], DEPLOYMENT: [2]}
    # A process that has just begun knows nothing but what is stored.
    fresh = Seal(app.seal.master, app.database, app.clock)
    assert await header_secrets(fresh, await world.connection(connection.id)) == secrets
    assert await signing.published(app.database, fresh) == published


async def test_what_does_not_open_keeps_its_key_and_is_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    connection, table = await world.create(), tables.connections
    await night(world, world.app.settings.data_key_kept + DAY)
    async with world.app.database.write() as write:
        await write.execute(sa.update(table).where(table.c.id == connection.id).values(sealed_headers=b"x" * 60))
    await night(world)
    await night(world, SIGNED_UNTIL + DAY)
    assert (await numbers(world))[connection.id] == [1, 2]
    assert connection.id in {getattr(one, "scope", None) for one in caplog.records}


async def test_no_process_meets_what_it_cannot_open(database: Database, still: StillClock) -> None:
    master = LocalKeys([local_key()])
    one, other = Seal(master, database, still), Seal(master, database, still)
    await one.new_box("a")
    await other.box("a")
    await one.add("a", 2)
    still.time += DATA_KEY_CACHED_FOR - timedelta(minutes=1)
    # The other has not heard of the new key yet, and need not: nobody seals with it.
    fresh = await Seal(master, database, still).box("a")
    assert (await other.box("a")).unseal(fresh.seal("now", about="x"), about="x") == "now"
    still.time += SEALS_AFTER
    sealed = (await one.box("a")).seal("later", about="x")
    assert (await other.box("a")).unseal(sealed, about="x") == "later"
    assert fresh.anew(sealed, about="x") is not None
    assert (await other.box("a")).anew(sealed, about="x") is None
