"""Our group in the customer's directory: its members, its rule, and what others do to both."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.engine.ledger import holdings_of
from shared.flows.jobs import run
from shared.protection.directory import count
from shared.protection.policies import Policy
from tests.harness import workspace as google
from tests.harness.workspace import customer_members, group_of
from tests.harness.world import ORCHARD, World

FAULTS = ["nul403", "empty403", "html", "truncated_json", "status", "drop_before"]
READS = ["groups/[^/]+$", "members$", "/users$", "/v1/policies$", "/groups/v1/", "customerLicense"]


@pytest.mark.hazard(1)
@pytest.mark.parametrize("kind", FAULTS)
async def test_a_failed_read_is_not_absent(world: World, kind: str) -> None:
    connection = await google.connect(world, policies=[Policy(name="few", users=google.some_users(world))])
    before, held = world.snapshot(ORCHARD), await count(world.app.database, connection.id)
    more = {"status": 404, "body": {"error": {"code": 404, "message": "no"}}} if kind == "status" else {}
    for what in READS:
        world.fault({"method": "GET", "path": what}, {"kind": kind, **more}, times=3)
        for job in ("advance", "sync-now"):
            await run(world.app, Job(name=job, connection_id=connection.id))
        assert world.snapshot(ORCHARD) == before, what
        assert await count(world.app.database, connection.id) == held, what
        world.control("DELETE", "/faults")
        now = await world.until_true(connection, lambda c: c.status is Status.OK)
        assert now.stage is Stage.RUN


@pytest.mark.hazard(2)
@pytest.mark.parametrize("lag", [0, 90])
async def test_a_lost_answer_makes_no_second_group(world: World, lag: int) -> None:
    before = world.snapshot(ORCHARD)
    world.behave(ORCHARD, group_visible_seconds=lag)
    world.fault({"host": "admin", "method": "POST", "path": "/groups$"}, {"kind": "drop_after"}, times=2)
    connection = await google.connect(world, modes=["inline"])
    ours = [g for g in google.state(world)["groups"] if str(g["email"]).startswith("tmcas-inline-incoming-")]
    assert len(ours) == 1
    await google.leave(world, connection)
    assert world.snapshot(ORCHARD) == before


@pytest.mark.hazard(2)
@pytest.mark.parametrize("conflict", ["duplicate", "conflict", "condition"])
async def test_a_member_who_is_there_already_is_a_member(world: World, conflict: str) -> None:
    world.behave(ORCHARD, member_conflict=conflict)
    world.fault({"host": "admin", "method": "POST", "path": "/members$"}, {"kind": "drop_after"}, times=9)
    connection = await google.connect(world, modes=["inline"])
    assert connection.status is Status.OK
    assert len(customer_members(world)) > 50


@pytest.mark.hazard(5)
async def test_a_customers_new_name_for_the_group_breaks_nothing(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    group = group_of(world)
    body = {"email": "renamed@orchard.example", "name": "Something else"}
    world.control(
        "POST",
        f"/tenants/{world.tenant_id(ORCHARD)}/directory",
        method="PATCH",
        path=f"/admin/directory/v1/groups/{group['id']}",
        body=body,
    )
    told = await google.sync(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    await google.leave(world, told)
    assert not [g for g in google.state(world)["groups"] if g["id"] == group["id"]]


@pytest.mark.hazard(6)
async def test_a_group_that_is_deleted_or_emptied_is_noticed(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    await world.pass_time(timedelta(minutes=10))  # until then it might just not be listed yet
    group, path = group_of(world), f"/tenants/{world.tenant_id(ORCHARD)}/directory"
    for member in list(customer_members(world))[:20]:
        world.control("POST", path, method="DELETE", path=f"/admin/directory/v1/groups/{group['id']}/members/{member}")
    told = await google.sync(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    assert "Inbound mail to 20 protected people bypasses the scanner" in str(told.sentence)
    world.control("POST", path, method="DELETE", path=f"/admin/directory/v1/groups/{group['id']}")
    told = await google.sync(world, connection)
    assert "bypasses the scanner" in str(told.sentence)


@pytest.mark.hazard(6)
@pytest.mark.parametrize(
    ("action", "more", "undone"),
    [
        ("delete-rule", {}, "add-rule"),
        ("disable-rule", {}, "enable-rule"),
        ("aim-rule", {"aims": {"affectInboundMessages": False, "affectOutboundMessages": True}}, "aim-rule"),
    ],
)
async def test_a_rule_that_does_no_work_any_more_is_noticed(
    world: World, action: str, more: dict[str, Any], undone: str
) -> None:
    connection = await google.connect(world, modes=["inline"])
    world.admin(action, ORCHARD, **more)
    told = await google.look(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    assert "bypasses the scanner" in str(told.sentence)
    world.admin(undone, ORCHARD, **({"aims": {"affectInboundMessages": True}} if more else {}))
    assert (await google.look(world, connection)).status is Status.OK


async def test_a_rule_that_was_made_again_is_known_by_its_new_id(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    world.admin("delete-rule", ORCHARD)
    world.admin("add-rule", ORCHARD)
    assert (await google.look(world, connection)).status is Status.OK
    world.admin("rename-rule", ORCHARD, to="Mail scanner")
    assert (await google.look(world, connection)).status is Status.OK


async def test_of_a_gateway_that_was_edited_the_ledger_says_that_nobody_sees_it(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    world.admin("add-gateway", ORCHARD, ips=["192.0.2.10"])
    for _ in range(2):
        assert (await google.look(world, connection)).status is Status.OK
    found = [one async for one in entries(world.app.database, connection.id) if one.key == "gateway"]
    (told,) = [str(one.note) for one in found if one.act == "remark"]
    assert told.startswith("The inbound gateway was changed at ")
    assert "by agate.alder@orchard.example. No API shows which addresses it has now" in told


async def test_a_route_that_was_edited_alarms_until_it_is_made_again(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    name = (await google.asked_values(world, connection, "route"))["Name"]
    world.admin("edit-route", ORCHARD, name=name, host="gw.other.example")
    told = await google.look(world, connection)
    assert "is refused, held or delayed: Mail route was changed, and no API shows to what" in str(told.sentence)
    assert (await google.look(world, connection)).status is Status.ATTENTION
    world.admin("remove-route", ORCHARD, name=name)
    assert "Mail route was removed" in str((await google.look(world, connection)).sentence)
    world.admin("add-route", ORCHARD, name=name, host="as.asked.example")
    assert (await google.look(world, connection)).status is Status.OK
    assert not any(one.drift for one in (await holdings_of(world.app.database, connection.id)).values())


async def test_a_disabled_rule_is_not_a_removed_one(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    from shared.flows import revoke

    await revoke.revoke(world.app, connection, "operator@msp.example")
    await world.work()
    world.admin("disable-rule", ORCHARD)
    await world.pass_time(timedelta(hours=5))
    assert (await world.marks(connection))["rule"] == "by administrator"


@pytest.mark.hazard(16)
async def test_two_jobs_do_not_act_at_once(world: World) -> None:
    connection = await google.create(world, modes=["inline"])
    world.admin("install-app", ORCHARD)
    await google.consent(world, connection)
    await asyncio.gather(*(run(world.app, Job(name="advance", connection_id=connection.id)) for _ in range(3)))
    await world.until(connection, Stage.RUN)
    assert len([c for c in world.sims.cloud.calls if c.method == "POST" and c.path.endswith("/v1/groups")]) == 1


async def test_a_policy_names_a_group_that_holds_the_whole_organisation(world: World) -> None:
    state = google.state(world)
    whole = next(g["id"] for g in state["groups"] if any(m.get("type") == "CUSTOMER" for m in g["members"]))
    connection = await google.connect(world, modes=["inline"], policies=[Policy(name="whole", groups=[whole])])
    assert len(customer_members(world)) > 50
    assert connection.status is Status.OK
