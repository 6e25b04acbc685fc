"""Quarantine: what was taken out is listed, found, put back where it was, let go of in time, exported at the end."""

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from shared.connections.record import Connection, Status
from shared.engine.chain import entries
from shared.engine.rows import Stage
from shared.flows import quarantine as flow
from shared.protection import exports, policies, quarantine
from shared.protection.policies import Policy
from shared.storage import tables as db
from shared.web.http import Response
from tests.harness import client as asking
from tests.harness import workspace as google
from tests.harness.workspace import letter
from tests.harness.world import ORCHARD, World

USER = "admin@orchard.example"
RISKY = Policy(
    name="risky", everyone=True, conditions={"senders": ["risky.example"]}, actions=["label", "quarantine"]
)  # fmt: skip


async def ask(world: World, connection: Connection, method: str, tail: str, body: Any = None, **query: str) -> Response:
    """An operator's request about a connection."""
    path = f"/api/connections/{connection.id}{tail}?{urlencode(query)}"
    return await asking.ask(world, method, path, token=world.sims.operator_token(), body=body)


async def listed(world: World, connection: Connection, **query: str) -> dict[str, Any]:
    """What the API shows."""
    found = await ask(world, connection, "GET", "/quarantine", **query)
    assert found.status == 200, found.body
    content: dict[str, Any] = json.loads(found.body)
    return content


async def connect(world: World) -> Connection:
    """A running connection that quarantines."""
    connection = await google.connect(world, modes=["api"])
    async with world.app.database.write() as write:
        await policies.put(write, connection.id, Policy(name="risky senders", enabled=False))
        await policies.put(write, connection.id, RISKY)
    return connection


async def taken(world: World, count: int = 1, user: str = USER, **more: Any) -> list[str]:
    """Risky messages come in and are taken out."""
    ids = google.mail(world, user, count=count, **more)
    world.clock.move(timedelta(seconds=2))
    await google.deliver_all(world)
    return ids


async def release(world: World, connection: Connection, item: int) -> dict[str, Any]:
    """An operator has a message put back, and what it leads to is done."""
    assert (await ask(world, connection, "POST", f"/quarantine/{item}/release")).status == 202
    await world.work()
    return next(one for one in (await listed(world, connection, limit="200"))["items"] if one["id"] == item)


async def test_a_message_is_put_back_where_it_was_and_left_alone(world: World) -> None:
    connection = await connect(world)
    (message,) = google.mail(
        world, USER, labelIds=["INBOX", "UNREAD", "STARRED", "CATEGORY_UPDATES"], subject="You won"
    )
    await google.deliver_all(world)
    assert google.labels(world, USER, message) >= {"TRASH", "STARRED"}
    assert "INBOX" not in google.labels(world, USER, message)
    (item,) = (await listed(world, connection))["items"]
    assert (item["sender"], item["subject"], item["address"]) == (google.SENDER, "You won", USER)
    assert (item["policy"], item["state"]) == ("risky", "waiting")
    put = await release(world, connection, item["id"])
    assert (put["state"], put["told"]) == ("released", None)
    bears = google.labels(world, USER, message)
    assert bears >= {"INBOX", "UNREAD", "STARRED", "CATEGORY_UPDATES"}
    assert "TRASH" not in bears
    assert (await listed(world, connection))["waiting"] == 0
    before = google.touched(world)
    # Whatever is read again, by history or by listing, it is not acted on a second time.
    await world.pass_time(timedelta(days=1))
    world.control("POST", "/forget-history", tenant=ORCHARD, user=USER)
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
        world.admin("delete-message", ORCHARD, user=USER, message=message)
    else:
        world.admin("move-message", ORCHARD, user=USER, message=message, **move)
    bears = None if move is None else google.labels(world, USER, message)
    put = await release(world, connection, item["id"])
    assert put["state"] == state or (put["state"] == "released" and bears is not None and "INBOX" in bears)
    assert put["told"] or put["state"] == "released"
    if bears is not None:
        assert google.labels(world, USER, message) == bears
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
    own = next(key for key, one in google.mailbox(world, USER).labels.items() if one["name"].startswith("Risky"))
    (message,) = google.mail(world, USER, labelIds=["INBOX", own])
    await google.deliver_all(world)
    item = (await listed(world, connection))["items"][0]
    world.admin("delete-label", ORCHARD, user=USER, name=google.mailbox(world, USER).labels[own]["name"])
    assert (await release(world, connection, item["id"]))["state"] == "released"
    assert "INBOX" in google.labels(world, USER, message)


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
    assert google.labels(world, USER, message) >= {"INBOX", "UNREAD"}


async def test_it_is_let_go_of_when_gmail_has_emptied_its_trash(world: World) -> None:
    connection = await connect(world)
    kept, restored = await taken(world, 2)
    assert (await listed(world, connection))["waiting"] == 2
    world.admin("move-message", ORCHARD, user=USER, message=restored, add=["INBOX"], remove=["TRASH"])
    await world.pass_time(timedelta(days=29))
    await world.tick()
    assert (await listed(world, connection))["waiting"] == 2
    for _ in range(3):
        await world.pass_time(timedelta(days=1))
        await world.tick()
    (left,) = (await listed(world, connection))["items"]
    assert left["state"] == "restored"
    assert kept not in google.mailbox(world, USER).messages
    await world.pass_time(timedelta(days=8))
    await world.tick()
    assert (await listed(world, connection))["items"] == []


