"""What is refused one by one stays one item's matter: noted by name, tried again, and the customer goes on."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Connection, Status
from shared.protection import directory, mailboxes
from shared.protection.policies import Policy
from shared.web.views.connections import detail
from tests.harness import workspace as google
from tests.harness.gmail import labelled
from tests.harness.workspace import ADMIN, LABEL
from tests.harness.world import ORCHARD, World

DAY = timedelta(days=1)
ANOTHER = "projects/footprint-simulated/topics/another"


def customer(world: World) -> Any:
    found = world.sims.google.customer(ORCHARD)
    assert found is not None
    return found


async def noted(world: World, connection: Connection) -> dict[str, list[str]]:
    """What the API shows as set aside: names by kind."""
    found: dict[str, list[str]] = {}
    for one in (await detail(world.app, await world.connection(connection.id)))["set_aside"]:
        found.setdefault(one["kind"], []).append(one["name"])
    return found


def refused(status: int, reason: str, text: str) -> dict[str, Any]:
    error = {"code": status, "message": text, "errors": [{"message": text, "domain": "global", "reason": reason}]}
    return {"kind": "status", "status": status, "body": {"error": error}}


@pytest.mark.hazard(39)
async def test_a_mailbox_that_another_topic_watches_is_taken_over(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    boxes = customer(world).mailboxes
    # Another client for one of them; for all of them, this deployment's topic got another name.
    for victims in (google.some_users(world, 2)[1:], google.some_users(world, 50)):
        for user in victims:
            watch = boxes[user].watch
            boxes[user] = replace(boxes[user], watch={**watch, "topicName": ANOTHER})
        world.clock.move(timedelta(days=1))
        now = await google.sync(world, connection)
        assert now.status is Status.OK, now.sentence
        assert not [user for user in victims if boxes[user].watch["topicName"] == ANOTHER]
    assert not await noted(world, connection)


@pytest.mark.hazard(39)
async def test_a_mailbox_that_gmail_refuses_is_named_and_tried_again(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    world.clock.move(timedelta(days=1))
    failing = {"host": "gmail", "path": "/watch$"}
    world.fault(failing, refused(400, "invalidArgument", "This mailbox is special."), times=1)
    world.fault(failing, {"kind": "status", "status": 503, "body": "down"}, times=1)
    now = await google.sync(world, connection)
    assert now.status is Status.OK, now.sentence
    (name,) = (await noted(world, connection))["mailbox"]
    watched = await mailboxes.listed(world.app.database, connection.id)
    late = [box.address for box in watched if box.watched_until and box.watched_until < world.clock.now() + 6 * DAY]
    assert late == [name]
    world.clock.move(timedelta(days=1))
    assert (await google.sync(world, connection)).status is Status.OK
    assert not await noted(world, connection)


@pytest.mark.hazard(39)
async def test_a_mailbox_with_all_the_labels_it_may_have_keeps_no_other_back(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    full, other = google.some_users(world, 2)
    boxes, users = customer(world).mailboxes, customer(world).users
    many = {f"Label_{n}": {"id": f"Label_{n}", "name": f"n {n}", "type": "user"} for n in range(10_000)}
    kept = boxes[full].labels
    boxes[full] = replace(boxes[full], labels=many)
    addresses = [users[user]["primaryEmail"] for user in (full, other)]
    sent = [google.mail(world, address)[0] for address in addresses]
    await google.deliver_all(world)
    assert LABEL in google.labels(world, addresses[1], sent[1])
    assert (await world.connection(connection.id)).status is Status.OK
    assert await noted(world, connection) == {"label": [addresses[0]]}
    boxes[full] = replace(boxes[full], labels=kept)
    await world.pass_time(timedelta(hours=1))
    await google.sync(world, connection)
    await world.work()
    assert LABEL in google.labels(world, addresses[0], sent[0])
    assert not await noted(world, connection)


@pytest.mark.hazard(39)
async def test_a_message_that_cannot_be_read_keeps_no_other_back(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    sent = [google.mail(world, ADMIN)[0] for _ in range(3)]
    odd = {"id": sent[1], "payload": {"headers": [{"name": "From"}]}}
    world.fault({"host": "gmail", "path": f"/messages/{sent[1]}$"}, {"kind": "status", "status": 200, "body": odd})
    gone = refused(400, "invalidArgument", "Invalid id value")
    world.fault({"host": "gmail", "path": f"/messages/{sent[2]}$"}, gone)
    await google.deliver_all(world)
    assert set(labelled(world)) == {sent[0]}
    assert (await world.connection(connection.id)).status is Status.OK
    (names,) = (await noted(world, connection)).values()
    assert set(names) == {f"{ADMIN}, message {one}" for one in sent[1:]}
    await world.pass_time(timedelta(hours=1))
    await google.sync(world, connection)
    await world.work()
    assert set(labelled(world)) == set(sent)
    assert not await noted(world, connection)


@pytest.mark.hazard(39)
@pytest.mark.parametrize("reason", ["domainCannotUseApis", "forbidden"])
async def test_a_group_whose_members_are_refused_is_named_and_keeps_them(world: World, reason: str) -> None:
    connection = await google.connect(world, modes=["api"])
    group = min(customer(world).groups.values(), key=lambda one: str(one["email"]))
    before = (await world.connection(connection.id)).synced_at
    held = await directory.count(world.app.database, connection.id)
    path = f"/groups/{group['id']}/members$"
    world.fault({"host": "admin", "path": path}, refused(403, reason, "Not this one."), times=9)
    world.clock.move(timedelta(minutes=5))
    now = await google.sync(world, connection)
    assert (now.status, now.synced_at != before) == (Status.OK, True), now.sentence
    assert await noted(world, connection) == {"group": [group["email"]]}
    assert await directory.count(world.app.database, connection.id) == held
    world.control("DELETE", "/faults")
    await google.sync(world, connection)
    assert not await noted(world, connection)


@pytest.mark.hazard(39)
async def test_all_groups_refused_are_no_groups_matter(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    refusal = refused(403, "domainCannotUseApis", "Domain cannot use apis.")
    world.fault({"host": "admin", "path": "/members$"}, refusal, times=1000)
    now = await google.sync(world, connection)
    assert (now.status, now.reason) == (Status.ATTENTION, "blocked_by_customer")


@pytest.mark.hazard(39)
async def test_a_user_listed_without_an_id_is_named_and_nobody_is_lost(world: World) -> None:
    some = Policy(name="some", users=google.some_users(world, 3))
    connection = await google.connect(world, modes=["inline"], policies=[some])
    held = await directory.count(world.app.database, connection.id)
    users = [{"id": one["id"], "primaryEmail": one["primaryEmail"], "isMailboxSetup": True} for one in listed(world)]
    odd = {"kind": "admin#directory#users", "users": [*users[:-1], {"primaryEmail": "odd@orchard.example"}, {}]}
    world.fault({"host": "admin", "path": "/users$"}, {"kind": "status", "status": 200, "body": odd})
    now = await google.sync(world, connection)
    assert (await noted(world, connection))["entry"] == ["odd@orchard.example", "without a name"]
    assert (await directory.count(world.app.database, connection.id))["users"] == held["users"]
    now = await google.sync(world, connection)
    assert now.status is Status.OK, now.sentence
    assert not await noted(world, connection)


def listed(world: World) -> list[dict[str, Any]]:
    path = f"/tenants/{world.tenant_id(ORCHARD)}/directory"
    query = "/admin/directory/v1/users?customer=my_customer&maxResults=500&orderBy=email"
    found: list[dict[str, Any]] = world.control("POST", path, method="GET", path=query).json()["users"]
    return found
