"""Our copy of a customer's directory: what it loses, whom it lets go of, what it costs."""

from datetime import timedelta

import pytest

from infra.local.bench.counted import counted
from shared.connections.record import Status
from shared.protection import directory, mailboxes, set_aside
from shared.protection.directory import count
from shared.protection.policies import EVERYONE
from tests.harness import workspace as google
from tests.harness.workspace import RISKY, customer_members
from tests.harness.world import LARGE, ORCHARD, World


@pytest.mark.hazard(19)
@pytest.mark.parametrize("kind", ["empty_listing", "half_listing", "truncated_json", "empty_page_with_next_token"])
async def test_a_directory_that_answers_less_loses_nothing(world: World, kind: str) -> None:
    connection = await google.connect(world, policies=[EVERYONE])
    before = await count(world.app.database, connection.id)
    world.fault({"host": "admin", "path": "/directory/v1/users$"}, {"kind": kind}, times=3)
    told = await google.sync(world, connection)
    assert told.status is not Status.OK
    assert await count(world.app.database, connection.id) == before
    assert len(customer_members(world)) > 50


@pytest.mark.hazard(19)
async def test_a_listing_that_lacks_one_who_exists_is_not_whole_and_deletes_nobody(world: World) -> None:
    connection = await google.connect(world, policies=[EVERYONE])
    before, members = await count(world.app.database, connection.id), len(customer_members(world))
    (*rest, missing) = google.state(world)["users"]
    answer = {"kind": "status", "status": 200, "body": {"users": rest}}
    world.fault({"host": "admin", "method": "GET", "path": "/directory/v1/users$"}, answer, times=1)
    told = await google.sync(world, connection)
    assert (told.status, told.reason) == (Status.WAITING, "listing_incomplete"), (told.sentence, missing)
    assert str(told.sentence).startswith("Google's listing of the directory lacked some that exist.")
    assert await count(world.app.database, connection.id) == before
    assert len(customer_members(world)) == members
    assert (await world.until_true(told, lambda now: now.status is Status.OK)).stage is connection.stage


@pytest.mark.hazard(39)
async def test_one_listed_without_an_id_is_named_and_holds_nobody_up(world: World) -> None:
    connection = await google.connect(world, policies=[EVERYONE])
    before = await count(world.app.database, connection.id)
    (*rest, odd) = google.state(world)["users"]
    answer = {"kind": "status", "status": 200, "body": {"users": [*rest, {"primaryEmail": odd["primaryEmail"]}]}}
    world.fault({"host": "admin", "method": "GET", "path": "/directory/v1/users$"}, answer, times=1)
    told = await google.sync(world, connection)
    assert told.status is Status.OK, told.sentence
    assert await count(world.app.database, connection.id) == before
    noted = await set_aside.listed(world.app.database, connection.id, "entry")
    assert [one.name for one in noted] == [odd["primaryEmail"]]


@pytest.mark.hazard(19)
async def test_who_is_truly_deleted_is_let_go_of(world: World) -> None:
    connection = await google.connect(world, policies=[EVERYONE])
    before, gone = await count(world.app.database, connection.id), "gone@orchard.example"
    world.admin("add-user", ORCHARD, email=gone, name="Gone Soon")
    await google.sync(world, connection)
    assert (await count(world.app.database, connection.id))["users"] == before["users"] + 1
    members = len(customer_members(world))
    world.admin("delete-user", ORCHARD, user=gone)
    synced = await google.sync(world, connection)
    assert synced.status is Status.OK
    assert await count(world.app.database, connection.id) == before
    assert len(customer_members(world)) == members - 1


@pytest.mark.hazard(20)
@pytest.mark.parametrize("actions", [["delete-user"], ["suspend-user", "mail-off", "archive-user"]], ids="+".join)
async def test_users_who_are_gone_are_skipped(world: World, actions: list[str]) -> None:
    connection = await google.connect(world, policies=[EVERYONE, RISKY])
    boxes = await mailboxes.listed(world.app.database, connection.id)
    others = [box.address for box in boxes if not box.address.startswith("admin")]
    gone = dict(zip(actions, others, strict=False))
    for action, victim in gone.items():
        google.mail(world, victim)
        world.admin(action, ORCHARD, user=victim)
    await google.deliver_all(world)
    assert (await world.connection(connection.id)).status is Status.OK
    await world.pass_time(timedelta(days=1))
    await world.tick()
    healthy = await world.until_true(connection, lambda now: now.status is Status.OK)
    left = {box.address for box in await mailboxes.listed(world.app.database, healthy.id)}
    assert left == {box.address for box in boxes} - set(gone.values())
    await google.leave(world, healthy)


async def test_an_unchanged_directory_is_read_without_a_write_of_our_copy(world: World) -> None:
    world.large("google")
    connection = await google.connect(world, domain=LARGE, modes=["api"])
    await google.sync(world, connection)
    with counted(world.app.database) as counts:
        await google.sync(world, connection)
    assert not counts.rows.keys() & {"users", "groups", "members", "domains"}, counts.rows


async def test_of_a_directory_that_changed_a_little_little_is_written(world: World) -> None:
    """A user more at the head of the listing moves one over the edge of every page."""
    world.large("google")
    connection = await google.connect(world, domain=LARGE, modes=["api"])
    world.admin("add-user", LARGE, email=f"aaa@{LARGE}", name="A New One")
    with counted(world.app.database) as counts:
        await google.sync(world, connection)
    assert counts.rows["users"] <= 3  # the new one, and the last of the first page: let go of, and found again
    customer = world.sims.google.customer(LARGE)
    assert customer is not None
    assert (await count(world.app.database, connection.id))["users"] == len(customer.users)


async def test_who_moves_from_page_to_page_is_nobody_lost(world: World) -> None:
    world.large("google")
    connection = await google.connect(world, domain=LARGE, modes=["api"])
    customer = world.sims.google.customer(LARGE)
    assert customer is not None
    first = min(customer.users.values(), key=lambda user: str(user["primaryEmail"]))
    for address in ("zzz", "aaa"):
        customer.users[first["id"]]["primaryEmail"] = f"{address}@{LARGE}"
        assert (await google.sync(world, connection)).status is Status.OK
        found = await directory.addresses(world.app.database, connection.id, [first["id"]])
        assert found == {first["id"]: f"{address}@{LARGE}"}
    assert (await count(world.app.database, connection.id))["users"] == len(customer.users)
