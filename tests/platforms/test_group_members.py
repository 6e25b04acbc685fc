"""Members of our groups are told apart one by one: a leaver is no drift, and a joiner is protected all the same."""

from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Connection, Status
from shared.engine.chain import entries
from shared.flows import policies
from shared.protection.policies import EVERYONE, Policy
from tests.harness import workspace
from tests.harness.orders import order
from tests.harness.world import CONTOSO, ORCHARD, World

DAY = timedelta(days=1)


class Microsoft:
    """What a customer's administrator does in Entra."""

    domain = CONTOSO

    def __init__(self, world: World) -> None:
        self.world, self.tenant = world, world.sims.microsoft.tenants[world.tenant_id()]
        self.people = sorted(u["id"] for u in self.tenant.users.values() if u["mail"] and u["userType"] == "Member")
        body = {"displayName": "Staff", "mailNickname": "staff", "mailEnabled": False, "securityEnabled": True}
        self.staff = world.graph("POST", "/groups", body=body | {"groupTypes": []})["id"]

    async def connect(self, *chosen: Policy) -> Connection:
        return await self.world.connect(policies=list(chosen))

    def join(self, user: str, group: str | None = None) -> None:
        ref = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{user}"}
        self.world.graph("POST", f"/groups/{group or self.staff}/members/$ref", body=ref)

    def leave(self, user: str, group: str | None = None) -> None:
        self.world.graph("DELETE", f"/groups/{group or self.staff}/members/{user}/$ref")

    def delete(self, user: str) -> None:
        self.world.graph("DELETE", f"/users/{user}")

    @property
    def ours(self) -> str:
        groups = self.tenant.groups.items()
        return next(key for key, group in groups if group["mailNickname"].startswith("tmcas-inline-incoming"))

    def inside(self) -> set[str]:
        return set(self.tenant.members[self.ours])


class Google(Microsoft):
    """What a customer's administrator does in the Admin console."""

    domain = ORCHARD

    def __init__(self, world: World) -> None:
        customer = world.sims.google.customer(ORCHARD)
        assert customer is not None
        self.world, self.customer = world, customer
        self.people = workspace.some_users(world, 20)
        self.staff = self._do("POST", "groups", {"email": "staff@orchard.example", "name": "Staff"})["id"]

    def _do(self, method: str, path: str, body: Any = None) -> Any:
        where = f"/tenants/{self.world.tenant_id(ORCHARD)}/directory"
        said = {"method": method, "path": f"/admin/directory/v1/{path}"} | ({"body": body} if body else {})
        answer = self.world.control("POST", where, **said)
        return answer.json() if answer.content else None

    async def connect(self, *chosen: Policy) -> Connection:
        return await workspace.connect(self.world, modes=["inline"], policies=list(chosen))

    def join(self, user: str, group: str | None = None) -> None:
        self._do("POST", f"groups/{group or self.staff}/members", {"id": user, "role": "MEMBER"})

    def leave(self, user: str, group: str | None = None) -> None:
        self._do("DELETE", f"groups/{group or self.staff}/members/{user}")

    def delete(self, user: str) -> None:
        self.world.admin("delete-user", ORCHARD, user=user)

    @property
    def ours(self) -> str:
        return str(workspace.group_of(self.world)["id"])

    def inside(self) -> set[str]:
        return set(self.customer.members[self.ours])


@pytest.fixture(params=[Microsoft, Google], ids=["microsoft365", "google"])
def customer(request: pytest.FixtureRequest, world: World) -> Microsoft:
    made: Microsoft = request.param(world)
    return made


async def next_day(world: World, connection: Connection, job: str = "sync-now") -> Connection:
    world.clock.move(DAY)
    await order(world, connection, job)
    await world.work()
    return await world.connection(connection.id)


async def started(customer: Microsoft, number: int = 6) -> tuple[Connection, list[str]]:
    """A running connection whose policy means a group of the customer's."""
    chosen = customer.people[2 : 2 + number]
    for user in chosen:
        customer.join(user)
    connection = await customer.connect(Policy(name="staff", groups=[customer.staff]))
    connection = await next_day(customer.world, connection)
    assert customer.inside() == set(chosen)
    return connection, chosen


