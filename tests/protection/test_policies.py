"""Policies: what is refused, who is protected by them, and that a change of theirs changes the difference, no more."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows import policies as flow
from shared.flows.jobs import run
from shared.protection import policies
from shared.protection.policies import EVERYONE, Policy
from shared.protection.targets import Targets
from shared.web.http import Response
from tests.harness import client as asking
from tests.harness import workspace as google
from tests.harness.world import LARGE, ORCHARD, World

RISKY = {"senders": ["risky.example"]}


async def ask(world: World, method: str, path: str, body: Any = None, **headers: str) -> Response:
    """An operator's request."""
    return await asking.ask(world, method, path, token=world.sims.operator_token(), body=body, **headers)


def code(response: Response) -> str:
    """The stable code of a refusal."""
    return str(json.loads(response.body)["code"])


def no_check(_: Any) -> None:
    """Whatever is there may be changed."""


BAD = [
    ({"actions": ["spam", "trash"]}, "actions"),
    ({"actions": ["label", "pass"]}, "actions"),
    ({"actions": ["label", "label"]}, "actions"),
    ({"actions": ["delete"]}, "actions.0"),
    ({"order": -1}, "order"),
    ({"order": "soon"}, "order"),
    ({"direction": "up"}, "direction"),
    ({"colour": "red"}, "colour"),
    ({"conditions": {"senders": ["not an address"]}}, "conditions.senders.0"),
    ({"conditions": {"expressions": ["("]}}, "conditions.expressions.0"),
    ({"conditions": {"mood": True}}, "conditions.mood"),
    ({"domains": ["x" * 300]}, "domains.0"),
    ({"users": [str(number) for number in range(5001)]}, "users"),
    ({"name": "../x"}, "name"),
]


@pytest.mark.parametrize(("change", "field"), BAD, ids=[field for _, field in BAD])
def test_a_bad_policy_is_refused_with_its_field_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Policy.model_validate({"name": "risky", "everyone": True, "conditions": RISKY, "actions": ["label"], **change})
    assert ".".join(str(part) for part in refused.value.errors()[0]["loc"]) == field


@pytest.mark.parametrize("actions", [["label"], ["spam"], ["label", "quarantine"], ["trash", "label"], ["pass"], []])
def test_good_combinations_of_actions(actions: list[Any]) -> None:
    assert Policy(name="risky", actions=actions).actions == actions


async def test_a_policy_is_made_seen_changed_and_deleted_with_its_tag(world: World) -> None:
    connection = await google.create(world)
    path = f"/api/connections/{connection.id}/policies/risky"
    policy = {"name": "risky", "everyone": True, "conditions": RISKY, "actions": ["label", "spam"]}
    assert (await ask(world, "GET", path)).status == 404
    assert (await ask(world, "DELETE", path)).status == 404
    assert (await ask(world, "PUT", path, policy, if_match='"x"')).status == 412
    made = await ask(world, "PUT", path, policy, if_none_match="*")
    assert made.status == 201
    again = await ask(world, "PUT", path, policy, if_none_match="*")
    assert (again.status, code(again)) == (412, "exists_already")
    seen = await ask(world, "GET", path)
    assert (seen.headers["ETag"], seen.body) == (made.headers["ETag"], made.body)
    listed = json.loads((await ask(world, "GET", f"/api/connections/{connection.id}/policies")).body)
    assert listed["etags"]["risky"] == made.headers["ETag"]
    for method, body in (("PUT", policy), ("DELETE", None)):
        blind = await ask(world, method, path, body)
        assert (blind.status, code(blind)) == (428, "precondition_required")
    changed = await ask(world, "PUT", path, policy | {"order": 5}, if_match=made.headers["ETag"])
    assert changed.status == 200
    assert changed.headers["ETag"] != made.headers["ETag"]
    for method, body in (("PUT", policy), ("DELETE", None)):
        stale = await ask(world, method, path, body, if_match=f'"other", {made.headers["ETag"]}')
        assert (stale.status, code(stale)) == (412, "changed_meanwhile")
        weak = await ask(world, method, path, body, if_match=f"W/{changed.headers['ETag']}")
        assert weak.status == 412
    assert (await ask(world, "DELETE", path, if_match=f'"other", {changed.headers["ETag"]}')).status == 204
    assert (await ask(world, "GET", path)).status == 404


async def test_of_two_who_change_the_same_one_wins(world: World) -> None:
    connection, path = await google.create(world), ""
    path = f"/api/connections/{connection.id}/policies/everyone"
    tag = (await ask(world, "GET", path)).headers["ETag"]
    bodies = [{"name": "everyone", "everyone": True, "order": order} for order in range(1, 9)]
    answers = await asyncio.gather(*(ask(world, "PUT", path, body, if_match=tag) for body in bodies))
    assert sorted(one.status for one in answers) == [200] + [412] * 7
    (winner,) = [one for one in answers if one.status == 200]
    assert (await ask(world, "GET", path)).body == winner.body
    new = f"/api/connections/{connection.id}/policies/new"
    bodies = [{"name": "new", "order": order} for order in range(8)]
    answers = await asyncio.gather(*(ask(world, "PUT", new, body, if_none_match="*") for body in bodies))
    assert sorted(one.status for one in answers) == [201] + [412] * 7


