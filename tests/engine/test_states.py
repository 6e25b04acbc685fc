"""Hazards of state: what others do to our objects, what time does, and what is lost or doubled on the way."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared.connections.lease import LEASE, acquire
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.flows import consent
from shared.flows.jobs import MAX_BEGUN_RUNS, run
from shared.foundation.errors import Refused
from shared.platforms.microsoft365.catalogue import JUNK, SKIP
from shared.protection.policies import EVERYONE, Policy, put
from shared.storage import tables as db
from tests.harness.orders import order
from tests.harness.world import FABRIKAM, World, accepted

DOMAIN_RULE = "TMCAS Inline Incoming Domain Transport Rule"


def state(world: World) -> dict[str, Any]:
    """The tenant's whole state."""
    found: dict[str, Any] = json.loads(world.snapshot())
    return found


def rule(world: World, name: str) -> dict[str, Any]:
    """One transport rule by its name."""
    return next(one for one in state(world)["transportRules"] if one["Name"] == name)


async def look(world: World, connection: Connection, job: str = "advance") -> Connection:
    """Run one job to its end and return the connection as it is then."""
    await run(world.app, Job(name=job, connection_id=connection.id))
    return await world.connection(connection.id)


@pytest.mark.hazard(4)
async def test_renumbering_alone_is_no_drift(world: World) -> None:
    connection = await world.connect()
    world.cmdlet("New-TransportRule", Name="House rule", FromScope="InOrganization", PrependSubject="x", Priority=0)
    assert (await look(world, connection)).status is Status.OK


