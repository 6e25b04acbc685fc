"""Both books: what the customer's own log says that our application did is held against our ledger, over the wire."""

import json
from datetime import timedelta
from typing import Any

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.chain import entries
from shared.engine.ledger import holdings_of
from tests.harness.both_books import PERMISSIONS, stolen, their_group, tomorrow, watched
from tests.harness.client import ask
from tests.harness.world import CONTOSO, World

REASON = "calls_not_ours"


async def matched(world: World, connection: Connection) -> Any:
    """What the API says of both books."""
    token = world.sims.operator_token(role="viewer")
    found = await ask(world, "GET", f"/api/connections/{connection.id}/operations/matched?hours=48", token=token)
    assert found.status == 200, found.body
    return json.loads(found.body)


async def test_every_change_of_ours_in_the_customers_log_is_in_our_ledger(world: World) -> None:
    reading, connection = await watched(world)
    found = await matched(reading, connection)
    methods = {one["method"]: (one["ours"], one["theirs"]) for one in found["methods"]}
    assert methods["Add group"][0] == methods["Add group"][1] > 0
    assert methods["Add member to group"] == (6, 6)  # three in each of two groups
    assert all(ours == theirs for ours, theirs in methods.values())
    assert found["unknown"] == []
    assert len(found["blind"]) == 1
    assert "Exchange" in found["blind"][0]
    # Nor do the customer's own changes count as ours.
    group = next(iter(reading.sims.microsoft.tenants[reading.tenant_id()].groups))
    reading.graph("PATCH", f"/groups/{group}", body={"displayName": "Theirs"})
    assert (await tomorrow(reading, connection)).reason != REASON


async def test_a_life_to_its_end_leaves_nothing_unknown_in_the_customers_log(world: World) -> None:
    reading, connection = await watched(world)
    await reading.revoke(connection)
    await reading.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    reading.clock.move(timedelta(hours=3))
    found = await matched(reading, connection)
    methods = {one["method"]: (one["ours"], one["theirs"]) for one in found["methods"]}
    assert methods["Delete group"][0] > 0
    assert found["unknown"] == []


async def test_what_was_done_with_our_credential_and_not_by_us_is_an_alarm_until_it_is_accepted(world: World) -> None:
    reading, connection = await watched(world)
    theirs = their_group(reading)
    await stolen(reading, "DELETE", f"/groups/{theirs}")
    now = await tomorrow(reading, connection)
    assert (now.stage, now.status, now.reason) == (Stage.RUN, "attention", REASON)
    assert "Delete group" in str(now.sentence)
    assert theirs in str(now.sentence)
    # It is told once, and stays.
    now = await tomorrow(reading, now)
    assert now.reason == REASON
    noted = [one async for one in entries(reading.app.database, connection.id) if one.key.startswith("audit/")]
    assert [one.identity for one in noted] == [theirs]
    token = reading.sims.operator_token(role="operator")
    path = f"/api/connections/{connection.id}/findings"
    listed = json.loads((await ask(reading, "GET", path, token=token)).body)["findings"]
    (finding,) = [one for one in listed if one["key"].startswith("audit/")]
    body = {"findings": [finding["key"]], "reason": "The credential was replaced."}
    accepted = await ask(reading, "POST", path, token=token, body=body)
    assert accepted.status < 300, accepted.body
    await reading.work()
    assert (await reading.connection(connection.id)).reason is None


async def test_a_change_of_our_own_group_that_we_never_intended_is_an_alarm(world: World) -> None:
    reading, connection = await watched(world)
    ours = (await holdings_of(reading.app.database, connection.id))["group-incoming"].identity
    assert ours is not None
    (member, *_) = sorted(reading.sims.microsoft.tenants[reading.tenant_id()].members[ours])
    reading.clock.move(timedelta(minutes=30))
    await stolen(reading, "DELETE", f"/groups/{ours}/members/{member}/$ref")
    now = await tomorrow(reading, connection)
    assert now.reason == REASON
    assert "Remove member from group" in str(now.sentence)


async def test_an_entry_that_comes_hours_late_is_found_too(world: World) -> None:
    reading, connection = await watched(world)
    reading.behave(CONTOSO, audit_lag_seconds=3600 * 20)
    reading.clock.move(timedelta(hours=20))
    new = {"displayName": "x", "mailEnabled": False, "mailNickname": "x", "securityEnabled": True}
    await stolen(reading, "POST", "/groups", new)
    await tomorrow(reading, connection)
    assert (await tomorrow(reading, connection)).reason == REASON


async def test_without_the_permission_it_is_said_to_be_blind_and_nothing_fails(world: World) -> None:
    reading, connection = await watched(world, granted=False)
    now = await tomorrow(reading, connection)
    assert (now.status, now.reason) == ("ok", None)
    assert "was not granted" in (await matched(reading, connection))["blind"][0]
    # Nor is a permission asked for that nobody has set.
    assert "is not set" in (await matched(world, connection))["blind"][0]
    names = {one.name for one in world.app.platforms["microsoft365"].permissions}
    assert not names & set(PERMISSIONS)
    assert {one.name for one in reading.app.platforms["microsoft365"].permissions} >= set(PERMISSIONS)
