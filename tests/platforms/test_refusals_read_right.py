"""What platforms refuse is read for what it is: told to a person at once, waited for, or begun again; and it lasts."""

from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows.jobs import run
from shared.protection import directory
from tests.harness import workspace as google
from tests.harness.world import World

SIGN_IN = {"host": "login", "path": "/token$"}


def no_token(code: int, error: str = "invalid_request") -> dict[str, Any]:
    body = {"error": error, "error_description": f"AADSTS{code}: words", "error_codes": [code]}
    return {"kind": "status", "status": 400, "body": body}


@pytest.mark.parametrize("code", [500014, 50001, 530032, 530034, 700011, 90038, 90094])
async def test_what_needs_a_person_is_told_at_once_and_recovers(world: World, code: int) -> None:
    connection = await world.connect()
    world.fault(SIGN_IN, no_token(code), times=9)
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    told = await world.connection(connection.id)
    assert told.status is Status.ATTENTION
    assert f"AADSTS{code}" in str(told.sentence)
    world.control("DELETE", "/faults")
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    await world.work()
    assert (await world.connection(connection.id)).status is Status.OK


async def test_a_consent_that_sign_in_has_not_heard_of_goes_on_within_two_minutes(world: World) -> None:
    world.behave(consent_lag_seconds=20)
    connection = await world.create()
    await world.consent(connection)
    began = world.clock.now()
    await world.work()
    waiting = await world.connection(connection.id)
    assert (waiting.status, waiting.reason) == (Status.WAITING, "consent_not_effective")
    await world.until(connection, Stage.GRANT)
    assert world.clock.now() - began < timedelta(minutes=2)


async def test_a_consent_that_is_given_anew_later_on_goes_on_within_two_minutes_too(world: World) -> None:
    connection = await world.connect()
    world.fault(SIGN_IN, no_token(700016, "unauthorized_client"), times=9)
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    assert (await world.connection(connection.id)).reason == "consent_missing"
    world.control("DELETE", "/faults")
    await world.consent(connection)
    world.fault(SIGN_IN, no_token(700016, "unauthorized_client"), times=2)
    began = world.clock.now()
    await world.work()
    waiting = await world.connection(connection.id)
    assert (waiting.status, waiting.reason) == (Status.WAITING, "consent_not_effective")
    await world.until_true(connection, lambda now: now.status is Status.OK)
    assert world.clock.now() - began < timedelta(minutes=2)


@pytest.mark.parametrize(
    ("status", "code"), [(423, "resourceLocked"), (424, "x"), (409, "Directory_ConcurrencyViolation")]
)
async def test_not_now_is_waited_for_some_minutes_and_no_persons_matter(world: World, status: int, code: str) -> None:
    connection = await world.connect()
    body = {"error": {"code": code, "message": "Not now."}}
    world.fault({"host": "graph", "path": "/users/delta$"}, {"kind": "status", "status": status, "body": body}, times=3)
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    now = await world.connection(connection.id)
    assert (now.status, now.reason) == (Status.WAITING, "platform_unavailable"), now.sentence
    began = world.clock.now()
    await world.until_true(connection, lambda one: one.status is Status.OK)
    assert world.clock.now() - began < timedelta(minutes=5)


async def test_a_consent_that_was_not_given_is_told_after_a_quarter_of_an_hour(world: World) -> None:
    world.behave(consent_lag_seconds=10**6)
    connection = await world.create()
    await world.consent(connection)
    began = world.clock.now()
    told = await world.until_true(connection, lambda now: now.status is Status.ATTENTION)
    assert told.reason == "consent_missing"
    assert world.clock.now() - began < timedelta(minutes=20)


@pytest.mark.hazard(42)
async def test_a_wait_without_end_calls_a_person_after_a_day_and_keeps_calling(world: World) -> None:
    connection = await world.connect()
    began = world.clock.now()
    world.fault(SIGN_IN, no_token(999999), times=100_000)
    seen = []
    for _ in range(60):
        await world.pass_time(timedelta(hours=1))
        await world.tick()
        now = await world.connection(connection.id)
        seen.append(now.status)
    first = seen.index(Status.ATTENTION)
    assert 24 <= first <= 27
    assert set(seen[first:]) == {Status.ATTENTION}
    assert now.reason_since is not None
    assert now.reason_since < began + timedelta(hours=3)


async def test_reasons_that_take_turns_are_one_wait_with_one_age(world: World) -> None:
    connection = await world.connect()
    began = world.clock.now()
    closed = {"kind": "status", "status": 503, "body": {"error": {"code": "UnknownError", "message": "Not now."}}}
    reasons, told = set(), connection
    for turn in range(6):
        if turn % 2:
            world.fault(SIGN_IN, no_token(999999), times=9)
            await run(world.app, Job(name="refresh", connection_id=connection.id))
        else:
            world.fault({"host": "graph"}, closed, times=99)
            await run(world.app, Job(name="sync-now", connection_id=connection.id))
        world.control("DELETE", "/faults")
        told = await world.connection(connection.id)
        assert told.waiting_since is not None
        assert told.waiting_since - began < timedelta(minutes=5)
        assert told.status is (Status.ATTENTION if turn > 2 else Status.WAITING)
        reasons.add(told.reason)
        world.clock.move(timedelta(hours=10))
    assert len(reasons) == 2
    assert f"No run has come to its end since {told.waiting_since:%Y-%m-%d %H:%M} UTC." in str(told.sentence)
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    told = await world.connection(connection.id)
    assert (told.status, told.waiting_since) == (Status.OK, None)


async def test_a_listing_whose_pages_expire_is_begun_again_once(world: World) -> None:
    connection = await world.connect()
    held = await directory.count(world.app.database, connection.id)
    expired = {"error": {"code": "Directory_ExpiredPageToken", "message": "The specified page token is expired."}}
    fault = {"kind": "status", "status": 400, "body": expired}
    world.fault({"host": "graph", "path": "/(users|groups)/delta$"}, fault, times=2)
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    now = await world.connection(connection.id)
    assert now.status is not Status.ATTENTION, now.sentence
    await world.until_true(connection, lambda one: one.status is Status.OK, limit=timedelta(hours=1))
    assert await directory.count(world.app.database, connection.id) == held


@pytest.mark.parametrize(
    ("reason", "code"),
    [("SERVICE_DISABLED", "api_not_enabled"), ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "permission_missing")],
)
async def test_a_reason_among_the_details_is_read(world: World, reason: str, code: str) -> None:
    connection = await google.connect(world, modes=["inline"])
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    error = {"code": 403, "message": "Words.", "status": "PERMISSION_DENIED", "details": [info]}
    fault = {"kind": "status", "status": 403, "body": {"error": error}}
    world.fault({"host": "cloudidentity"}, fault, times=9)
    assert (await google.look(world, connection)).reason == code
    world.control("DELETE", "/faults")
    assert (await google.look(world, connection)).status is Status.OK
