"""Answers that leave somebody unnamed, or keep them from us: nobody is lost, and the item is named."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared.connections.record import Connection, Status
from shared.engine.ledger import holdings_of
from shared.flows import policies
from shared.foundation.errors import Refused
from shared.protection import mailboxes, set_aside
from shared.protection.policies import EVERYONE, Policy
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.gmail import labelled
from tests.harness.orders import order
from tests.harness.world import World


async def members(world: World, connection: Connection) -> list[tuple[str, str]]:
    """Our copy of who is in which group."""
    table = db.members.c
    query = sa.select(table.group_id, table.member_id).where(table.connection == connection.id)
    async with world.app.database.read() as read:
        return sorted(map(tuple, await read.execute(query)))


async def named(world: World, connection: Connection, kind: set_aside.Kind) -> list[str]:
    return [one.name for one in await set_aside.listed(world.app.database, connection.id, kind)]


def answers(body: Any) -> dict[str, Any]:
    return {"kind": "status", "status": 200, "body": body}


@pytest.mark.hazard(39)
@pytest.mark.parametrize("answer", [{}, {"historyId": "7", "expiration": "soon"}])
async def test_a_watch_without_an_end_is_that_mailboxs_matter(world: World, answer: dict[str, str]) -> None:
    connection = await google.connect(world, modes=["api"])
    for _ in range(2):
        # The first of them once more, when its pause is over.
        world.clock.move(timedelta(days=1))
        world.fault({"host": "gmail", "path": "/watch$"}, answers(answer))
        now = await google.sync(world, connection)
        assert now.status is Status.OK, now.sentence
        assert len(await named(world, connection, "mailbox")) == 1
    assert all(box.watched_until for box in await mailboxes.listed(world.app.database, connection.id))


@pytest.mark.hazard(13)
@pytest.mark.parametrize("record", [{"id": "9", "messagesAdded": [{"message": {}}]}, {"messagesAdded": [{}]}])
async def test_a_message_that_history_does_not_name_is_found_by_listing(world: World, record: dict[str, Any]) -> None:
    connection = await google.connect(world, modes=["api"])
    (message,) = google.mail(world, google.ADMIN)
    told = {"history": [record], "historyId": str(google.mailbox(world, google.ADMIN).history_id)}
    world.fault({"host": "gmail", "path": "/history$"}, answers(told))
    await google.deliver_all(world)
    assert labelled(world) == {message: 1}
    assert not await named(world, connection, "mailbox")


@pytest.mark.hazard(39)
async def test_a_member_whom_google_lists_without_an_id_may_be_anybody(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    before = await members(world, connection)
    group, member = next((group, member) for group, member in before if not member.startswith("*"))
    listed = answers({"members": [{"id": member, "type": "USER"}, {"type": "USER", "email": "odd@orchard.example"}]})
    world.fault({"host": "admin", "path": f"/groups/{group}/members$"}, listed)
    now = await google.sync(world, connection)
    assert (now.status, await members(world, connection)) == (Status.OK, before), now.sentence
    assert len(await named(world, connection, "entry")) == 1
    await google.sync(world, connection)
    assert (await members(world, connection), await named(world, connection, "entry")) == (before, [])


@pytest.mark.hazard(39)
async def test_a_member_whom_graph_lists_without_an_id_may_be_anybody(world: World) -> None:
    connection = await world.connect()
    before = await members(world, connection)
    gone = {"error": {"code": "syncStateNotFound", "message": "Begin again."}}
    delta = {"host": "graph", "path": "/groups/delta$"}
    groups = [{"id": group, "displayName": group} for group in sorted({group for group, _ in before})]
    odd = {"id": groups[0]["id"], "displayName": "Odd", "members@delta": [{"@odata.type": "#microsoft.graph.user"}]}
    link = f"{world.app.settings.microsoft.graph_url}/v1.0/groups/delta?$deltatoken=latest"
    world.fault(delta, {"kind": "status", "status": 400, "body": gone})
    world.fault(delta, answers({"value": [odd, *groups[1:]], "@odata.deltaLink": link}))
    await order(world, connection, "sync-now")
    now = await world.connection(connection.id)
    assert (now.status, await members(world, connection)) == (Status.OK, before), now.sentence
    assert await named(world, connection, "entry") == ["Odd"]


@pytest.mark.hazard(39)
async def test_a_member_of_our_group_without_an_id_is_no_alarm(world: World) -> None:
    some = Policy(name="some", users=google.some_users(world, 3))
    connection = await google.connect(world, modes=["inline"], policies=[some])
    inside = google.customer_members(world)
    assert len(inside) == 3
    listed = [{"id": one, "type": "USER"} for one in sorted(inside)[1:]]
    path = f"/groups/{await own_group(world, connection)}/members$"
    world.fault({"host": "admin", "path": path}, answers({"members": [*listed, {"type": "USER"}]}), times=9)
    now = await google.look(world, connection)
    assert (now.status, google.customer_members(world)) == (Status.OK, inside), now.sentence


async def own_group(world: World, connection: Connection) -> str:
    return str((await holdings_of(world.app.database, connection.id))["group"].identity)


@pytest.mark.hazard(39)
async def test_a_member_of_our_group_in_entra_without_an_id_is_no_alarm(world: World) -> None:
    people = world.sims.microsoft.tenants[world.tenant_id()].users.values()
    users = sorted(str(one["id"]) for one in people if one["mail"] and one["userType"] == "Member")[:3]
    connection = await world.connect(policies=[Policy(name="some", direction="incoming", users=users)])
    group = (await holdings_of(world.app.database, connection.id))["group-incoming"].identity
    listed = [*({"id": one} for one in users[1:]), {"@odata.type": "#microsoft.graph.user"}]
    match = {"host": "graph", "method": "GET", "path": f"/groups/{group}/members$"}
    world.fault(match, answers({"value": listed}), times=9)
    before = world.snapshot()
    for job in ("advance", "repair"):
        await order(world, connection, job)
        now = await world.connection(connection.id)
        assert now.status is Status.OK, now.sentence
    assert world.snapshot() == before


@pytest.mark.hazard(39)
async def test_an_accepted_domain_without_a_name_holds_no_check_up(world: World) -> None:
    connection = await world.connect()
    listed = [*world.cmdlet("Get-AcceptedDomain")["value"], {"Name": "odd", "Default": False}]
    world.fault({"host": "exchange", "cmdlet": "Get-AcceptedDomain"}, answers({"value": listed}), times=9)
    await order(world, connection, "sync-now")
    now = await world.connection(connection.id)
    assert now.status is Status.OK, now.sentence
    assert await named(world, connection, "entry") == ["without a name"]


@pytest.mark.hazard(39)
async def test_pages_that_exchange_refuses_are_told_and_nothing_is_taken_for_gone(world: World) -> None:
    connection = await world.connect()
    before = world.snapshot()
    world.behave(exchange_page_size=2, exchange_pages_refused=True)
    await order(world, connection, "repair")
    now = await world.connection(connection.id)
    assert (now.status, now.reason) == (Status.WAITING, "exchange_pages_refused"), now.sentence
    world.behave(exchange_pages_refused=False)
    await world.until_true(connection, lambda now: now.status is Status.OK)
    assert world.snapshot() == before


@pytest.mark.hazard(39)
async def test_a_group_that_hides_its_members_is_told_to_who_names_it(world: World) -> None:
    tenant = world.sims.microsoft.tenants[world.tenant_id()]
    key, group = next((key, one) for key, one in sorted(tenant.groups.items()) if tenant.members.get(key))
    tenant.groups = {**tenant.groups, key: {**group, "visibility": "HiddenMembership"}}
    hidden = Policy(name="hidden", groups=[key])
    connection = await world.connect(policies=[EVERYONE, hidden])
    for _ in range(2):
        # Nothing is known of what it holds, and it is told for as long as a policy names it.
        await order(world, connection, "sync-now")
        now = await world.connection(connection.id)
        assert now.status is Status.OK, now.sentence
        assert await named(world, connection, "entry") == [group["displayName"]]
    assert key not in {one for one, _ in await members(world, connection)}
    with pytest.raises(Refused, match="hides the members"):
        await policies.put(world.app, now, Policy(name="another", groups=[key]), lambda *_: None, "olga@msp.example")