@pytest.mark.hazard(5)
async def test_a_customers_edit_is_recorded_and_left(world: World) -> None:
    connection = await world.connect()
    ours = rule(world, DOMAIN_RULE)
    world.cmdlet("Set-TransportRule", Identity=ours["Guid"], RecipientDomainIs=["sub.contoso.com"])
    edited = world.snapshot()
    told = await look(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    assert "bypasses the scanner" in str(told.sentence)
    assert world.snapshot() == edited
    drifts = [e async for e in entries(world.app.database, connection.id) if e.act == "drift"]
    after = drifts[-1].after
    assert (after["RecipientDomainIs"], after["effect"]) == (["sub.contoso.com"], ["unscanned"])
    await look(world, connection)
    again = [e async for e in entries(world.app.database, connection.id) if e.act == "drift"]
    assert len(again) == len(drifts)  # told once


@pytest.mark.hazard(5)
async def test_a_customers_edit_is_repaired_where_asked_for(world: World) -> None:
    connection = await world.connect(repair_drift=True)
    ours, before = rule(world, DOMAIN_RULE), world.snapshot()
    world.cmdlet(
        "Set-TransportRule",
        Identity=ours["Guid"],
        RecipientDomainIs=["sub.contoso.com"],
        ExceptIfFromScope="InOrganization",
    )
    assert world.snapshot() != before
    assert (await look(world, connection)).status is Status.OK
    assert world.snapshot() == before


@pytest.mark.hazard(6)
async def test_a_deleted_group_is_noticed_as_unscanned_mail(world: World) -> None:
    users = [one["id"] for one in state(world)["users"] if one.get("mail") and one["userType"] == "Member"][:2]
    connection = await world.connect(policies=[Policy(name="two", users=users)])
    await world.pass_time(timedelta(minutes=10))  # until then it might just not be listed yet
    group = next(g for g in state(world)["groups"] if g["mailNickname"].startswith("tmcas-inline-incoming"))
    world.graph("DELETE", f"/groups/{group['id']}")
    told = await look(world, connection, "sync-now")
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    assert "bypasses the scanner" in str(told.sentence)


@pytest.mark.hazard(7)
async def test_what_was_there_before_us_stays(world: World) -> None:
    pair = {"SpoofedUser": "*", "SendingInfrastructure": "outbound.example.net", "SpoofType": "External"}
    world.cmdlet("New-TenantAllowBlockListSpoofItems", Identity="Default", Action="Allow", **pair)
    before = world.snapshot()
    connection = await world.connect()
    marks = await world.marks(connection)
    assert (marks["spoof"], marks["ip-allow/203.0.113.16/28"]) == ("borrowed", "borrowed")
    await world.leave(connection)
    assert world.snapshot() == before


@pytest.mark.hazard(10)
async def test_what_serves_goes_after_what_it_serves(world: World) -> None:
    connection = await world.connect()
    await world.leave(connection)
    moment = {
        e.key: e.at async for e in entries(world.app.database, connection.id) if e.act == "remove" and e.state == "done"
    }
    for connector, served in (
        ("outbound-incoming", "rule-incoming-domain"),
        ("outbound-outgoing", "rule-outgoing-domain"),
    ):
        assert moment[connector] - moment[served] >= timedelta(minutes=30)
    last = max(moment["rule-incoming-domain"], moment["rule-outgoing-domain"])
    for key in ("inbound-incoming", "inbound-outgoing", JUNK, SKIP, "spoof", "ip-allow/198.51.100.32/29"):
        assert moment[key] - last >= timedelta(hours=24)


@pytest.mark.hazard(13)
@pytest.mark.parametrize("error", [None, "syncStateNotFound"])
async def test_an_old_delta_token_means_a_whole_resync(world: World, error: str | None) -> None:
    connection = await world.connect()
    async with world.app.database.write() as write:  # somebody whose removal was told with a token that is lost
        stale = {"id": "left-long-ago", "enabled": True, "mark": "old", "connection": connection.id}
        await write.execute(sa.insert(db.users).values(stale))
    world.clock.move(timedelta(days=8))
    if error:
        world.behave(delta_error=error)
    synced = await look(world, connection, "sync-now")
    assert synced.status is Status.OK
    async with world.app.database.read() as read:
        held = set((await read.execute(sa.select(db.users.c.id))).scalars())
    assert held == {one["id"] for one in state(world)["users"]}


@pytest.mark.hazard(14)
async def test_the_consent_of_another_tenant_is_refused(world: World) -> None:
    connection = await world.connect()
    before = await world.connection(connection.id)
    with pytest.raises(Refused) as refused:
        await world.consent(connection, FABRIKAM)
    assert (refused.value.status, refused.value.code) == (409, "another_tenant")
    assert await world.connection(connection.id) == before


@pytest.mark.hazard(15)
async def test_a_withdrawn_consent_is_told_and_got_over(world: World) -> None:
    connection = await world.connect()
    await world.tick()
    world.admin("remove-application")
    await world.pass_time(timedelta(minutes=61))
    await world.tick()
    told = await world.connection(connection.id)
    assert (told.status, told.reason) == (Status.ATTENTION, "consent_missing")
    world.admin("consent")
    world.admin("assign-role")
    for _ in range(26):
        await world.pass_time(timedelta(hours=1))
        await world.tick()
    assert (await world.connection(connection.id)).status is Status.OK


@pytest.mark.hazard(16)
async def test_two_jobs_do_not_act_at_once(world: World) -> None:
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    await asyncio.gather(*(run(world.app, Job(name="advance", connection_id=connection.id)) for _ in range(3)))
    made = [call for call in world.sims.cloud.calls if call.cmdlet == "New-InboundConnector"]
    assert len(made) == 2  # one of each kind
    await world.until(connection, Stage.RUN)


@pytest.mark.hazard(19)
@pytest.mark.parametrize("kind", ["empty_listing", "half_listing"])
async def test_a_directory_that_answers_less_loses_nothing(world: World, kind: str) -> None:
    connection = await world.connect()
    async with world.app.database.write() as write:
        await write.execute(sa.delete(db.checkpoints))  # so that the whole directory is read
    before = await copy(world)
    world.fault({"host": "graph", "path": "^/v1.0/users$"}, {"kind": kind}, times=50)
    told = await look(world, connection, "sync-now")
    assert (told.status, told.reason) == (Status.ATTENTION, "implausible_loss")
    assert await copy(world) == before
    await order(world, connection, "sync-accepting-loss")
    accepted = await world.connection(connection.id)
    assert (accepted.reason == "implausible_loss") is (kind == "empty_listing")


async def copy(world: World) -> set[str]:
    """The users of our copy."""
    async with world.app.database.read() as read:
        return set((await read.execute(sa.select(db.users.c.id))).scalars())


@pytest.mark.hazard(20)
async def test_a_user_who_is_gone_is_skipped(world: World) -> None:
    users = [one["id"] for one in state(world)["users"] if one.get("mail") and one["userType"] == "Member"][:3]
    connection = await world.connect()
    async with world.app.database.write() as write:
        await put(write, connection.id, Policy(name="three", users=users))
    # Gone since the directory was read, so that the batch is told of nobody there.
    world.fault(
        {"host": "graph", "path": r"members/\$ref$"},
        {"kind": "status", "status": 404, "body": {"error": {"code": "Request_ResourceNotFound", "message": "gone"}}},
    )
    assert (await look(world, connection)).status is Status.OK
    group = next(g for g in state(world)["groups"] if g["mailNickname"].startswith("tmcas-inline-incoming"))
    assert len(group["members"]) == 2


@pytest.mark.hazard(21)
async def test_a_rule_without_a_condition_is_never_sent(world: World) -> None:
    connection = await world.connect()
    async with world.app.database.write() as write:
        await put(write, connection.id, EVERYONE.model_copy(update={"everyone": False}))
    await look(world, connection)
    assert not [one for one in state(world)["transportRules"] if one["Name"] == DOMAIN_RULE]


@pytest.mark.hazard(22)
async def test_trust_needs_the_connections_own_secret(world: World) -> None:
    await world.connect()
    await world.connect(FABRIKAM)
    secrets = set()
    for tenant in world.sims.microsoft.tenants.values():
        trusting = [
            one
            for one in tenant.snapshot()["transportRules"]
            if one.get("SetSCL") is not None and one["Name"].startswith("TMCAS")
        ]
        assert len(trusting) == 2
        for one in trusting:
            assert one["SenderIpRanges"]
            assert one["RemoveHeader"] == one["HeaderContainsMessageHeader"]
            (word,) = one["HeaderContainsWords"]
            assert len(word) == 32
            secrets.add(word)
    assert len(secrets) == 2


@pytest.mark.hazard(26)
async def test_lost_doubled_and_poisoned_messages(world: World) -> None:
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    async with world.app.database.write() as write:
        await write.execute(sa.delete(db.jobs))
    running = await world.until(connection, Stage.RUN)
    before = world.snapshot()
    await asyncio.gather(*(run(world.app, Job(name="sync-now", connection_id=running.id)) for _ in range(2)))
    assert world.snapshot() == before
    for _ in range(MAX_BEGUN_RUNS):  # each dies and says nothing
        assert await acquire(world.app.database, running.id, world.clock.now()) is not None
        world.clock.move(LEASE)
    await run(world.app, Job(name="advance", connection_id=running.id))
    told = await world.connection(running.id)
    assert (told.status, told.reason) == (Status.ATTENTION, "poisoned")
    await run(world.app, Job(name="advance", connection_id=running.id))
    assert (await world.connection(running.id)).status is Status.OK


@pytest.mark.hazard(28)
async def test_prerequisites_are_waited_for_with_their_reason(world: World) -> None:
    world.behave(dehydrated=True, group_visible_in_exchange_seconds=600)
    connection = await world.create()
    await world.consent(connection)
    await world.work()
    waiting = await world.connection(connection.id)
    assert (waiting.status, waiting.reason) == (Status.WAITING, "exchange_role_missing")
    world.sims.cloud.calls.clear()
    await world.pass_time(timedelta(hours=3))
    assert len(world.sims.cloud.calls) < 120
    world.admin("assign-role")
    told = await world.until_true(connection, lambda now: now.reason == "organisation_dehydrated")
    assert told.stage is Stage.GRANT
    await world.until(connection, Stage.RUN)


async def test_a_state_is_ours_and_used_once(world: World) -> None:
    connection = await world.create()
    browser = await world.opens(connection)
    onward = await world.sign_in(connection, world.administrator(), browser)
    query = dict((await accepted(onward, "")).params)
    await consent.callback(world.app, "microsoft365", query, browser)
    before = await world.connection(connection.id)
    for again in (query, {**query, "state": "forged"}):
        with pytest.raises(Refused, match="consent_over") as refused:
            await consent.callback(world.app, "microsoft365", again, browser)
        assert refused.value.status == 410
    assert await world.connection(connection.id) == before