async def test_what_the_organisation_has_not_is_refused_by_name_once_it_is_known(world: World) -> None:
    connection = await google.create(world)
    unknown = {"groups": ["nobody"], "users": ["nobody"], "domains": ["elsewhere.example"]}
    path = f"/api/connections/{connection.id}/policies/trial"
    assert (await ask(world, "PUT", path, {"name": "trial", **unknown})).status == 201  # nothing is known yet
    connection = await google.connect(await world.again(), modes=["api"], name="Second")
    user = google.some_users(world, 1)[0]
    good = {"name": "trial", "users": [user], "domains": [ORCHARD.upper()]}
    path = f"/api/connections/{connection.id}/policies/trial"
    for field, names in unknown.items():
        for kind in (field, f"except_{field}"):
            listed = [*good.get(kind, []), *names]
            refused = await ask(world, "PUT", path, good | {kind: listed})
            assert refused.status == 400
            assert json.loads(refused.body)["detail"].startswith(f"{kind}.{len(listed) - 1}: ")
    made = await ask(world, "PUT", path, good)
    assert made.status == 201
    assert json.loads(made.body)["domains"] == [ORCHARD]


async def test_where_mail_is_inspected_on_its_way_a_policy_only_says_whose(world: World) -> None:
    connection = await world.create()
    path = f"/api/connections/{connection.id}/policies/trial"
    for field, value in (("conditions", RISKY), ("actions", ["label"])):
        refused = await ask(world, "PUT", path, {"name": "trial", field: value})
        assert (refused.status, code(refused)) == (400, "not_possible_here")
        assert json.loads(refused.body)["detail"].startswith(f"{field}: ")
    assert (await ask(world, "PUT", path, {"name": "trial", "everyone": True})).status == 201


async def test_a_scanner_that_there_is_not_cannot_be_asked(world: World) -> None:
    connection = await google.create(world)
    path = f"/api/connections/{connection.id}/policies/trial"
    policy = {"name": "trial", "everyone": True, "conditions": {"scanner": True}, "actions": ["label"]}
    refused = await ask(world, "PUT", path, policy)
    assert (refused.status, code(refused)) == (400, "no_scanner")
    assert json.loads(refused.body)["detail"].startswith("conditions.scanner: ")
    again = await world.again(scanner={"url": "https://scanner.example/v1", "key_id": "one", "secret": "s" * 32})
    assert (await ask(again, "PUT", path, policy)).status == 201


async def covered(world: World, connection: str, *listed: Policy) -> set[str]:
    """Whom some policies and no others are about."""
    async with world.app.database.write() as write:
        for old in await policies.listed(world.app.database, connection):
            await policies.put(write, connection, old.model_copy(update={"enabled": False}))
        for policy in listed:
            await policies.put(write, connection, policy)
    return set(await Targets(world.app.database, connection).covered_users("incoming"))


async def test_an_exclusion_wins_over_every_target_of_its_own_policy(world: World) -> None:
    connection = await google.connect(world, modes=["inline"], policies=[EVERYONE])
    state = google.state(world)
    group = next(g for g in state["groups"] if g["members"] and all(m["type"] == "USER" for m in g["members"]))
    everyone = await covered(world, connection.id, EVERYONE)
    inside = {member["id"] for member in group["members"]} & everyone
    first = next(iter(inside))
    assert inside

    def without(**more: Any) -> Policy:
        return Policy(name="trial", everyone=True, domains=[ORCHARD], groups=[group["id"]], users=[first], **more)

    assert await covered(world, connection.id, without()) == everyone
    assert await covered(world, connection.id, without(except_users=[first])) == everyone - {first}
    assert await covered(world, connection.id, without(except_groups=[group["id"]])) == everyone - inside
    assert await covered(world, connection.id, without(except_domains=[ORCHARD])) == {
        user["id"]
        for user in state["users"]
        if user["id"] in everyone and not user["primaryEmail"].endswith("@" + ORCHARD)
    }
    # Whom one policy leaves out another may protect.
    other = Policy(name="other", users=[first])
    assert await covered(world, connection.id, without(except_users=[first]), other) == everyone
    await run(world.app, Job(name="advance", connection_id=connection.id))
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    held = next(key for key, one in customer.groups.items() if one["email"].startswith("tmcas-inline-incoming-"))
    assert set(customer.members[held]) == everyone


