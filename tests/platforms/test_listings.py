"""A directory that takes longer to list than a run may last: read over several runs, each page once, nobody lost."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from infra.local.simulators.wire import Call
from shared.connections.lease import acquire
from shared.connections.record import Connection, Status
from shared.deployment.queues import Job
from shared.flows import requests
from shared.flows.advance import open_ledger
from shared.flows.jobs import run
from shared.foundation.errors import Permanent, Temporary
from shared.platforms import directory_reading as reading
from shared.platforms.directory_reading import Page
from shared.protection import directory, listings
from shared.protection.listings import Listing
from shared.protection.policies import EVERYONE, Policy
from shared.storage import tables as db
from shared.web.views.connections import detail
from tests.harness import workspace as google
from tests.harness.world import LARGE, ORCHARD, World

SLOW_PAGE = timedelta(minutes=4)
USERS = r"/(v1\.0|directory/v1)/users$"


async def copied(world: World, connection: Connection) -> list[tuple[str, ...]]:
    """Our copy's users, groups and members."""
    found: list[tuple[str, ...]] = []
    async with world.app.database.read() as read:
        for table, names in ((db.users, ("id", "mail")), (db.groups, ("id", "mail")), (db.members, ("member_id",))):
            query = sa.select(*(table.c[name] for name in names)).where(table.c.connection == connection.id)
            found += [(table.name, *map(str, row)) for row in await read.execute(query)]
    return sorted(found)


@contextmanager
def slow(world: World, *ends: str) -> Iterator[list[str]]:
    """Each call whose path ends so takes four minutes; yields what was asked, in order."""
    asked: list[str] = []

    def wait(call: Call) -> None:
        if call.method == "GET" and call.path.endswith(ends):
            asked.append(f"{call.path}?{call.query}")
            world.clock.move(SLOW_PAGE)

    world.sims.cloud.on_request = wait
    try:
        yield asked
    finally:
        world.sims.cloud.on_request = None


async def resync(world: World, connection: Connection) -> None:
    """A person orders it."""
    await requests.start(world.app, await world.connection(connection.id), "resync", "operator@msp.example")


async def connect(world: World, platform: str) -> Connection:
    """A customer whose users do not fit one page."""
    world.large(platform)
    if platform == "google":
        return await google.connect(world, domain=LARGE, modes=["api"], policies=[EVERYONE])
    return await world.connect(LARGE)


async def ended(world: World, connection: Connection) -> Connection:
    """Let time pass until the directory was read."""
    before = connection.synced_at
    return await world.until_true(connection, lambda now: now.synced_at != before and now.status is Status.OK)


@pytest.mark.parametrize("platform", ["microsoft365", "google"])
async def test_a_run_whose_time_is_over_sends_itself_on_from_there(world: World, platform: str) -> None:
    connection = await connect(world, platform)
    before = await copied(world, connection)
    await resync(world, connection)
    with slow(world, "/users", "/users/delta", "/groups", "/groups/delta") as asked:
        await run(world.app, Job(name="resync", connection_id=connection.id))
        waiting = await world.connection(connection.id)
        assert (waiting.status, waiting.reason) == (Status.WAITING, "reading_directory"), waiting.sentence
        shown = (await detail(world.app, waiting))["reading"]
        assert shown is not None
        assert shown["what"] == "users"
        assert shown["page"] >= 1
        assert await copied(world, connection) == before
        await ended(world, waiting)
    # A run may have had the next page on its way when its time was over.
    assert len(asked) - len(set(asked)) <= {"microsoft365": 0, "google": 1}[platform]
    assert len([one for one in asked if "/users?" in one]) > 1
    assert await copied(world, connection) == before
    assert await listings.listed(world.app.database, connection.id) == []
    assert (await detail(world.app, await world.connection(connection.id)))["reading"] is None


@pytest.mark.parametrize("platform", ["microsoft365", "google"])
async def test_one_that_is_throttled_waits_on_the_queue_and_goes_on_where_it_was(world: World, platform: str) -> None:
    connection = await connect(world, platform)
    before = await copied(world, connection)
    await resync(world, connection)
    world.fault({"path": USERS}, {"kind": "status", "status": 429, "headers": {"Retry-After": "600"}}, skip=1)
    world.sims.cloud.calls.clear()
    await run(world.app, Job(name="resync", connection_id=connection.id))
    waiting = await world.connection(connection.id)
    assert waiting.reason == "throttled"
    await ended(world, waiting)
    first = [one for one in world.sims.cloud.calls if one.path.endswith("/users") and "oken=" not in one.query]
    assert len([one for one in first if "showDeleted" not in one.query]) == 1
    assert await copied(world, connection) == before