async def test_it_is_paged_and_searched(world: World) -> None:
    connection = await connect(world)
    other = "agate.aspen@orchard.example"
    for number in range(7):
        await taken(world, sender=f"Sender {number} <a{number % 2}@risky.example>", user=[USER, other][number % 3 == 0])
    found, query = [], {"limit": "3"}
    while True:
        page = await listed(world, connection, **query)
        found += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = str(page["next"])
    numbers = [item["id"] for item in found]
    assert len(numbers) == 7
    assert numbers == sorted(numbers, reverse=True)
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
    for item in ("0", "x", "99999999999", str(numbers[0] + 100)):
        assert (await ask(world, connection, "POST", f"/quarantine/{item}/release")).status == 404


async def unpacked(world: World, connection: Connection) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
    """Every message of an export, and the lines of its manifests, all parts together."""
    files: dict[str, bytes] = {}
    lines: list[dict[str, Any]] = []
    part = 1
    while True:
        found = await ask(world, connection, "GET", "/quarantine/export", part=str(part))
        assert found.status == 200, found.body
        assert found.headers["Content-Type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(found.body)) as archive:
            assert archive.testzip() is None
            lines += json.loads(archive.read("manifest.json"))
            files |= {name: archive.read(name) for name in archive.namelist() if name.endswith(".eml")}
        if "Link" not in found.headers:
            return files, lines
        part += 1


async def test_a_revoke_is_refused_while_messages_wait_and_exports_them_if_that_is_acknowledged(world: World) -> None:
    connection = await connect(world)
    message = letter("Grüße. " * 20, html="<p>Hello</p>", Subject="You won")
    google.whole_mail(world, USER, message)
    world.clock.move(timedelta(seconds=2))
    await google.deliver_all(world)
    released, gone = await taken(world, 2)
    items = {one["id"]: one for one in (await listed(world, connection))["items"]}
    await release(world, connection, min(items) + 1)
    world.admin("delete-message", ORCHARD, user=USER, message=gone)
    refused = await ask(world, connection, "POST", "/revoke", {})
    assert (refused.status, json.loads(refused.body)["code"]) == (409, "quarantine_not_empty")
    assert "quarantine: 2." in json.loads(refused.body)["detail"]
    assert (await world.connection(connection.id)).stage is Stage.RUN
    assert (await ask(world, connection, "GET", "/quarantine/export")).status == 404
    assert (await ask(world, connection, "POST", "/revoke", {"acknowledge_quarantine": True})).status == 202
    closed = await google.leave(world, await world.connection(connection.id))
    assert closed.stage is Stage.CLOSED
    files, lines = await unpacked(world, connection)
    assert list(files.values()) == [message.as_bytes()]
    assert [(line["subject"], bool(line["file"]), bool(line["told"])) for line in lines] == [
        ("You won", True, False), ("Hello", False, True),
    ]  # fmt: skip
    noted = [e async for e in entries(world.app.database, connection.id) if e["key"] == "quarantine"]
    orders = [(e["note"], e["actor"]) for e in noted if e["act"] == "order"]
    assert orders == [("message 2 is to be put back", "operator@msp.example")]
    assert [e["note"].split(",")[0] for e in noted if e["act"] != "order"] == ["exported from quarantine: 2"]
    # It is kept for thirty days, sealed, and nothing else is.
    async with world.app.database.read() as read:
        assert (await read.execute(db.quarantine.select())).all() == []
        (row,) = (await read.execute(db.exports.select())).mappings().all()
        assert b"You won" not in row["sealed"]
    before = [e["number"] async for e in entries(world.app.database, connection.id) if e["key"] == "quarantine"]
    removals = [e["number"] async for e in entries(world.app.database, connection.id) if e["act"] == "remove"]
    assert before[0] < min(removals)
    assert released in google.mailbox(world, USER).messages
    await world.pass_time(timedelta(days=31))
    await world.tick()
    assert (await ask(world, connection, "GET", "/quarantine/export")).status == 404
    assert await exports.parts(world.app.database, connection.id) == []


async def test_an_export_of_what_waits_comes_in_parts_and_goes_on_after_an_outage(world: World) -> None:
    connection = await connect(world)
    empty = await ask(world, connection, "POST", "/quarantine/export")
    assert (empty.status, json.loads(empty.body)["code"]) == (409, "quarantine_empty")
    await taken(world, flow.MOST_A_PART + 5)
    world.fault({"host": "gmail", "path": "/messages/"}, {"kind": "status", "status": 503}, times=9, skip=40)
    assert (await ask(world, connection, "POST", "/quarantine/export")).status == 202
    await world.work()
    not_ready = await ask(world, connection, "GET", "/quarantine/export")
    assert (not_ready.status, json.loads(not_ready.body)["code"]) == (404, "export_not_ready")
    await world.pass_time(timedelta(hours=1))
    files, lines = await unpacked(world, connection)
    assert len(files) == len(lines) == flow.MOST_A_PART + 5
    assert len({line["id"] for line in lines}) == len(lines)
    assert len(await exports.parts(world.app.database, connection.id)) > 1
    # Asked for again, it holds what waits then.
    first = lines[0]["id"]
    await release(world, connection, first)
    assert (await ask(world, connection, "POST", "/quarantine/export")).status == 202
    await world.pass_time(timedelta(hours=1))
    _, lines = await unpacked(world, connection)
    assert first not in {line["id"] for line in lines}
    assert len(lines) == flow.MOST_A_PART + 4


async def test_two_who_release_the_same_put_it_back_once(world: World) -> None:
    connection = await connect(world)
    (message,) = await taken(world)
    (item,) = (await listed(world, connection))["items"]
    assert await quarantine.release(world.app.database, connection, item["id"], actor="anna", now=world.clock.now())
    assert not await quarantine.release(world.app.database, connection, item["id"], actor="anna", now=world.clock.now())
    await flow.release(world.app, connection, item["id"], "anna")  # twice is no error while it is under way
    await world.work()
    assert [kind for one, kind in google.touched(world) if one == message] == ["modify", "trash", "modify", "untrash"]
