"""What an administrator grants, and what is done when it is refused, withdrawn or on its way."""

import asyncio
from datetime import timedelta

import pytest

from shared.connections.grants import listed as grants_of
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.connections.tokens import Tokens
from shared.deployment.queues import Job
from shared.flows import consent
from shared.flows.jobs import run
from shared.foundation.errors import Refused
from shared.platforms.google_workspace.tenant import IN_PERSON
from tests.harness import workspace as google
from tests.harness.workspace import ADMIN
from tests.harness.world import HARBOUR, ORCHARD, World


async def refresh(world: World, connection: Connection) -> Connection:
    """The hour's token refresh."""
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    return await world.connection(connection.id)


@pytest.mark.hazard(11)
async def test_one_refresher_at_a_time_and_no_token_is_lost(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    (kept,) = await grants_of(world.app.database, world.app.seal, connection.id)
    world.sims.cloud.calls.clear()
    await asyncio.gather(*(run(world.app, Job(name="refresh", connection_id=connection.id)) for _ in range(3)))
    kept_token = (await stored_token(world, connection))[-12:]
    newest = [text for text, one in world.sims.google.tokens.items() if one.user_id and one.client_id.endswith(".com")]
    assert newest[-1].endswith(kept_token)
    assert [g.secret for g in await grants_of(world.app.database, world.app.seal, connection.id)] == [kept.secret]
    fresh = {"access_token": "ya29.new", "expires_in": 3599, "token_type": "Bearer", "refresh_token": "1//0new"}
    # Both tokens of the connection are asked for at once, in no order.
    world.fault({"host": "oauth2", "path": "/token"}, {"kind": "status", "status": 200, "body": fresh}, times=2)
    await refresh(world, connection)
    assert [g.secret for g in await grants_of(world.app.database, world.app.seal, connection.id)] == ["1//0new"]


async def stored_token(world: World, connection: Connection) -> str:
    """The access token of the administrator's grant, as it is stored."""
    return await Tokens(
        database=world.app.database,
        seal=world.app.seal,
        clock=world.clock,
        connection_id=connection.id,
        resources=(),
        keep=True,
        fetch=lambda _: asyncio.sleep(0),  # type: ignore[arg-type,return-value] # nothing is fetched
    ).get(IN_PERSON)


@pytest.mark.hazard(14)
async def test_an_administrator_of_another_customer_is_refused_and_given_back(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    before = await world.connection(connection.id)
    world.admin("install-app", HARBOUR)
    with pytest.raises(Refused) as refused:
        await google.consent(world, connection, user=f"admin@{HARBOUR}")
    assert (refused.value.status, refused.value.code) == (409, "another_tenant")
    assert await world.connection(connection.id) == before
    customer = world.sims.google.customer(HARBOUR)
    assert customer is not None
    assert customer.grants == {}


@pytest.mark.hazard(14)
async def test_who_is_no_super_administrator_or_leaves_a_box_unticked_is_refused(world: World) -> None:
    connection = await google.create(world, modes=["api"])
    with pytest.raises(Refused, match="consent_incomplete"):
        await google.consent(world, connection, scopes=lambda scope: "directory" not in scope)
    with pytest.raises(Refused, match="consent_declined"):
        await google.consent(world, connection, decision="cancel")
    world.admin("demote-user", ORCHARD, user=ADMIN)
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    with pytest.raises(Refused, match="not_an_administrator"):
        await google.consent(world, connection)
    assert customer.grants == {}
    after = await world.connection(connection.id)
    assert (after.tenant, after.claimed_tenant, after.administrator) == (None, None, None)


@pytest.mark.hazard(14)
async def test_a_callback_is_good_once_and_for_its_own_state_only(world: World) -> None:
    first, second = await google.create(world, modes=["api"]), await google.create(world, modes=["inline"])
    browser = await world.opens(second)
    code = google.decide(await consent.platform_url(world.app, first, await world.opens(first))).params["code"]
    other = google.decide(await consent.platform_url(world.app, second, browser)).params["state"]
    # Another sign-in's code does not fit this one's verifier.
    with pytest.raises(Refused, match="callback_not_valid"):
        await consent.callback(world.app, "google", {"code": code, "state": other}, browser)
    with pytest.raises(Refused, match="consent_over"):
        await consent.callback(world.app, "google", {"code": code, "state": other}, browser)


@pytest.mark.hazard(15)
async def test_a_withdrawn_grant_is_believed_on_the_second_refusal_and_got_over(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await google.connect(world, modes=["api"])
    world.admin("revoke-grant", ORCHARD, user=ADMIN)
    doubtful = await refresh(world, connection)
    assert (doubtful.status, doubtful.reason) == (Status.WAITING, "grant_doubtful")
    told = await world.until_true(connection, lambda now: now.status is Status.ATTENTION)
    reasons = [vars(one)["reason"] for one in caplog.records if "reason" in vars(one)]
    assert (reasons, told.reason) == (["grant_doubtful", "consent_missing"], "consent_missing")
    assert "A super administrator must open the invitation again" in str(told.sentence)
    await google.consent(world, told)
    assert (await world.until_true(told, lambda now: now.status is Status.OK)).stage is Stage.RUN


@pytest.mark.hazard(15)
async def test_a_failure_in_between_does_not_set_the_second_refusal_back(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    world.admin("revoke-grant", ORCHARD, user=ADMIN)
    assert (await refresh(world, connection)).reason == "grant_doubtful"
    world.clock.move(timedelta(minutes=6))
    world.fault({"host": "oauth2", "path": "/token"}, {"kind": "status", "status": 500}, times=20)
    assert (await refresh(world, connection)).reason == "platform_unavailable"
    world.control("DELETE", "/faults")
    world.clock.move(timedelta(minutes=6))
    assert (await refresh(world, connection)).reason == "consent_missing"


@pytest.mark.hazard(15)
async def test_a_refusal_long_after_one_that_was_got_over_is_a_first_one(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    gone = {"kind": "status", "status": 400, "body": {"error": "invalid_grant", "error_description": "Bad Request"}}
    world.fault({"host": "oauth2", "path": "/token"}, gone)
    doubtful = await refresh(world, connection)
    assert (doubtful.reason, len(doubtful.clocks)) == ("grant_doubtful", 1)
    world.clock.move(timedelta(minutes=11))
    assert (await refresh(world, connection)).clocks == {}


@pytest.mark.hazard(15)
async def test_a_delegation_taken_away_is_told_and_got_over(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    world.admin("remove-delegation", ORCHARD)
    await world.pass_time(timedelta(minutes=61))
    told = await refresh(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "consent_missing")
    world.admin("authorise-delegation", ORCHARD)
    await world.pass_time(timedelta(hours=2))
    await world.tick()
    assert (await world.until_true(told, lambda now: now.status is Status.OK)).stage is Stage.RUN


@pytest.mark.hazard(28)
async def test_a_delegation_on_its_way_is_waited_for_with_its_reason(world: World) -> None:
    world.behave(ORCHARD, delegation_lag_seconds=7200)
    connection = await google.create(world)
    await google.consent(world, connection)
    await world.work()
    waiting = await world.connection(connection.id)
    assert (waiting.status, waiting.reason) == (Status.WAITING, "delegation_not_effective")
    world.admin("install-app", ORCHARD)
    world.sims.cloud.calls.clear()
    await world.until(connection, Stage.RUN)
    assert len([call for call in world.sims.cloud.calls if call.path == "/token" and call.status == 401]) < 40
