"""The whole life of a Gmail connection, from before consent to after the administrator's last step."""

import json
from datetime import datetime, timedelta

import pytest

from shared.connections.call_log import listed as operations_of
from shared.connections.grants import listed as grants_of
from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.connections.tokens import stored
from shared.engine.certificate import latest
from shared.engine.chain import entries
from shared.engine.ledger import HoldingState, holdings_of
from shared.flows import grant, revoke
from shared.protection.directory import count, domains
from shared.protection.policies import EVERYONE, Policy
from shared.protection.policies import listed as policies_of
from tests.harness import workspace as google
from tests.harness.workspace import ADMIN, LABEL, customer_members, group_of
from tests.harness.world import LARGE, ORCHARD, World


async def test_before_equals_after(world: World) -> None:
    before = world.snapshot(ORCHARD)
    connection = await google.connect(world)
    assert world.snapshot(ORCHARD) != before
    marks = await world.marks(connection)
    assert {mark for key, mark in marks.items()} == {"present", "running", "on demand"}
    closed = await google.leave(world, connection)
    content = await latest(world.app.database, closed)
    assert content is not None
    assert (content["result"], content["residue"], content["could_not_check"]) == ("clean", [], [])
    assert all(item["done"] and item["evidence"] for item in content["by_administrator"])
    assert world.snapshot(ORCHARD) == before


async def test_what_an_api_can_change_is_gone_before_the_administrator_is_asked_for_anything(world: World) -> None:
    connection = await google.connect(world)
    assert len(await operations_of(world.app.database, connection.id)) > 100
    await revoke.revoke(world.app, connection, "operator@msp.example")
    await world.work()
    now = await world.connection(connection.id)
    assert (now.stage, now.reason) == (Stage.CLEANUP, "waiting_for_administrator")
    database = world.app.database
    assert sum((await count(database, now.id)).values()) == 0
    assert await stored(database, now.id) == {}
    assert await policies_of(database, now.id) == []
    assert await grants_of(database, world.app.seal, now.id) == []
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    assert customer.grants == {}
    assert not [box for box in customer.mailboxes.values() if box.watch]
    assert customer.members[str(group_of(world)["id"])] == {}
    # Nothing that needs a permission comes after the permission has gone.
    gone = {
        e.key.split("/")[0]: e.number
        async for e in entries(database, now.id)
        if e.act == "remove" and e.state == "done"
    }
    order = sorted(gone, key=lambda key: gone[key])
    assert order.index("watches") < order.index("policies") < order.index("directory") < order.index("tokens")
    assert order.index("group-members") < order.index("policies")
    assert order[-1] == "grant"


@pytest.mark.parametrize("mode", ["api", "inline"])
async def test_each_mode_alone(world: World, mode: str) -> None:
    before = world.snapshot(ORCHARD)
    connection = await google.connect(world, modes=[mode])
    marks = await world.marks(connection)
    assert ("watches" in marks, "label" in marks) == (mode == "api", mode == "api")
    assert ("group" in marks, "rule" in marks, "gateway" in marks) == (mode == "inline",) * 3
    asked = {scope for call in await operations_of(world.app.database, connection.id) for scope in [call.method]}
    assert ("gmail.users.watch" in asked) is (mode == "api")
    await google.leave(world, connection)
    assert world.snapshot(ORCHARD) == before


async def test_the_least_scopes_of_each_mode_are_enough(world: World) -> None:
    """Delegated by hand with what the steps say, and not one more."""
    for mode in ("api", "inline"):
        connection = await google.create(world, modes=[mode])
        words = await world.app.platforms["google"].words(connection)
        scopes = words["scopes"].split(",")
        assert ("https://www.googleapis.com/auth/gmail.modify" in scopes) is (mode == "api")
        world.admin("install-app", ORCHARD)
        world.admin("authorise-delegation", ORCHARD, scopes=scopes)
        await google.consent(world, connection)
        running = await world.until(connection, Stage.RUN)
        if mode == "inline":
            await google.route_mail(world, running)
        running = await world.until_true(running, lambda now: now.synced_at is not None and now.status is Status.OK)
        await google.leave(world, running)


