"""A creation that is refused has made nothing: nobody waits for it, and no certificate names it."""

from datetime import timedelta
from typing import Any

import pytest

from shared.connections.stages import Stage
from shared.engine.ledger import HoldingState, holdings_of
from shared.protection.policies import Policy
from tests.harness import workspace as google
from tests.harness.leftovers import exit_record
from tests.harness.world import ORCHARD, World

DENIED = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}}
REFUSED = {"error": {"code": "BadRequest", "message": "|System.Exception|A value is not valid."}}
GROUPS: dict[str, Any] = {"host": "graph", "method": "POST", "path": "^/v1.0/groups$"}


@pytest.mark.hazard(34)
@pytest.mark.parametrize(
    ("match", "status", "body", "key"),
    [
        (GROUPS, 403, DENIED, "group-incoming"),
        (GROUPS, 400, {"error": {"code": "Request_BadRequest", "message": "Not so."}}, "group-incoming"),
        ({"cmdlet": "New-InboundConnector"}, 400, REFUSED, "inbound-incoming"),
        ({"cmdlet": "New-TransportRule"}, 400, REFUSED, "rule-incoming-domain"),
    ],
)
async def test_what_was_refused_is_not_made_and_the_exit_does_not_wait_for_it(
    world: World, match: dict[str, Any], status: int, body: dict[str, Any], key: str
) -> None:
    before = world.snapshot()
    users = [user["id"] for user in world.graph("GET", "/users?$top=8")["value"] if user.get("mail")][:2]
    connection = await world.create(policies=[Policy(name="two", users=users)])
    await world.consent(connection)
    world.admin("assign-role")
    world.fault(match, {"kind": "status", "status": status, "body": body}, times=1000)
    await world.pass_time(timedelta(hours=2))
    held = (await holdings_of(world.app.database, connection.id)).get(key)
    assert held is None or (held.state, held.incarnation) == (HoldingState.GONE, 0)
    await world.revoke(connection)
    begun = world.clock.now()
    await world.until_true(connection, lambda now: now.stage is Stage.CLEANUP)
    assert world.clock.now() - begun < timedelta(hours=2)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    world.admin("remove-application")
    connection = await world.until(connection, Stage.CLOSED)
    assert (await exit_record(world, connection))["result"] == "clean"
    assert world.snapshot() == before


async def test_a_refusal_does_not_answer_for_an_earlier_call_that_nobody_answered(world: World) -> None:
    users = [user["id"] for user in world.graph("GET", "/users?$top=8")["value"] if user.get("mail")][:2]
    connection = await world.create(policies=[Policy(name="two", users=users)])
    await world.consent(connection)
    world.admin("assign-role")
    world.fault(GROUPS, {"kind": "status", "status": 504}, times=4)
    world.fault(GROUPS, {"kind": "status", "status": 403, "body": DENIED}, times=1000)
    await world.pass_time(timedelta(hours=2))
    held = (await holdings_of(world.app.database, connection.id))["group-incoming"]
    assert held.state is HoldingState.CREATING


@pytest.mark.parametrize("status", [403, 429])
async def test_a_group_whose_settings_are_refused_is_made_all_the_same(world: World, status: int) -> None:
    connection = await google.create(world, modes=["inline"])
    world.admin("install-app", ORCHARD)
    world.fault({"method": "PATCH", "path": "^/groups/v1/groups/"}, {"kind": "status", "status": status}, times=1000)
    await google.consent(world, connection)
    await world.work()
    made = world.sims.google.customer(ORCHARD)
    assert made is not None
    assert any("risky" in str(one["email"]) or "inline" in str(one["email"]) for one in made.groups.values())
    held = (await holdings_of(world.app.database, connection.id))["group"]
    assert held.state is HoldingState.CREATING


@pytest.mark.parametrize(
    ("answer", "given_up"),
    [
        ({"kind": "status", "status": 403, "body": DENIED}, set()),
        ({"kind": "status", "status": 504}, {"group-incoming", "group-outgoing"}),
    ],
)
async def test_the_certificate_names_what_was_given_up_without_an_answer(
    world: World, answer: dict[str, Any], given_up: set[str]
) -> None:
    users = [user["id"] for user in world.graph("GET", "/users?$top=8")["value"] if user.get("mail")][:2]
    connection = await world.create(policies=[Policy(name="two", users=users)])
    await world.consent(connection)
    world.admin("assign-role")
    world.fault(GROUPS, answer, times=1000)
    await world.pass_time(timedelta(hours=2))
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    world.admin("remove-application")
    connection = await world.until(connection, Stage.CLOSED)
    record = await exit_record(world, connection)
    named = {one["key"] for one in record["not_checkable"] if "never answered" in one["why"]}
    assert named == given_up
    assert not named & {one["key"] for one in record["changes"]}
