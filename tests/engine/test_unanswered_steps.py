"""An administrator who never answers keeps no revoke open: after thirty days it ends, and says what nobody has seen."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared.connections import grants, tokens
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.certificate import Certificate
from shared.flows import grant
from shared.flows import revoke as revokes
from shared.flows.unanswered import ANSWER_WITHIN, REMIND_AFTER
from shared.storage import tables as db
from tests.harness import workspace
from tests.harness.leftovers import exit_record
from tests.harness.world import ORCHARD, World


async def told(world: World, connection: Connection) -> list[dict[str, Any]]:
    """What was said of the connection to subscribers, as attention."""
    table = db.events.c
    query = sa.select(table.content).where(table.connection == connection.id, table.kind == "connection.attention")
    async with world.app.database.read() as read:
        return [row.content for row in await read.execute(query.order_by(table.at))]


async def asked(world: World, connection: Connection) -> Connection:
    """The same connection being revoked, once nothing is left but the administrator's steps."""
    await revokes.revoke(world.app, await world.connection(connection.id), "operator@msp.example")
    return await world.until_true(
        connection, lambda now: now.stage is Stage.CLEANUP and now.reason == "waiting_for_administrator"
    )


async def ends(world: World, connection: Connection) -> Certificate:
    """Let the time for an answer pass; the certificate of the end."""
    world.clock.move(ANSWER_WITHIN - timedelta(hours=1))
    await world.tick()
    assert (await world.connection(connection.id)).stage is Stage.CLEANUP
    world.clock.move(timedelta(hours=2))
    await world.tick()
    closed = await world.connection(connection.id)
    assert closed.stage is Stage.CLOSED
    assert closed.reason == "ended_incomplete"
    assert "certificate" in str(closed.sentence)
    record = await exit_record(world, connection)
    assert record["result"] == "degraded"
    assert (await told(world, connection))[-1]["reason"] == "ended_incomplete"
    return record


async def test_google_where_nobody_answers_and_nothing_can_be_seen(world: World) -> None:
    connection = await workspace.connect(world)
    await asked(world, connection)
    # They have removed the application and the rule, and say so to nobody. Without the application we are blind.
    for action in ("delete-rule", "uninstall-app"):
        world.admin(action, ORCHARD)
    record = await ends(world, connection)
    unseen = {str(one.get("key")): one["why"] for one in record["could_not_check"]}
    assert {"route", "gateway", "rule"} <= unseen.keys()
    assert "30 days" in unseen["route"]


async def test_google_where_nobody_answers_and_the_rule_stands(world: World) -> None:
    connection = await workspace.connect(world)
    waiting = await asked(world, connection)
    assert f"{world.clock.now() + ANSWER_WITHIN:%Y-%m-%d}" in str(waiting.sentence)
    record = await ends(world, connection)
    left = [str(one.get("key")) for one in record["residue"]]
    assert "rule" in left
    assert "rule" not in [one.get("key") for one in record["could_not_check"]]
    assert [one["title"] for one in record["kept_as_published"]]
    assert "group" not in [one.get("key") for one in record["could_not_check"]]
    (rule,) = [one for one in record["by_administrator"] if one["key"] == "rule"]
    assert not rule["done"]
    assert rule["title"] in str((await world.connection(connection.id)).sentence)


async def test_microsoft_where_nobody_removes_the_application(world: World) -> None:
    connection = await world.connect()
    await asked(world, connection)
    record = await ends(world, connection)
    assert [one["key"] for one in record["residue"]] == ["application", "exchange-role"]
    assert record["could_not_check"] == []


async def test_google_where_nobody_has_signed_in_since_it_was_connected_again(world: World) -> None:
    connection = await workspace.connect(world)
    await asked(world, connection)
    await ends(world, connection)
    await grant.connect_again(world.app, await world.connection(connection.id), "operator@msp.example")
    waiting = await asked(world, connection)
    begun = world.clock.now()
    while (now := await world.connection(connection.id)).stage is not Stage.CLOSED:
        assert world.clock.now() - begun < timedelta(days=3)
        if now.reason == "waiting_for_administrator":
            marks = await world.marks(now)
            for key in [key for key, mark in marks.items() if mark == "by administrator"]:
                await workspace.remove(world, key, ORCHARD, waiting)
                await revokes.attest(world.app, now, key, "operator@msp.example")
        await world.pass_time(timedelta(hours=2))
        await world.tick()


@pytest.mark.parametrize("platform", ["google", "microsoft365"])
async def test_an_answer_that_is_late_is_asked_for_once_more(world: World, platform: str) -> None:
    connection = await (workspace.connect(world) if platform == "google" else world.connect())
    await asked(world, connection)
    assert [one["reason"] for one in await told(world, connection)] == []
    world.clock.move(REMIND_AFTER)
    await world.tick()
    await world.tick()
    assert [one["reason"] for one in await told(world, connection)] == ["waiting_for_administrator"]


@pytest.mark.parametrize(
    ("platform", "match"),
    [
        ("google", {"host": "oauth2", "path": "/revoke"}),
        ("google", {"host": "oauth2"}),
        ("google", {"host": "appsmarket"}),
        ("google", {"host": "admin"}),
        ("google", {"host": "cloudidentity"}),
        ("microsoft365", {"host": "login"}),
        ("microsoft365", {"host": "graph"}),
        ("microsoft365", {"host": "exchange"}),
    ],
    ids=str,
)
async def test_a_service_that_never_answers_again_keeps_no_revoke_open_and_nothing_in_our_house(
    world: World, platform: str, match: dict[str, str]
) -> None:
    connection = await (workspace.connect(world) if platform == "google" else world.connect())
    await revokes.revoke(world.app, await world.connection(connection.id), "operator@msp.example")
    world.fault(match, {"kind": "status", "status": 500}, times=10**6)
    left = ANSWER_WITHIN + timedelta(days=5)
    while left > timedelta(0) and (await world.connection(connection.id)).stage is not Stage.CLOSED:
        left -= timedelta(hours=22)
        world.clock.move(timedelta(hours=22))
        await world.tick()
    closed = await world.connection(connection.id)
    assert closed.stage is Stage.CLOSED, f"{closed.reason}: {closed.sentence}"
    assert (await exit_record(world, connection))["result"] == "degraded"
    for _ in range(5):
        world.clock.move(timedelta(days=1))
        await world.tick()
    assert await grants.listed(world.app.database, world.app.seal, connection.id) == []
    assert await tokens.stored(world.app.database, connection.id) == {}