@pytest.mark.hazard(38)
async def test_a_leaver_is_no_drift_and_a_joiner_is_protected(world: World, customer: Microsoft) -> None:
    connection, chosen = await started(customer)
    customer.delete(chosen[0])
    assert (await next_day(world, connection)).status is Status.OK
    joiner = customer.people[-1]
    customer.join(joiner)
    assert (await next_day(world, connection)).status is Status.OK
    assert customer.inside() == {*chosen[1:], joiner}
    assert not [entry async for entry in entries(world.app.database, connection.id) if entry.act == "drift"]


@pytest.mark.hazard(38)
async def test_a_leaver_whom_our_copy_still_has_is_no_drift(world: World, customer: Microsoft) -> None:
    connection, chosen = await started(customer)
    customer.delete(chosen[0])
    now = await next_day(world, connection, "advance")
    assert now.status is Status.OK, now.sentence
    assert customer.inside() == set(chosen[1:])


@pytest.mark.hazard(38)
async def test_who_was_taken_out_is_told_and_a_joiner_is_protected(world: World, customer: Microsoft) -> None:
    connection, chosen = await started(customer)
    customer.leave(chosen[0], customer.ours)
    joiner, stranger = customer.people[-1], customer.people[-2]
    customer.join(stranger, customer.ours)
    customer.join(joiner)
    for _ in range(3):
        now = await next_day(world, connection)
        assert (now.status, now.reason) == (Status.ATTENTION, "drift")
        assert customer.inside() == {*chosen[1:], joiner, stranger}
    (entry,) = [entry async for entry in entries(world.app.database, connection.id) if entry.act == "drift"]
    told = {name: (entry.after or {}).get(name) for name in ("taken_out", "put_in")}
    assert told == {"taken_out": [chosen[0]], "put_in": [stranger]}
    # A leaver meanwhile, and another joiner, change nothing of that.
    customer.delete(chosen[1])
    customer.join(customer.people[-3])
    assert (await next_day(world, connection)).reason == "drift"
    assert customer.inside() == {*chosen[2:], joiner, stranger, customer.people[-3]}
    now = await next_day(world, connection, "repair")
    assert now.status is Status.OK, now.sentence
    assert customer.inside() == {chosen[0], *chosen[2:], joiner, customer.people[-3]}


@pytest.mark.hazard(38)
async def test_many_who_would_be_taken_out_at_once_are_asked_about(world: World, customer: Microsoft) -> None:
    connection, chosen = await started(customer)
    for user in chosen[:3]:
        customer.leave(user)
    joiner = customer.people[-1]
    customer.join(joiner)
    now = await next_day(world, connection)
    assert (now.status, now.reason) == (Status.ATTENTION, "would_remove_many")
    assert "3 of the 6" in str(now.sentence)
    assert customer.inside() == {*chosen, joiner}
    now = await next_day(world, connection, "sync-accepting-loss")
    assert now.status is Status.OK, now.sentence
    assert customer.inside() == {*chosen[3:], joiner}


async def test_a_group_is_not_emptied_because_the_customers_has_emptied(world: World, customer: Microsoft) -> None:
    connection, chosen = await started(customer)
    for user in chosen:
        customer.leave(user)
    now = await next_day(world, connection)
    assert (now.status, now.reason) == (Status.ATTENTION, "would_empty_group")
    assert "name no user, which would empty" in str(now.sentence)
    assert customer.inside() == set(chosen)
    customer.join(chosen[0])
    now = await next_day(world, connection, "sync-accepting-loss")
    assert now.status is Status.OK, now.sentence
    assert customer.inside() == {chosen[0]}


async def test_who_changes_a_policy_has_asked_for_what_follows(world: World, customer: Microsoft) -> None:
    connection, chosen = await started(customer)
    new = Policy(name="staff", users=chosen[:1])
    await policies.put(world.app, connection, new, lambda _: None, "operator@msp.example")
    await world.work()
    assert (await world.connection(connection.id)).status is Status.OK
    assert customer.inside() == set(chosen[:1])


@pytest.mark.hazard(38)
async def test_one_deleted_and_one_suspended_on_one_day_recover(world: World) -> None:
    customer = Google(world)
    connection = await customer.connect(EVERYONE)
    before = customer.inside()
    gone, resting = sorted(before)[-2:]
    customer.delete(gone)
    world.admin("suspend-user", ORCHARD, user=resting)
    now = await next_day(world, connection)
    assert now.status is Status.OK, now.sentence
    assert customer.inside() == before - {gone, resting}