async def test_a_risky_message_is_labelled_once_and_a_harmless_one_is_not(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    user = "admin@orchard.example"
    (harmless,) = google.mail(world, user, sender="friend@kind.example")
    world.clock.move(timedelta(seconds=2))
    (risky,) = google.mail(world, user)
    assert await google.deliver_all(world) == 2
    box = google.mailbox(world, user)
    (label,) = [key for key, one in box.labels.items() if one["name"] == LABEL]
    assert label in box.messages[risky]["labelIds"]
    assert "INBOX" in box.messages[risky]["labelIds"]
    assert label not in box.messages[harmless]["labelIds"]
    modified = [call for call in world.sims.cloud.calls if call.path.endswith("/modify")]
    assert len(modified) == 1
    logged = await operations_of(world.app.database, connection.id, most=10_000)
    acts = [row for row in logged if row.method == "gmail.users.messages.modify"]
    assert [(row.subject, row.target, row.status, row.quota) for row in acts] == [(user, risky, 200, 5)]
    assert not [row for row in logged if "Hello" in repr(row)]


async def test_googles_own_log_shows_the_same_calls(world: World) -> None:
    from shared.web.views.books import matched

    connection = await google.connect(world, modes=["api"])
    world.clock.move(timedelta(seconds=2))
    shown = await matched(world.app, connection, timedelta(hours=2))
    same = {row["method"] for row in shown["methods"] if row["ours"] == row["theirs"]}
    assert {"gmail.users.watch", "directory.users.list", "directory.domains.list"} <= same
    # What came after our count, and tokens, which are no method.
    assert {row["method"] for row in shown["methods"]} - same <= {
        "oauth2.token",
        "reports.activities.list",
        "appsmarket.customerLicense.get",
    }


@pytest.mark.hazard(10)
async def test_the_gateway_outlives_the_rule_by_24_hours(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    await google.leave(world, connection)
    gone: dict[str, datetime] = {}
    asked: dict[str, datetime] = {}
    async for entry in entries(world.app.database, connection.id):
        if entry.act == "forget":
            gone[entry.key] = entry.at
        if entry.act == "ask" and entry.after == {"wanted": "absent"}:
            asked[entry.key] = entry.at
    assert asked["gateway"] - gone["rule"] >= timedelta(hours=24)
    assert asked["route"] >= gone["rule"]
    assert min(asked["application"], asked["delegation"]) >= gone["gateway"]


@pytest.mark.hazard(17)
async def test_connecting_again_during_the_wait_removes_nothing_of_the_new_set_up(world: World) -> None:
    before = world.snapshot(ORCHARD)
    connection = await google.connect(world)
    await revoke.revoke(world.app, connection, "operator@msp.example")
    await world.pass_time(timedelta(hours=3))
    waiting = await world.connection(connection.id)
    assert waiting.stage is Stage.CLEANUP
    await grant.connect_again(world.app, waiting, "operator@msp.example")
    told = await world.until_true(waiting, lambda now: now.status is Status.ATTENTION)
    assert told.reason == "consent_missing"  # it was given back, so a person must give it anew
    await google.consent(world, told)
    running = await world.until_true(told, lambda now: now.stage is Stage.RUN and now.status is Status.OK)
    assert len(customer_members(world)) > 50
    await world.pass_time(timedelta(hours=48))
    assert (await world.connection(connection.id)).stage is Stage.RUN
    assert set((await world.marks(running)).values()) == {"present", "running", "on demand"}
    await google.leave(world, running)
    assert world.snapshot(ORCHARD) == before


async def test_steps_that_no_machine_can_see_are_taken_on_somebodys_word(world: World) -> None:
    world.behave(ORCHARD, audit_lag_seconds=400 * 86400)
    connection = await google.create(world, modes=["inline"])
    world.admin("install-app", ORCHARD)
    await google.consent(world, connection)
    running = await world.until(connection, Stage.RUN)
    await google.route_mail(world, running)
    now = await google.look(world, running)
    assert now.reason == "waiting_for_administrator"
    for key in ("route", "gateway", "application"):
        await revoke.attest(world.app, now, key, "operator@msp.example")
    now = await world.until_true(now, lambda c: c.status is Status.OK)
    held = await holdings_of(world.app.database, now.id)
    assert held["route"].state is HoldingState.OURS
    # Where a machine can see, nobody's word counts.
    await revoke.revoke(world.app, now, "operator@msp.example")
    await world.work()
    await revoke.attest(world.app, await world.connection(now.id), "rule", "operator@msp.example")
    await world.work()
    assert (await world.marks(now))["rule"] == "by administrator"


async def test_the_group_stays_unless_somebody_asks_for_its_removal(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    with pytest.raises(Exception, match="not_offered_now"):
        await revoke.attest(world.app, connection, "group", "operator@msp.example")
    closed = await google.leave(world, connection, group=False)
    assert group_of(world)
    content = await latest(world.app.database, closed)
    assert content is not None
    assert (content["result"], [one["key"] for one in content["kept_as_published"]]) == ("clean", ["group"])


async def test_a_domain_of_many_users_is_left_as_it_was(world: World) -> None:
    world.large("google")
    before = world.snapshot(LARGE)
    users = google.some_users(world, 40, LARGE)
    some = Policy(name="some", users=users, conditions={"senders": ["risky.example"]}, actions=["label"])
    connection = await google.connect(world, domain=LARGE, policies=[some])
    listed = len(json.loads(before)["users"])
    assert listed > 500  # the largest page
    assert (await count(world.app.database, connection.id))["users"] == listed
    await google.leave(world, connection, LARGE)
    assert world.snapshot(LARGE) == before


async def test_mx_comes_from_dns_and_a_resolver_that_fails_is_not_no_mx(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    known = {row["name"]: row["mx"] for row in await domains(world.app.database, connection.id)}
    assert known["orchard.example"] == ["smtp.google.com"]
    world.behave(ORCHARD, dns="servfail")
    await google.sync(world, connection)
    assert {row["name"]: row["mx"] for row in await domains(world.app.database, connection.id)} == known


async def test_the_grant_of_an_administrator_who_is_replaced_is_given_back(world: World) -> None:
    connection = await google.connect(world, modes=["api"], policies=[EVERYONE])
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    admins = [user for user in customer.users.values() if user["isAdmin"] and not user["suspended"]]
    other = next(user for user in admins if user["primaryEmail"] != ADMIN)
    await google.consent(world, connection, user=other["primaryEmail"])
    await world.work()
    now: Connection = await world.connection(connection.id)
    assert now.administrator == other["primaryEmail"]
    assert [key.split()[0] for key in customer.grants] == [other["id"]]
    await google.leave(world, now)
    assert customer.grants == {}
