"""Why a connection to Microsoft 365 waits or requires action: the reason, the sentence, and what stands meanwhile."""

from typing import Any

import jwt
import pytest

from infra.local.simulators.wire import Call
from shared.connections.choices import Way
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.flows import findings
from shared.flows.jobs import run
from shared.flows.sync import LONG_SYNC
from shared.foundation.brand import PUBLISHED
from shared.platforms.microsoft365 import limits
from tests.harness.orders import order
from tests.harness.world import World

ANOTHER_TENANT = "0f0c1d9b-e7a8-4c0f-9a3b-e1f0c2d4a6b8"
OUR_RULE = PUBLISHED.rule_incoming_domain


async def consented(world: World) -> Connection:
    """A connection that is being set up."""
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    return await world.connection(connection.id)


async def accepted(world: World, connection: Connection) -> Connection:
    """Somebody has accepted all that was found before the first write; what a person is needed for next."""
    now = await world.until_true(connection, lambda one: one.reason == "preflight")
    keys = [one.key for one in await findings.listed(world.app, now)]
    await findings.choose(world.app, now, keys, way=Way.ACCEPT, reason="x", until=None, actor="olga@msp.example")
    return await world.until_true(now, lambda one: one.status is Status.ATTENTION and one.reason != "preflight")


def names(world: World, cmdlet: str) -> list[str]:
    """What is in one of the tenant's listings."""
    return [str(one["Name"]) for one in world.cmdlet(cmdlet)["value"]]


def says(now: Connection, status: Status, reason: str, sentence: str) -> None:
    """Fail unless a connection shows this."""
    assert (now.status, now.reason) == (status, reason), now.sentence
    assert str(now.sentence).startswith(sentence), now.sentence


async def test_a_consent_is_used_before_it_counts(world: World) -> None:
    connection = await world.create()
    await world.consent(connection)
    now = await world.connection(connection.id)
    says(now, Status.WAITING, "consent_not_proven", "Consent received. Verifying access…")
    assert (now.stage, now.tenant, now.claimed_tenant) == (Stage.NEW, None, world.tenant_id())
    assert (await world.until(connection, Stage.GRANT)).tenant == world.tenant_id()


async def test_a_consent_that_reads_another_tenant_binds_nothing(world: World) -> None:
    connection = await world.create()
    await world.consent(connection)
    before = world.snapshot()
    theirs = jwt.encode({"tid": ANOTHER_TENANT, "roles": []}, "k" * 32, algorithm="HS256")
    token = {"token_type": "Bearer", "expires_in": 3599, "access_token": theirs}
    world.fault({"host": "login", "path": "/token$"}, {"kind": "status", "status": 200, "body": token})
    await world.work()
    now = await world.connection(connection.id)
    says(now, Status.ATTENTION, "wrong_tenant", "The consent belongs to another tenant than the callback said.")
    assert (now.stage, now.tenant, world.snapshot()) == (Stage.NEW, None, before)


@pytest.mark.parametrize(
    ("knobs", "reason", "sentence"),
    [
        ({"group_visible_in_exchange_seconds": 120}, "group_not_visible", "Exchange does not list TMCAS"),
        ({"group_visible_in_graph_seconds": 120}, "not_visible_yet", "The platform accepted"),
    ],
)
async def test_a_new_group_is_waited_for_and_no_rule_names_it_meanwhile(
    world: World, knobs: dict[str, Any], reason: str, sentence: str
) -> None:
    world.behave(**knobs)
    before = names(world, "Get-TransportRule")
    connection = await consented(world)
    now = await world.until_true(connection, lambda one: one.reason == reason)
    says(now, Status.WAITING, reason, sentence)
    routing = [one for one in world.cmdlet("Get-TransportRule")["value"] if one["Name"] not in before]
    assert not [one for one in routing if one["SentToMemberOf"] or one["FromMemberOf"]]
    await world.until(connection, Stage.RUN)


