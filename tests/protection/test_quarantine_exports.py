"""Quarantine is exported before a revoke, in parts, and goes on after an outage."""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.chain import entries
from shared.flows import quarantine as flow
from shared.protection import exports
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.quarantine import ask, connect, listed, release, taken
from tests.harness.workspace import ADMIN, letter
from tests.harness.world import ORCHARD, World


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


@pytest.mark.hazard(18)
async def test_a_revoke_is_refused_while_messages_wait_and_exports_them_if_that_is_acknowledged(world: World) -> None:
    connection = await connect(world)
    message = letter("Grüße. " * 20, html="<p>Hello</p>", Subject="You won")
    google.whole_mail(world, ADMIN, message)
    world.clock.move(timedelta(seconds=2))
    await google.deliver_all(world)
    released, gone = await taken(world, 2)
    items = {one["id"]: one for one in (await listed(world, connection))["items"]}
    second = list(items)[-2]  # they come newest first
    await release(world, connection, second)
    world.admin("delete-message", ORCHARD, user=ADMIN, message=gone)
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
        ("You won", True, False),
        ("Hello", False, True),
    ]
    noted = [e async for e in entries(world.app.database, connection.id) if e.key == "quarantine"]
    orders = [(e.note, e.actor) for e in noted if e.act == "order"]
    assert orders == [(f"release of message {second} requested", "operator@msp.example")]
    assert [e.note.split(",")[0] for e in noted if e.act != "order"] == ["exported from quarantine: 2"]
    # It is kept for thirty days, sealed, and nothing else is.
    async with world.app.database.read() as read:
        assert (await read.execute(db.quarantine.select())).all() == []
        (row,) = (await read.execute(db.exports.select())).mappings().all()
        assert b"You won" not in row["sealed"]
    before = [e.number async for e in entries(world.app.database, connection.id) if e.key == "quarantine"]
    removals = [e.number async for e in entries(world.app.database, connection.id) if e.act == "remove"]
    assert before[0] < min(removals)
    assert released in google.mailbox(world, ADMIN).messages
    await world.pass_time(timedelta(days=31))
    await world.tick()
    assert (await ask(world, connection, "GET", "/quarantine/export")).status == 404
    assert await exports.parts(world.app.database, connection.id) == []


async def test_an_export_of_what_waits_comes_in_parts_and_goes_on_after_an_outage(world: World) -> None:
    connection = await connect(world)
    empty = await ask(world, connection, "POST", "/quarantine/export")
    assert (empty.status, json.loads(empty.body)["code"]) == (409, "quarantine_empty")
    await taken(world, flow.MESSAGES_PER_PART + 5)
    world.fault({"host": "gmail", "path": "/messages/"}, {"kind": "status", "status": 503}, times=9, skip=40)
    assert (await ask(world, connection, "POST", "/quarantine/export")).status == 202
    await world.work()
    not_ready = await ask(world, connection, "GET", "/quarantine/export")
    assert (not_ready.status, json.loads(not_ready.body)["code"]) == (404, "export_not_ready")
    await world.pass_time(timedelta(hours=1))
    files, lines = await unpacked(world, connection)
    assert len(files) == len(lines) == flow.MESSAGES_PER_PART + 5
    assert len({line["id"] for line in lines}) == len(lines)
    assert len(await exports.parts(world.app.database, connection.id)) > 1
    # Asked for again, it holds what waits then.
    first = lines[0]["id"]
    await release(world, connection, first)
    assert (await ask(world, connection, "POST", "/quarantine/export")).status == 202
    await world.pass_time(timedelta(hours=1))
    _, lines = await unpacked(world, connection)
    assert first not in {line["id"] for line in lines}
    assert len(lines) == flow.MESSAGES_PER_PART + 4


async def test_a_message_that_cannot_be_read_keeps_no_revoke_from_its_end(world: World) -> None:
    connection = await connect(world)
    await taken(world, flow.PART_AFTER_THAT + 2)
    world.fault(
        {"host": "gmail", "method": "GET", "path": "/messages/"}, {"kind": "status", "status": 503}, times=10**5
    )
    assert (await ask(world, connection, "POST", "/revoke", {"acknowledge_quarantine": True})).status == 202
    await world.work()
    waiting = await world.connection(connection.id)
    assert (waiting.stage, waiting.reason) == (Stage.REVOKE, "platform_unavailable")
    world.clock.move(flow.READ_WITHIN)
    await world.tick()
    going_on = await world.connection(connection.id)
    assert (going_on.stage, going_on.reason) == (Stage.REVOKE, "exporting_quarantine")
    await world.pass_time(timedelta(minutes=1))
    assert (await world.connection(connection.id)).stage is Stage.CLEANUP
    files, lines = await unpacked(world, connection)
    assert not files
    assert len([line for line in lines if line["told"] and line["file"] is None]) == flow.PART_AFTER_THAT + 2
