"""What only an administrator can do: whose word counts for which question, what a machine sees, and when."""

from datetime import datetime, timedelta
from typing import Any

from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.engine.chain import LedgerEntry, entries
from shared.engine.ledger import HoldingState, holdings_of
from shared.flows import grant, revoke
from tests.harness import workspace as google
from tests.harness.world import ORCHARD, World

OPERATOR = "operator@msp.example"
ALWAYS = 100_000
NOT_ENABLED: dict[str, Any] = {
    "error": {
        "code": 403,
        "message": "Cloud Identity API has not been used in project 1 before or it is disabled.",
        "status": "PERMISSION_DENIED",
        "errors": [{"reason": "accessNotConfigured"}],
    }
}


async def attest(world: World, connection: Connection, *keys: str) -> None:
    """Somebody says that it is done."""
    for key in keys:
        await revoke.attest(world.app, await world.connection(connection.id), key, OPERATOR)
    await world.work()


async def state(world: World, connection: Connection, key: str) -> HoldingState:
    """Where it stands."""
    return (await holdings_of(world.app.database, connection.id))[key].state


async def told(world: World, connection: Connection, key: str) -> list[LedgerEntry]:
    """What the ledger says of it."""
    return [one async for one in entries(world.app.database, connection.id) if one.key == key]


async def unseen_by_machines(world: World) -> Connection:
    """A running connection whose administrator's doings no log tells of, taken on somebody's word."""
    world.behave(ORCHARD, audit_lag_seconds=400 * 86400)
    connection = await google.create(world, modes=["inline"])
    world.admin("install-app", ORCHARD)
    await google.consent(world, connection)
    running = await world.until(connection, Stage.RUN)
    await google.route_mail(world, running)
    await google.look(world, running)
    await attest(world, running, "route", "gateway")
    return await world.until_true(running, lambda now: now.status is Status.OK)


async def test_a_word_answers_only_the_question_that_it_was_said_to(world: World) -> None:
    connection = await unseen_by_machines(world)
    await revoke.revoke(world.app, connection, OPERATOR)
    await attest(world, connection, "route")  # nobody has been asked yet, and the rule routes mail still
    world.admin("delete-rule", ORCHARD)
    await world.until_true(connection, lambda now: "delete the route" in str(now.sentence), limit=timedelta(days=1))
    # That it was set up was said, and something too early; that it is undone was not.
    assert await state(world, connection, "route") is HoldingState.LEAVING
    await world.pass_time(timedelta(hours=2))
    assert await state(world, connection, "route") is HoldingState.LEAVING
    await attest(world, connection, "route")
    assert await state(world, connection, "route") is HoldingState.GONE
    assert OPERATOR in str((await told(world, connection, "route"))[-1].note)


async def test_a_failure_to_look_is_no_blindness_that_a_word_could_heal(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    await revoke.revoke(world.app, connection, OPERATOR)
    await world.work()
    assert await state(world, connection, "rule") is HoldingState.LEAVING
    world.fault({"path": "/v1/policies"}, {"kind": "status", "status": 403, "body": NOT_ENABLED}, times=ALWAYS)
    await attest(world, connection, "rule")
    await world.pass_time(timedelta(hours=2))
    assert await state(world, connection, "rule") is HoldingState.LEAVING
    now = await world.connection(connection.id)
    assert (now.stage, now.status) == (Stage.CLEANUP, Status.ATTENTION)
    assert now.reason not in (None, "waiting_for_administrator")


async def test_what_the_administrator_undid_before_the_revoke_is_noted_before_anything_waits_for_it(
    world: World,
) -> None:
    connection = await google.connect(world, modes=["inline"])
    world.admin("remove-gateway", ORCHARD)
    await revoke.revoke(world.app, connection, OPERATOR)
    await world.work()
    (forgotten,) = [one.number for one in await told(world, connection, "gateway") if one.act == "forget"]
    turned = [
        one.number for one in await told(world, connection, "connection") if one.note == "Revoking access → Clean-up"
    ]
    assert forgotten < turned[0]
    assert "ask" not in [one.act for one in await told(world, connection, "gateway") if one.number > forgotten]


async def test_what_is_not_seen_once_is_believed_gone_some_time_later(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    await google.leave(world, connection)
    waits = {"rule": timedelta(minutes=5), "delegation": timedelta(hours=1)}
    for key, wait in waits.items():
        at: dict[str, datetime] = {str(one.act): one.at for one in await told(world, connection, key)}
        assert at["forget"] - at["miss"] >= wait, key


async def test_the_removal_of_an_offered_object_is_asked_for_anew_in_each_life(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    await revoke.revoke(world.app, connection, OPERATOR)
    await world.pass_time(timedelta(hours=2))
    await attest(world, connection, "group")
    await grant.connect_again(world.app, await world.connection(connection.id), OPERATOR)
    await google.consent(world, await world.connection(connection.id))
    again = await world.until_true(connection, lambda now: now.stage is Stage.RUN and now.status is Status.OK)
    await revoke.revoke(world.app, again, OPERATOR)
    await google.leave(world, again, group=False)
    assert google.group_of(world)