async def test_another_object_under_our_name_is_not_touched(world: World) -> None:
    name = PUBLISHED.inbound_incoming
    theirs = {"ConnectorType": "Partner", "SenderDomains": ["partner.example"], "RequireTls": True}
    world.cmdlet("New-InboundConnector", Name=name, Comment="ours since 2019", **theirs)
    before = world.cmdlet("Get-InboundConnector")["value"]
    connection = await consented(world)
    now = await accepted(world, connection)
    says(now, Status.ATTENTION, "name_taken", f"The tenant has an object named “{name}” that we did not make.")
    after = {one["Guid"]: one for one in world.cmdlet("Get-InboundConnector")["value"]}
    assert after[before[-1]["Guid"]] == before[-1]
    world.cmdlet("Remove-InboundConnector", Identity=name, Confirm=False)
    await world.until(connection, Stage.RUN)


async def test_a_full_list_that_was_accepted_is_not_written_to(world: World) -> None:
    full = [f"10.{n // 250}.{n % 250}.1" for n in range(limits.MAX_ADDRESSES)]
    world.cmdlet("Set-HostedConnectionFilterPolicy", Identity="Default", IPAllowList=full)
    now = await accepted(world, await consented(world))
    says(now, Status.ATTENTION, "no_room", f"The tenant has {limits.MAX_ADDRESSES} ")
    assert world.cmdlet("Get-HostedConnectionFilterPolicy")["value"][0]["IPAllowList"] == full


async def test_who_undoes_each_repair_is_not_fought_for_ever(world: World) -> None:
    connection = await world.connect(repair_drift=True)
    await world.work()
    state = {"set": False, "times": 0}
    world.cmdlet("Disable-TransportRule", Identity=OUR_RULE, Confirm=False)

    def undo(call: Call) -> None:
        # After the repair was read back, not between.
        if call.cmdlet == "Enable-TransportRule":
            state["set"] = True
        elif call.cmdlet == "Get-TransportRule" and state["set"]:
            tenant = world.sims.microsoft.tenants[world.tenant_id()]
            next(one for one in tenant.rules if one["Name"] == OUR_RULE)["State"] = "Disabled"
            state.update(set=False, times=state["times"] + 1)

    world.sims.cloud.on_request = undo
    await run(world.app, Job(name="advance", connection_id=connection.id))
    world.sims.cloud.on_request = None
    now = await world.connection(connection.id)
    says(now, Status.WAITING, "not_settling", "The tenant keeps changing during the setup.")
    assert 10 < state["times"] < 100
    await world.until_true(connection, lambda one: one.status is Status.OK)


async def test_a_removal_that_left_the_object_there_is_not_taken_for_one(world: World) -> None:
    connection = await world.connect()
    before = names(world, "Get-TransportRule")
    world.fault({"cmdlet": "Remove-TransportRule"}, {"kind": "status", "status": 200, "body": {"value": []}})
    await world.revoke(connection)
    await world.work()
    noted = [
        str(one.note) async for one in entries(world.app.database, connection.id) if "still_there" in str(one.note)
    ]
    (left,) = [name for name in before if any(f"{name} was removed but is still listed." in one for one in noted)]
    assert left in names(world, "Get-TransportRule")
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    assert left not in names(world, "Get-TransportRule")


async def test_a_long_reading_of_the_directory_leaves_the_check_to_the_next_run(world: World) -> None:
    connection = await world.connect()
    await world.work()
    began = world.clock.now()

    def slow(call: Call) -> None:
        if call.path.endswith("/domains"):
            world.clock.move(LONG_SYNC)

    world.sims.cloud.on_request = slow
    await order(world, connection, "sync-now")
    world.sims.cloud.on_request = None
    now = await world.connection(connection.id)
    says(now, Status.WAITING, "directory_read", "The directory is read. The tenant is checked next.")
    assert now.synced_at is not None
    assert now.synced_at > began
    await world.until_true(connection, lambda one: one.status is Status.OK)


async def test_a_certificate_that_sign_in_does_not_know_yet_is_waited_for(world: World) -> None:
    connection = await world.connect()
    body = {"error": "invalid_client", "error_description": "AADSTS700027: words", "error_codes": [700027]}
    world.fault({"host": "login", "path": "/token$"}, {"kind": "status", "status": 401, "body": body}, times=9)
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    now = await world.connection(connection.id)
    says(now, Status.WAITING, "our_credential_not_known_yet", "Microsoft does not know our certificate yet.")
    world.control("DELETE", "/faults")
    await world.until_true(connection, lambda one: one.status is Status.OK)
