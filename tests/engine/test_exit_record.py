"""What the exit certificate says of what was not seen, not made, not ours, or asked for; and of which life it tells."""

import json
from datetime import timedelta

import pytest

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.flows import grant
from shared.flows.closing import CONSENT_GRACE, RESCAN
from shared.flows.jobs import run
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.leftovers import exit_record
from tests.harness.world import ORCHARD, World

ALWAYS = 100_000
RANGE = "ip-allow/198.51.100.32/29"
BEFORE_US = "ip-allow/203.0.113.16/28"
OPERATOR = "operator@msp.example"


async def waiting_for_administrator(world: World) -> Connection:
    """A connection of which all is gone but the application."""
    connection = await world.connect()
    await world.revoke(connection)
    return await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")


async def test_what_could_not_be_looked_at_is_named_and_never_clean(world: World) -> None:
    connection = await waiting_for_administrator(world)
    assert (await exit_record(world, connection))["could_not_check"] == []
    world.fault({"cmdlet": "Get-TenantAllowBlockListSpoofItems"}, {"kind": "status", "status": 500}, times=ALWAYS)
    world.clock.move(RESCAN)
    await run(world.app, Job(name="advance", connection_id=connection.id))
    record = await exit_record(world, connection)
    assert record["result"] == "degraded"
    # Neither what we made nor what bears our name can be seen in that list.
    assert [one["key"] for one in record["could_not_check"]] == ["spoof", "spoof-pairs"]
    assert [one["found"] for one in record["looked"] if one["key"] == "spoof"] == ["could not be checked"]
    # Our way in goes with the application, so nobody can look any more.
    world.admin("remove-application")
    await world.until(connection, Stage.CLOSED)
    assert (await exit_record(world, connection))["result"] == "degraded"


async def test_what_was_there_before_us_is_neither_residue_nor_made_by_us(world: World) -> None:
    closed = await world.leave(await world.connect())
    record = await exit_record(world, closed)
    assert (record["result"], record["residue"], record["could_not_check"]) == ("clean", [], [])
    assert record["yours_before_us"] == [BEFORE_US]
    assert BEFORE_US not in [one["key"] for one in record["changes"]]


async def test_what_was_only_tried_is_not_said_to_be_made_or_removed(world: World) -> None:
    refused = {"kind": "status", "status": 403}
    world.fault({"cmdlet": "Set-HostedConnectionFilterPolicy"}, refused, times=ALWAYS)
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    await world.work()
    tried = [one.state async for one in entries(world.app.database, connection.id) if one.key == RANGE]
    assert "failed" in tried
    await world.leave(connection)
    record = await exit_record(world, connection)
    assert record["result"] == "clean"
    assert RANGE not in [one["key"] for one in record["changes"]]
    assert record["counts"]["created"] == record["counts"]["removed"] == len(record["changes"])
    assert all(one["made_at"] and one["removed_at"] for one in record["changes"])


async def test_when_it_was_made_and_removed_is_when_that_was_seen(world: World) -> None:
    closed = await world.leave(await world.connect())
    ledger = [one async for one in entries(world.app.database, closed.id) if one.state == "done"]
    for change in (await exit_record(world, closed))["changes"]:
        made = [one.at.isoformat() for one in ledger if (one.key, one.act) == (change["key"], "create")]
        removed = [one.at.isoformat() for one in ledger if (one.key, one.act) == (change["key"], "remove")]
        if made:
            assert change["made_at"] == made[-1]
        if removed:
            assert change["removed_at"] == removed[-1]


async def test_what_is_removed_on_request_is_looked_for_and_what_stays_is_not(world: World) -> None:
    asked = await google.leave(world, await google.connect(world, modes=["inline"]))
    assert "group" in [one["key"] for one in (await exit_record(world, asked))["looked"]]