async def test_who_is_excluded_in_a_domain_breaks_it_up(world: World) -> None:
    """Where a rule protects a whole domain nobody can be left out of it, so its users are protected one by one."""
    connection = await world.connect()
    database = world.app.database
    before = await Targets(database, connection.id).protected_domains("incoming")
    assert await Targets(database, connection.id).protected_users("incoming") == []
    everyone = set(await Targets(database, connection.id).covered_users("incoming"))
    chosen = next(user["id"] for user in world.graph("GET", "/users?$top=50")["value"] if user["id"] in everyone)
    policy = Policy(name="everyone", everyone=True, except_users=[chosen])
    await flow.put(world.app, connection, policy, no_check, "anna")
    domains = await Targets(database, connection.id).protected_domains("incoming")
    users = set(await Targets(database, connection.id).protected_users("incoming"))
    assert len(domains) < len(before)
    assert chosen not in users
    assert users
    assert users < everyone
    now = await world.until_true(connection, lambda one: one.status is Status.OK)
    marks = await world.marks(now)
    assert marks["rule-incoming-user"] == "present"
    assert set(members(world, "incoming")) == users
    excluding = Policy(name="everyone", everyone=True, except_domains=before)
    await flow.put(world.app, connection, excluding, no_check, "anna")
    assert await Targets(database, connection.id).protected_domains("incoming") == []


def members(world: World, direction: str, domain: str = "contoso.com") -> list[str]:
    """Who is in our group."""
    groups = json.loads(world.snapshot(domain))["groups"]
    found = [one for one in groups if str(one["mailNickname"]).startswith(f"tmcas-inline-{direction}-")]
    return [member if isinstance(member, str) else member["id"] for member in found[0]["members"]]


def membership_changes(world: World) -> list[tuple[str, str, str]]:
    """(verb, path, whom) of every call that changes a membership and is answered with success."""
    found = []
    for call in world.sims.cloud.calls:
        if call.path.endswith("/$batch"):
            inner = json.loads(call.body)["requests"]
            found += [(one["method"], one["url"], str(one.get("body"))) for one in inner if "/members/" in one["url"]]
        elif call.method in ("POST", "DELETE") and "/members" in call.path and call.status < 300:
            found.append((call.method, call.path, call.body.decode()))
    return found


def two_targets(users: Sequence[str]) -> tuple[list[str], list[str]]:
    """All users but the last ten, and all but the first ten."""
    return list(users[:-10]), list(users[10:])


async def change(world: World, connection: str, users: Sequence[str]) -> None:
    """An operator sets the target, and what it leads to is done."""
    found = await world.connection(connection)
    world.sims.cloud.calls.clear()
    await flow.put(world.app, found, Policy(name="many", direction="incoming", users=list(users)), no_check, "anna")
    await world.work()
    await world.until_true(found, lambda now: now.stage is Stage.RUN and now.status is Status.OK)


async def test_two_large_targets_that_differ_a_little_make_few_changes_on_google(world: World) -> None:
    world.large("google")
    first, second = two_targets(google.some_users(world, 510, LARGE))
    assert len(first) > 2 * 200  # members are listed 200 a page
    few = Policy(name="many", direction="incoming", users=first[:3])
    connection = await google.connect(world, modes=["inline"], domain=LARGE, policies=[few], repair_drift=True)
    customer = world.sims.google.customer(LARGE)
    assert customer is not None
    held = next(key for key, one in customer.groups.items() if one["email"].startswith("tmcas-inline-incoming-"))
    # All but a handful are there: to have every one of them added takes a minute, and shows nothing more.
    record = customer.members[held][first[0]]
    customer.members[held] |= {user: record | {"id": user} for user in first[3:400]}
    await change(world, connection.id, first)
    assert set(customer.members[held]) == set(first)
    assert len(membership_changes(world)) == len(first) - 400
    # Half-way Google fails for a while; what was done is not done again.
    world.fault({"host": "admin", "path": "/members"}, {"kind": "status", "status": 503}, times=6, skip=10)
    await change(world, connection.id, second)
    assert set(customer.members[held]) == set(second)
    done = membership_changes(world)
    assert (len(done), len(set(done))) == (20, 20)
    await change(world, connection.id, second)  # the same once more changes nothing
    assert membership_changes(world) == []


async def test_two_large_targets_that_differ_a_little_make_few_changes_on_microsoft365(world: World) -> None:
    world.large("microsoft365")
    listed = json.loads(world.snapshot(LARGE))["users"]
    able = [user["id"] for user in listed if user.get("mail") and user.get("userType", "Member") != "Guest"]
    first, second = two_targets(sorted(able))
    assert len(first) > 999  # members are listed 999 a page
    policy = Policy(name="many", direction="incoming", users=first)
    connection = await world.connect(LARGE, policies=[policy])
    await change(world, connection.id, second)
    assert set(members(world, "incoming", LARGE)) == set(second)
    done = membership_changes(world)
    assert (len(done), len(set(done))) == (20, 20)
