"""Quarantine: what was taken out is listed, found, put back where it was, and let go of in time."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Status
from shared.flows import counts
from shared.flows import quarantine as flow
from shared.protection import quarantine
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.quarantine import ask, connect, listed, release, taken
from tests.harness.workspace import ADMIN
from tests.harness.world import ORCHARD, World


async def test_a_message_is_put_back_where_it_was_and_left_alone(world: World) -> None:
    connection = await connect(world)
    (message,) = google.mail(
        world, ADMIN, labelIds=["INBOX", "UNREAD", "STARRED", "CATEGORY_UPDATES"], subject="You won"
    )
    await google.deliver_all(world)
    assert google.labels(world, ADMIN, message) >= {"TRASH", "STARRED"}
    assert "INBOX" not in google.labels(world, ADMIN, message)
    (item,) = (await listed(world, connection))["items"]
    assert (item["sender"], item["subject"], item["address"]) == (google.SENDER, "You won", ADMIN)
    assert (item["policy"], item["state"]) == ("risky", "waiting")
    await counts.keep(world.app, at_once=True)
    found = await counts.totals(world.app.database)
    assert found["messages_inspected"] == {(("platform", "google"),): 1}
    assert {dict(labels)["action"]: value for labels, value in found["messages_acted_on"].items()} == {
        "label": 1,
        "quarantine": 1,
    }
    put = await release(world, connection, item["id"])
    assert (put["state"], put["told"]) == ("released", None)
    bears = google.labels(world, ADMIN, message)
    assert bears >= {"INBOX", "UNREAD", "STARRED", "CATEGORY_UPDATES"}
    assert "TRASH" not in bears
    assert (await listed(world, connection))["waiting"] == 0
    before = google.touched(world)
    # Whatever is read again, by history or by listing, it is not acted on a second time.
    await world.pass_time(timedelta(days=1))
    world.control("POST", "/forget-history", tenant=ORCHARD, user=ADMIN)
    await world.tick()
    await world.work()
    assert google.touched(world) == before
    again = await ask(world, connection, "POST", f"/quarantine/{item['id']}/release")
    assert (again.status, json.loads(again.body)["code"]) == (409, "not_waiting")
    await world.pass_time(timedelta(days=30))
    await world.tick()
    assert (await listed(world, connection))["items"] == []


async def test_sender_and_subject_are_sealed(world: World) -> None:
    connection = await connect(world)
    await taken(world, subject="The parcel number is 4711")
    async with world.app.database.read() as read:
        (row,) = (await read.execute(db.quarantine.select())).mappings().all()
    assert b"4711" not in row["sealed"]
    assert "4711" not in repr({name: value for name, value in row.items() if name != "sealed"})
    assert google.SENDER not in repr(dict(row))
    assert (await listed(world, connection))["items"][0]["subject"] == "The parcel number is 4711"


@pytest.mark.parametrize(
    ("move", "state"),
    [({"remove": ["TRASH"]}, "restored"), ({"add": ["INBOX"], "remove": ["TRASH"]}, "restored"), (None, "gone")],
)
async def test_what_its_owner_did_meanwhile_is_seen_and_told(
    world: World, move: Mapping[str, Any] | None, state: str
) -> None:
    connection = await connect(world)
    (message,) = await taken(world)
    (item,) = (await listed(world, connection))["items"]
    if move is None:
        world.admin("delete-message", ORCHARD, user=ADMIN, message=message)
    else:
        world.admin("move-message", ORCHARD, user=ADMIN, message=message, **move)
    bears = None if move is None else google.labels(world, ADMIN, message)
    put = await release(world, connection, item["id"])
    assert put["state"] == state or (put["state"] == "released" and bears is not None and "INBOX" in bears)
    assert put["told"] or put["state"] == "released"
    if bears is not None:
        assert google.labels(world, ADMIN, message) == bears
    assert (await world.connection(connection.id)).status is Status.OK


async def test_a_closed_mailbox_is_told_and_can_be_tried_again(world: World) -> None:
    connection = await connect(world)
    user = "agate.aspen@orchard.example"
    (message,) = await taken(world, user=user)
    (item,) = (await listed(world, connection))["items"]
    world.admin("mail-off", ORCHARD, user=user)
    put = await release(world, connection, item["id"])
    assert put["state"] == "waiting"
    assert put["told"]
    world.admin("mail-on", ORCHARD, user=user)
    assert (await release(world, connection, item["id"]))["state"] == "released"
    assert "INBOX" in google.labels(world, user, message)


async def test_a_label_that_was_deleted_meanwhile_is_passed_over(world: World) -> None:
    connection = await connect(world)
    await taken(world)  # makes the label
    own = next(key for key, one in google.mailbox(world, ADMIN).labels.items() if one["name"].startswith("Risky"))
    (message,) = google.mail(world, ADMIN, labelIds=["INBOX", own])
    await google.deliver_all(world)
    item = (await listed(world, connection))["items"][0]
    world.admin("delete-label", ORCHARD, user=ADMIN, name=google.mailbox(world, ADMIN).labels[own]["name"])
    assert (await release(world, connection, item["id"]))["state"] == "released"
    assert "INBOX" in google.labels(world, ADMIN, message)


@pytest.mark.parametrize("skip", range(6))
async def test_a_release_whose_answers_are_lost_comes_to_the_same(world: World, skip: int) -> None:
    connection = await connect(world)
    (message,) = await taken(world)
    (item,) = (await listed(world, connection))["items"]
    world.fault({"host": "gmail"}, {"kind": "drop_after"}, times=3, skip=skip)
    await ask(world, connection, "POST", f"/quarantine/{item['id']}/release")
    await world.pass_time(timedelta(minutes=30))
    world.control("DELETE", "/faults")
    await world.pass_time(timedelta(minutes=30))
    await world.tick()
    assert [one["state"] for one in (await listed(world, connection))["items"]] == ["released"]
    assert google.labels(world, ADMIN, message) >= {"INBOX", "UNREAD"}


async def test_it_is_let_go_of_when_gmail_has_emptied_its_trash(world: World) -> None:
    connection = await connect(world)
    kept, restored = await taken(world, 2)
    assert (await listed(world, connection))["waiting"] == 2
    world.admin("move-message", ORCHARD, user=ADMIN, message=restored, add=["INBOX"], remove=["TRASH"])
    await world.pass_time(timedelta(days=29))
    await world.tick()
    assert (await listed(world, connection))["waiting"] == 2
    for _ in range(3):
        await world.pass_time(timedelta(days=1))
        await world.tick()
    (left,) = (await listed(world, connection))["items"]
    assert left["state"] == "restored"
    assert kept not in google.mailbox(world, ADMIN).messages
    await world.pass_time(timedelta(days=8))
    await world.tick()
    assert (await listed(world, connection))["items"] == []


async def test_it_is_paged_and_searched(world: World) -> None:
    connection = await connect(world)
    other = "agate.aspen@orchard.example"
    for number in range(7):
        await taken(
            world, sender=f"Sender {number} <a{number % 2}@risky.example>", user=[ADMIN, other][number % 3 == 0]
        )
    found, query = [], {"limit": "3"}
    while True:
        page = await listed(world, connection, **query)
        found += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = str(page["next"])
    assert len({item["id"] for item in found}) == 7
    assert found == sorted(found, key=lambda item: str(item["at"]), reverse=True)
    assert page["waiting"] == 7
    assert {one["address"] for one in (await listed(world, connection, user="AGATE"))["items"]} == {other}
    senders = [one["sender"] for one in (await listed(world, connection, sender="A1@RISKY"))["items"]]
    assert len(senders) == 3
    assert all("a1@" in one for one in senders)
    page = await listed(world, connection, sender="a1@", limit="2")
    assert len(page["items"]) == 2
    assert len((await listed(world, connection, sender="a1@", limit="2", cursor=str(page["next"])))["items"]) == 1
    assert (await listed(world, connection, policy="another"))["items"] == []
    assert (await listed(world, connection, state="released"))["items"] == []
    for wrong in ({"colour": "red"}, {"state": "lost"}, {"limit": "many"}, {"cursor": "LTE"}):
        assert (await ask(world, connection, "GET", "/quarantine", **wrong)).status == 400
    never = (await world.app.seal.box(connection.id)).name(2**31 - 1, about=quarantine.NAMED)
    for item in ("0", "1", "x", "99999999999", never):
        assert (await ask(world, connection, "POST", f"/quarantine/{item}/release")).status == 404


async def test_two_who_release_the_same_put_it_back_once(world: World) -> None:
    connection = await connect(world)
    (message,) = await taken(world)
    (item,) = (await listed(world, connection))["items"]
    number = (await world.app.seal.box(connection.id)).number(item["id"], about=quarantine.NAMED)
    asked = {"actor": "anna", "now": world.clock.now()}
    assert number is not None
    assert await quarantine.release(world.app.database, connection, item["id"], number, **asked)
    assert not await quarantine.release(world.app.database, connection, item["id"], number, **asked)
    await flow.release(world.app, connection, item["id"], "anna")  # twice is no error while it is under way
    await world.work()
    assert [kind for one, kind in google.touched(world) if one == message] == ["modify", "trash", "modify", "untrash"]
