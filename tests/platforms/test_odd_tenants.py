"""Odd tenants of Microsoft 365: the tenant stays healthy, the item is named, the rest goes on."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine.chain import Act, entries
from shared.flows.jobs import run
from shared.platforms.microsoft365.groups import RENEWED
from shared.protection import directory, set_aside
from shared.protection.policies import Policy
from tests.harness import workspace as google
from tests.harness.orders import order
from tests.harness.world import ORCHARD, World


def people(world: World) -> list[dict[str, Any]]:
    """The tenant's users with an address."""
    users = world.sims.microsoft.tenants[world.tenant_id()].users.values()
    return sorted((dict(one) for one in users if one["mail"]), key=lambda one: str(one["id"]))


@pytest.mark.hazard(39)
async def test_an_entry_without_an_id_is_named_and_nobody_is_lost(world: World) -> None:
    connection = await world.connect()
    held = await directory.count(world.app.database, connection.id)
    gone = {"error": {"code": "syncStateNotFound", "message": "Begin again."}}
    world.fault({"host": "graph", "path": "/users/delta$"}, {"kind": "status", "status": 400, "body": gone})
    some = [{"id": one["id"], "displayName": one["displayName"], "mail": one["mail"]} for one in people(world)[1:]]
    page = {"value": [*some, {"displayName": "Odd"}]}
    world.fault({"host": "graph", "path": "/users$"}, {"kind": "status", "status": 200, "body": page})
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    now = await world.connection(connection.id)
    assert now.status is Status.OK, now.sentence
    assert (await directory.count(world.app.database, connection.id))["users"] == held["users"]
    assert [one.name for one in await set_aside.listed(world.app.database, connection.id)] == ["Odd"]
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    assert not await set_aside.listed(world.app.database, connection.id)


async def test_our_group_under_another_address_is_no_alarm(world: World) -> None:
    chosen = [str(one["id"]) for one in people(world) if one["userType"] == "Member"][:2]
    connection = await world.connect(policies=[Policy(name="two", users=chosen)])
    tenant = world.sims.microsoft.tenants[world.tenant_id()]
    key, group = next((k, g) for k, g in tenant.groups.items() if g["mailNickname"].startswith("tmcas-inline-incoming"))
    new = f"{group['mailNickname']}@contoso.onmicrosoft.com"
    addresses = (f"SMTP:{new}", f"smtp:{group['mail']}")
    tenant.groups = {**tenant.groups, key: {**group, "mail": new, "proxyAddresses": addresses}}
    before = world.snapshot()
    for job in ("sync-now", "sync-now", "repair"):
        await order(world, connection, job)
        now = await world.connection(connection.id)
        assert now.status is Status.OK, now.sentence
    assert world.snapshot() == before


async def test_our_group_does_not_expire_with_the_tenants_policy(world: World) -> None:
    chosen = [str(one["id"]) for one in people(world) if one["userType"] == "Member"][:2]
    connection = await world.connect(policies=[Policy(name="two", users=chosen)])
    world.behave(group_lifetime_days=30)
    tenant = world.sims.microsoft.tenants[world.tenant_id()]
    key, group = next((k, g) for k, g in tenant.groups.items() if g["mailNickname"].startswith("tmcas-inline-incoming"))
    soon = world.clock.now() + timedelta(days=10)
    tenant.groups = {**tenant.groups, key: {**group, "expirationDateTime": f"{soon:%Y-%m-%dT%H:%M:%SZ}"}}
    for _ in range(2):
        await order(world, connection, "sync-now")
        now = await world.connection(connection.id)
        assert now.status is Status.OK, now.sentence
    assert datetime.fromisoformat(tenant.groups[key]["expirationDateTime"]) > soon + timedelta(days=19)
    renewals = [one for one in world.sims.cloud.calls if one.path.endswith("/renew")]
    assert [(one.method, one.path) for one in renewals] == [("POST", f"/v1.0/groups/{key}/renew")]
    noted = [one async for one in entries(world.app.database, connection.id) if one.after == {RENEWED: True}]
    assert {(one.key, one.act) for one in noted} == {("group-incoming", Act.UPDATE)}


async def test_a_naming_policy_is_told_with_the_names_that_would_do(world: World) -> None:
    world.behave(group_name_prefix="GRP ")
    connection = await world.create(policies=[Policy(name="two", users=[str(people(world)[0]["id"])])])
    await world.consent(connection)
    world.admin("assign-role")
    told = await world.until_true(connection, lambda now: now.status is Status.ATTENTION)
    assert told.reason == "group_naming_policy"
    assert "displayName “GRP TMCAS" in str(told.sentence)
    assert "mailNickname “GRPtmcas" in str(told.sentence)
    other = await world.again(microsoft={"name_prefix": "GRP "})
    await run(other.app, Job(name="advance", connection_id=connection.id))
    await other.until_true(connection, lambda now: now.stage is Stage.RUN)
    groups = world.sims.microsoft.tenants[world.tenant_id()].groups.values()
    ours = [one for one in groups if "tmcas-inline" in str(one["mailNickname"])]
    assert ours
    assert all(one["mailNickname"].startswith("GRPtmcas") for one in ours)
    assert all(one["displayName"].startswith("GRP ") for one in ours)