EXPIRED = {
    "microsoft365": {"error": {"code": "Directory_ExpiredPageToken", "message": "The specified page token expired."}},
    "google": {"error": {"code": 400, "message": "Invalid Value", "errors": [{"reason": "invalid"}]}},
}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("platform", ["microsoft365", "google"])
async def test_a_page_token_that_expires_begins_the_listing_anew_once(world: World, platform: str, times: int) -> None:
    connection = await connect(world, platform)
    before = await copied(world, connection)
    await resync(world, connection)
    for number in range(times):
        # Each time the second page: of the first listing, and of the one begun anew.
        world.fault({"path": USERS}, {"kind": "status", "status": 400, "body": EXPIRED[platform]}, skip=1 + number)
    await run(world.app, Job(name="resync", connection_id=connection.id))
    now = await world.connection(connection.id)
    assert now.reason == (None if times == 1 else "listing_expired"), now.sentence
    assert await copied(world, connection) == before
    await ended(world, connection if times == 1 else now)
    assert await copied(world, connection) == before


async def test_next_links_without_an_end_stop_at_a_bound_with_a_sentence(world: World) -> None:
    connection = await world.connect()
    before = await copied(world, connection)
    claimed = await acquire(world.app.database, connection.id, world.clock.now())
    assert claimed is not None
    ledger = await open_ledger(world.app, *claimed)
    users = [{"id": key, "name": None, "mail": None, "enabled": True, "receives": True} for _, key, _ in before[-3:]]
    pages = 0

    async def endless(_: Listing) -> AsyncGenerator[Page]:
        nonlocal pages
        while True:
            pages += 1
            yield Page(rows=users, link=f"/turn/{pages}")

    async def written(listing: Listing, page: Page) -> Listing:
        database = world.app.database
        return await directory.put(database, connection.id, listing, {"users": page.rows}, link=page.link)

    async with world.app.platforms[connection.platform].open(claimed[0], ledger) as opened:
        tenant: Any = opened
        for kind in (Temporary, Permanent):  # a person is called when the one begun anew has no end either
            pages = 0
            with pytest.raises(kind, match="listing_without_end"):
                await reading.read(tenant, await reading.begun(tenant, "users"), endless, written)
            assert pages == reading.MAX_IDLE_PAGES + 1
    assert len(await copied(world, connection)) == len(before)


async def spoil(world: World, connection: Connection) -> None:
    """Our copy lacks some and has some that are not there, and no change will ever tell."""
    async with world.app.database.write() as write:
        ids = (await write.execute(sa.select(db.users.c.id).where(db.users.c.connection == connection.id))).scalars()
        lost = sorted(ids)[:3]
        await write.execute(sa.delete(db.users).where(db.users.c.id.in_(lost)))
        row = {"connection": connection.id, "id": "ghost", "enabled": True, "receives": True, "mark": ""}
        await write.execute(sa.insert(db.users).values(row))


@pytest.mark.parametrize("platform", ["microsoft365", "google"])
async def test_a_full_resync_heals_a_copy_that_went_wrong(world: World, platform: str) -> None:
    connection = await (google.connect(world, policies=[EVERYONE]) if platform == "google" else world.connect())
    before = await copied(world, connection)
    await spoil(world, connection)
    await resync(world, connection)
    await ended(world, await world.connection(connection.id))
    assert await copied(world, connection) == before


async def test_a_full_resync_that_is_ordered_during_a_run_takes_the_listing_over(world: World) -> None:
    connection = await world.connect()
    before = await copied(world, connection)
    await resync(world, connection)
    listing = await listings.find(world.app.database, connection.id, "users")
    assert listing is not None
    await resync(world, connection)
    with pytest.raises(Temporary, match="superseded"):
        await directory.put(world.app.database, connection.id, listing, {"users": []}, link=None)
    await ended(world, await world.connection(connection.id))
    assert await copied(world, connection) == before


async def test_the_members_of_groups_that_policies_name_are_listed_first_then_the_rest_over_several_runs(
    world: World,
) -> None:
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    path = f"/tenants/{world.tenant_id(ORCHARD)}/directory"
    for number in range(12):
        body = {"email": f"a-{number}@orchard.example", "name": f"List {number}"}
        world.control("POST", path, method="POST", path="/admin/directory/v1/groups", body=body)
    named = max(customer.groups)  # the last one in every order of ours
    connection = await google.connect(world, policies=[Policy(name="named", groups=[named])])
    before = await copied(world, connection)
    await resync(world, connection)
    with slow(world, "/members") as asked:
        runs = 0
        while (now := await world.connection(connection.id)).synced_at == connection.synced_at:
            await run(world.app, Job(name="resync", connection_id=connection.id))
            runs += 1
            assert runs < 10, now.sentence
    assert named in asked[0]
    listed = [one for one in asked if "roles" not in one]
    assert len(set(listed)) >= 12
    assert runs >= 2
    assert await copied(world, connection) == before