async def test_what_stays_as_published_is_not_looked_for(world: World) -> None:
    kept = await google.leave(world, await google.connect(world, modes=["inline"]), group=False)
    assert "group" not in [one["key"] for one in (await exit_record(world, kept))["looked"]]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_what_stays_as_published_is_known_to_be_there(world: World, kind: str) -> None:
    connection = await google.create(world, modes=["inline"])
    world.admin("install-app", ORCHARD)
    world.fault({"host": "admin", "method": "POST", "path": "/groups$"}, {"kind": kind}, times=1)
    await google.consent(world, connection)
    await world.work()
    record = await exit_record(world, await google.leave(world, connection, group=False))
    stands = [one["id"] for one in google.state(world)["groups"] if str(one["email"]).startswith("tmcas-inline-")]
    assert [one["identity"] for one in record["kept_as_published"]] == stands
    assert len(stands) == (kind == "drop_after")
    assert ("group" in [one["key"] for one in record["could_not_check"]]) == (not stands)
    assert record["result"] == ("clean" if stands else "degraded")


async def test_a_connection_that_lives_again_has_no_certificate_until_it_ends_again(world: World) -> None:
    closed = await world.leave(await world.connect())
    path, token = f"/api/connections/{closed.id}/certificate", world.sims.operator_token()
    assert (await ask(world, "GET", path, token=token)).status == 200
    await grant.connect_again(world.app, closed, OPERATOR)
    answer = await ask(world, "GET", path, token=token)
    assert answer.status == 404, answer.body
    assert json.loads(answer.body)["code"]


async def test_the_day_of_grace_begins_when_the_consent_goes(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.stage is Stage.CLEANUP)
    # The service stands still for more than a day, and the application goes before it has removed the rest.
    world.admin("remove-application")
    world.clock.move(CONSENT_GRACE + timedelta(hours=2))
    waiting = await world.connection(connection.id)
    assert waiting.reason_since is not None
    assert waiting.reason_since < world.clock.now() - CONSENT_GRACE
    lost = world.clock.now()
    await world.tick()
    told = await world.connection(connection.id)
    assert (told.stage, told.reason) == (Stage.CLEANUP, "consent_missing")
    await world.pass_time(CONSENT_GRACE - timedelta(hours=1))
    assert (await world.connection(connection.id)).stage is Stage.CLEANUP
    closed = await world.until(connection, Stage.CLOSED, limit=timedelta(hours=4))
    assert closed.stage_since >= lost + CONSENT_GRACE
    named = {one["key"]: one["why"] for one in (await exit_record(world, closed))["could_not_check"]}
    assert named["transport-rules"] == named["groups"] == "our access ended before they were searched for our mark"


async def test_a_failure_in_between_does_not_lengthen_the_day_of_grace(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    await world.until_true(connection, lambda now: now.stage is Stage.CLEANUP)
    world.admin("remove-application")
    run_now = Job(name="advance", connection_id=connection.id)
    world.clock.move(CONSENT_GRACE + timedelta(hours=2))
    await run(world.app, run_now)
    assert (await world.connection(connection.id)).reason == "consent_missing"
    world.clock.move(CONSENT_GRACE - timedelta(minutes=10))
    world.fault({"host": "login"}, {"kind": "status", "status": 503}, times=20)
    await run(world.app, run_now)
    assert (await world.connection(connection.id)).reason == "platform_unavailable"
    world.control("DELETE", "/faults")
    world.clock.move(timedelta(minutes=20))
    await run(world.app, run_now)
    assert (await world.connection(connection.id)).stage is Stage.CLOSED


async def test_a_last_look_is_taken_after_the_removal_of_the_application_was_asked_for(world: World) -> None:
    connection = await waiting_for_administrator(world)
    first = await exit_record(world, connection)
    world.clock.move(RESCAN)
    await run(world.app, Job(name="advance", connection_id=connection.id))
    again = await exit_record(world, connection)
    assert min(one["at"] for one in again["looked"]) > max(one["at"] for one in first["looked"])
