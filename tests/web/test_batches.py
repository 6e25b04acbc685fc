"""One operation on many connections: planned, confirmed by a count, carried out at a pace, and told of each."""

import json
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from shared.connections.stages import Stage
from shared.flows import timers
from shared.flows.batches import BEGUN_A_SECOND
from shared.storage import tables as db
from shared.web.actors import Actor, Role
from tests.harness.pages import OLGA, VICTOR, asked, press, pressed, see
from tests.harness.world import World

NINA = Actor(name="nina@northwind.example", role=Role.OPERATOR, customer="northwind")


async def _post(world: World, path: str, actor: Actor = OLGA, /, **body: Any) -> tuple[int, Any]:
    sent = json.dumps(body).encode()
    response = await asked(world, "POST", f"/api/batches{path}", actor, sent, content_type="application/json")
    return response.status, json.loads(response.body)


async def _batch(world: World, identifier: str, actor: Actor = OLGA) -> Any:
    return json.loads((await asked(world, "GET", f"/api/batches/{identifier}", actor)).body)


async def test_a_revoke_of_many_is_planned_confirmed_and_told_of_each(world: World) -> None:
    running = await world.connect()
    new = [await world.create(customer="northwind") for _ in range(2)]
    revoked = {"operation": "revoke", "where": {}}
    status, planned = await _post(world, "/plan", **revoked)
    assert (status, planned["matches"], planned["ready"], planned["refused"]) == (200, 3, 3, {})
    assert sum(planned["deletions"].values()) > 3
    status, refused = await _post(world, "", **revoked, confirm=2)
    assert (status, refused["code"]) == (409, "count_changed")
    assert (await _post(world, "", VICTOR, **revoked, confirm=3))[0] == 403
    assert json.loads((await asked(world, "GET", "/api/batches", OLGA)).body) == {"batches": []}
    status, begun = await _post(world, "", **revoked, confirm=3)
    assert (status, begun["counts"]["pending"]) == (202, 3)
    await world.work()
    told = await _batch(world, begun["id"])
    assert {one["state"] for one in told["items"]} == {"done"}
    assert told["counts"] == {"pending": 0, "done": 3, "refused": 0, "failed": 0}
    assert [(await world.connection(one.id)).stage for one in new] == [Stage.CLOSED, Stage.CLOSED]
    assert (await world.connection(running.id)).stage > Stage.RUN


async def test_a_customers_account_plans_and_sees_its_own_only(world: World) -> None:
    theirs = await world.create(customer="northwind")
    await world.create(customer="fabrikam")
    status, planned = await _post(world, "/plan", NINA, operation="sync", where={})
    refuses = {"not running": [{"connection": theirs.id, "name": theirs.name}]}
    assert (status, planned["matches"], planned["refused"]) == (200, 1, refuses)
    _, begun = await _post(world, "", NINA, operation="sync", where={}, confirm=1)
    await world.work()
    told = await _batch(world, begun["id"], NINA)
    assert [(one["connection"], one["state"], one["code"]) for one in told["items"]] == [
        (theirs.id, "refused", "not_running")
    ]
    other = Actor(name="fred@fabrikam.example", role=Role.OPERATOR, customer="fabrikam")
    assert (await asked(world, "GET", f"/api/batches/{begun['id']}", other)).status == 404
    assert json.loads((await asked(world, "GET", "/api/batches", other)).body) == {"batches": []}


async def test_a_stopped_batch_begins_nothing_more_and_a_lost_message_is_found(world: World) -> None:
    connections = [await world.create() for _ in range(BEGUN_A_SECOND + 1)]
    _, begun = await _post(world, "", operation="repair-drift", where={}, confirm=len(connections))
    async with world.app.database.write() as write:
        await write.execute(sa.delete(db.jobs))  # every message is lost
    world.clock.move(timedelta(minutes=6))
    await timers.sweep(world.app)
    await world.pass_time(timedelta(seconds=2))
    assert (await _batch(world, begun["id"]))["counts"]["done"] == len(connections)
    _, second = await _post(world, "", operation="report-drift", where={}, confirm=len(connections))
    status, stopped = await _post(world, f"/{second['id']}/stop")
    assert (status, stopped["stopped_at"] is not None) == (202, True)
    await world.work()
    assert (await _batch(world, second["id"]))["counts"]["pending"] == len(connections)
    assert (await world.connection(connections[0].id)).repairs_drift


async def test_the_console_plans_begins_shows_and_stops_a_batch(world: World) -> None:
    connections = [await world.create(customer="northwind") for _ in range(2)]
    listed = await see(world, "/connections?customer=northwind&sort=name")
    assert {"name": "customer", "value": "northwind", "type": "hidden"} in listed.all("input")
    plan = await see(world, "/batches/new?customer=northwind&operation=revoke&status=&page=2")
    assert "2 connections match ; 2 ready" in plan.text.replace("match;", "match ;")
    fields = {one["name"]: one["value"] for one in plan.all("input", type="hidden")}
    assert fields.items() >= {"customer": "northwind", "operation": "revoke"}.items()
    assert fields.keys() == {"customer", "operation", "plan"}
    assert (await press(world, "/batches", OLGA, **fields, confirm="3")).status == 409
    assert (await press(world, "/batches", OLGA, **fields, confirm="two")).status == 409
    where = await pressed(world, "/batches", OLGA, **fields, confirm="2")
    assert f"{where}/stop" in (await see(world, where)).posts()
    assert (await see(world, where, VICTOR)).posts() == []
    await world.work()
    assert "2 of 2 connections ended: 2 done" in (await see(world, where)).text
    assert (await world.connection(connections[0].id)).stage is Stage.CLOSED
    assert "Revoke access" in (await see(world, "/batches")).text
    assert (await asked(world, "GET", "/batches/new?operation=nothing", OLGA)).status == 400