@pytest.mark.parametrize(
    ("knob", "reason", "told"),
    [
        ({"blocked_words": ["Inline"]}, "group_naming_policy", "displayName one without “Inline”"),
        ({"directory_full": True}, "directory_full", "Deleted groups"),
    ],
)
async def test_what_keeps_our_group_from_being_made_is_told_with_what_to_do(
    world: World, knob: dict[str, Any], reason: str, told: str
) -> None:
    world.behave(**knob)
    connection = await world.create(policies=[Policy(name="two", users=[str(people(world)[0]["id"])])])
    await world.consent(connection)
    world.admin("assign-role")
    now = await world.until_true(connection, lambda one: one.status is Status.ATTENTION)
    assert now.reason == reason
    assert told in str(now.sentence)


@pytest.mark.hazard(39)
async def test_a_domain_whose_records_are_refused_is_named_and_the_rest_goes_on(world: World) -> None:
    connection = await world.connect()
    before = {one["name"]: one["wanted_mx"] for one in await directory.domains(world.app.database, connection.id)}
    absent = {"error": {"code": "Request_ResourceNotFound", "message": "It is being removed."}}
    records = {"host": "graph", "path": "/serviceConfigurationRecords$"}
    world.fault(records, {"kind": "status", "status": 404, "body": absent})
    world.fault(records, {"kind": "status", "status": 200, "body": {"value": [{"recordType": "Mx"}]}})
    await order(world, connection, "sync-now")
    now = await world.connection(connection.id)
    assert now.status is Status.OK, now.sentence
    (named,) = await set_aside.listed(world.app.database, connection.id, "entry")
    after = {one["name"]: one["wanted_mx"] for one in await directory.domains(world.app.database, connection.id)}
    assert before[named.name] == after[named.name] != []
    await order(world, connection, "sync-now")
    assert not await set_aside.listed(world.app.database, connection.id)


@pytest.mark.hazard(39)
async def test_a_group_that_went_to_another_customer_is_named_and_the_rest_goes_on(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    key = min(customer.groups)
    customer.groups.pop(key)
    error = {"code": 403, "message": "Not Authorized to access this resource/api", "errors": [{"reason": "forbidden"}]}
    match = {"host": "admin", "path": f"/groups/{key}$"}
    world.fault(match, {"kind": "status", "status": 403, "body": {"error": error}}, times=9)
    now = await google.sync(world, connection)
    assert now.status is Status.OK, now.sentence
    assert [one.item for one in await set_aside.listed(world.app.database, connection.id, "group")] == [key]


async def test_a_policy_for_an_alias_domain_means_its_users(world: World) -> None:
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    alias = "orchard-alias.example"
    known = {"domainAliasName": alias, "parentDomainName": ORCHARD, "verified": True, "creationTime": "1700000000000"}
    domain = customer.domains[ORCHARD]
    listed = [*domain.get("domainAliases", []), known | {"kind": "admin#directory#domainAlias", "etag": '"x"'}]
    customer.domains[ORCHARD] = {**domain, "domainAliases": listed}
    for key, user in list(customer.users.items()):
        customer.users[key] = {**user, "nonEditableAliases": [user["primaryEmail"].replace(ORCHARD, alias)]}
    await google.connect(world, modes=["inline"], policies=[Policy(name="by alias", domains=[alias])])
    assert google.customer_members(world)


async def test_one_removed_and_there_again_on_one_page_of_changes_is_kept(world: World) -> None:
    connection = await world.connect()
    held = await directory.count(world.app.database, connection.id)
    one = people(world)[0]
    there = {name: one[name] for name in ("id", "displayName", "mail", "accountEnabled", "userType")}
    link = (await directory.checkpoints(world.app.database, connection.id))["users"]
    page = {"value": [{"id": one["id"], "@removed": {"reason": "changed"}}, there], "@odata.deltaLink": link}
    world.fault({"host": "graph", "path": "/users/delta$"}, {"kind": "status", "status": 200, "body": page})
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    assert await directory.count(world.app.database, connection.id) == held


async def test_a_user_made_anew_under_the_same_address_is_protected(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    chosen = google.some_users(world, 4)
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    leaver = customer.users[chosen[-1]]
    world.admin("delete-user", ORCHARD, user=leaver["id"])
    world.admin("add-user", ORCHARD, email=leaver["primaryEmail"], name="Somebody Else")
    (new,) = [key for key, user in customer.users.items() if user["primaryEmail"] == leaver["primaryEmail"]]
    customer.users[new] = {**customer.users[new], "isMailboxSetup": True}
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    now = await world.connection(connection.id)
    assert now.status is Status.OK, now.sentence
    assert new != leaver["id"]
    assert new in google.customer_members(world)


@pytest.mark.hazard(39)
@pytest.mark.parametrize("platform", ["microsoft365", "google"])
async def test_a_domain_without_a_name_is_told_and_no_other_is_lost(world: World, platform: str) -> None:
    if platform == "google":
        connection = await google.connect(world, modes=["inline"])
        match, listed = {"host": "admin", "path": "/domains$"}, {"domains": [{"verified": True, "isPrimary": True}]}
    else:
        connection = await world.connect()
        match, listed = {"host": "graph", "path": "/domains$"}, {"value": [{"isVerified": True, "isDefault": True}]}
    before = await directory.domains(world.app.database, connection.id)
    world.fault(match, {"kind": "status", "status": 200, "body": listed}, times=9)
    await order(world, connection, "sync-now")
    now = await world.connection(connection.id)
    assert now.status is Status.OK, now.sentence
    after = await directory.domains(world.app.database, connection.id)
    assert {one["name"]: one["verified"] for one in after} == {one["name"]: one["verified"] for one in before}
    noted = await set_aside.listed(world.app.database, connection.id, "entry")
    assert [one.item for one in noted] == ["domains without a name"]
