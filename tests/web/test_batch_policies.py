"""A policy that is set for many connections: planned, refused where it is not possible, and carried out for each."""

import json
from typing import Any

from shared.connections.record import Connection
from shared.flows import grant
from shared.foundation.schedule import Site
from shared.protection import policies
from shared.protection.policies import Policy
from shared.web.actors import Actor, Role
from tests.harness.pages import ADA, OLGA, asked, press, pressed, see
from tests.harness.world import World

NINA = Actor(name="nina@northwind.example", role=Role.OPERATOR, customer="northwind")
FINANCE: dict[str, Any] = {"name": "finance", "everyone": True, "conditions": {"subjects": ["invoice"]}}
LABELS = FINANCE | {"actions": ["label"]}
SETS = {"operation": "set-policy", "where": {}}


async def _gmail(world: World, customer: str = "") -> Connection:
    new = grant.NewConnection(
        platform="google", site=Site.EU, name="Fabrikam", tenant="fabrikam.com", customer=customer
    )
    return await world.connection((await grant.create(world.app, new, "olga@msp.example")).connection_id)


async def _post(world: World, path: str, actor: Actor = OLGA, /, tag: str = "", **body: Any) -> tuple[int, Any, str]:
    sent, more = json.dumps(body).encode(), {"if_match": tag} if tag else {}
    answer = await asked(world, "POST", f"/api/batches{path}", actor, sent, content_type="application/json", **more)
    return answer.status, json.loads(answer.body), answer.headers.get("ETag", "")


async def test_a_policy_is_set_where_the_platform_can_do_it_and_refused_elsewhere(world: World) -> None:
    gmail = [await _gmail(world) for _ in range(2)]
    microsoft = await world.create()
    old = Policy.model_validate(LABELS | {"actions": []})
    async with world.app.database.write() as write:
        await policies.put(write, gmail[0].id, old)
    status, planned, tag = await _post(world, "/plan", **SETS, policy=LABELS)
    assert (status, planned["matches"], planned["ready"], planned["replaced"]) == (200, 3, 2, 1)
    ((why, some),) = planned["refused"].items()
    assert ([one["connection"] for one in some], "on its way" in why) == ([microsoft.id], True)
    status, begun, _ = await _post(world, "", OLGA, tag, **SETS, policy=LABELS, confirm=3)
    assert (status, begun["policy"]) == (202, "finance")
    await world.work()
    told = json.loads((await asked(world, "GET", f"/api/batches/{begun['id']}", OLGA)).body)
    states = {one["connection"]: (one["state"], one["code"]) for one in told["items"]}
    assert states == {**{one.id: ("done", None) for one in gmail}, microsoft.id: ("refused", "not_possible_here")}
    for one in gmail:
        assert await policies.find(world.app.database, one.id, "finance") == Policy.model_validate(LABELS)
    assert await policies.find(world.app.database, microsoft.id, "finance") is None


async def test_a_plan_that_is_another_one_now_is_not_begun(world: World) -> None:
    await _gmail(world)
    _, planned, tag = await _post(world, "/plan", **SETS, policy=LABELS)
    spam = LABELS | {"actions": ["spam"]}
    assert (await _post(world, "", OLGA, tag, **SETS, policy=spam, confirm=1))[0] == 412
    await _gmail(world)
    status, told, _ = await _post(world, "", OLGA, tag, **SETS, policy=LABELS, confirm=2)
    assert (status, told["code"]) == (412, "plan_outdated")
    assert planned["matches"] == 1


async def test_a_policy_goes_with_its_operation_and_everyones_mail_with_an_administrator(world: World) -> None:
    await _gmail(world)
    for body in (SETS, {"operation": "sync", "where": {}, "policy": LABELS}):
        status, told, _ = await _post(world, "/plan", **body)
        assert (status, told["code"]) == (400, "not_valid")
    harsh = LABELS | {"actions": ["trash"]}
    status, told, _ = await _post(world, "", **SETS, policy=harsh, confirm=1)
    assert (status, told["code"]) == (403, "administrators_only")
    assert (await _post(world, "", ADA, **SETS, policy=harsh, confirm=1))[0] == 202


async def test_the_console_sets_a_policy_that_one_connection_has_for_others(world: World) -> None:
    first, second = [await _gmail(world, "northwind") for _ in range(2)]
    async with world.app.database.write() as write:
        await policies.put(write, first.id, Policy.model_validate(LABELS))
    form = await see(world, f"/connections/{first.id}/policies?name=finance")
    (link,) = [one["href"] for one in form.all("a") if one["href"].startswith("/batches/new?")]
    assert "customer=northwind" in link
    start = "/batches/new?operation=set-policy&customer=northwind"
    assert "source" in [one["name"] for one in (await see(world, start)).all("input", type="search")]
    several = await see(world, f"{start}&source=fabrikam")
    assert [one for one in several.all("a") if f"source={second.id}" in one["href"]]
    choice = await see(world, f"{start}&source={first.id}")
    assert "finance" in [one["value"] for one in choice.all("input", type="radio")]
    plan = await see(world, link.replace("&amp;", "&"))
    assert "2 connections match" in plan.text
    assert "1 has a policy of this name" in plan.text
    assert "Mail to and from everyone that" in plan.text
    fields = {one["name"]: one["value"] for one in plan.all("input", type="hidden")}
    assert (await press(world, "/batches", OLGA, **fields | {"plan": '"another"'}, confirm="2")).status == 412
    where = await pressed(world, "/batches", OLGA, **fields, confirm="2")
    await world.work()
    assert "Set policy “finance”" in (await see(world, where)).text
    assert await policies.find(world.app.database, second.id, "finance") == Policy.model_validate(LABELS)


async def test_another_customers_policy_is_not_found(world: World) -> None:
    theirs = await _gmail(world, "fabrikam")
    page = await see(world, f"/batches/new?operation=set-policy&source={theirs.id}", NINA)
    assert "No connection matches" in page.text
