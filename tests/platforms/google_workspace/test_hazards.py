"""Hazards of Gmail: mail that comes, mailboxes that go, tokens that die, and others who change what is ours."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest

from shared.connections.grants import listed as grants_of
from shared.connections.record import Connection, Status
from shared.connections.tokens import Tokens
from shared.deployment.queues import Job
from shared.engine.rows import Stage
from shared.flows import grant
from shared.flows.jobs import run
from shared.foundation.errors import Refused
from shared.platforms.google_workspace.tenant import IN_PERSON
from shared.protection import mailboxes
from shared.protection.directory import count
from shared.protection.policies import EVERYONE, Policy
from tests.engine.test_life_google_workspace import LABEL, customer_members, group_of
from tests.harness import workspace as google
from tests.harness.workspace import ADMIN, RISKY
from tests.harness.world import HARBOUR, ORCHARD, World

USER = "admin@orchard.example"


async def refresh(world: World, connection: Connection) -> Connection:
    """The hour's token refresh."""
    await run(world.app, Job(name="refresh", connection=connection.id))
    return await world.connection(connection.id)


def labelled(world: World, address: str = USER) -> dict[str, int]:
    """Messages that bear the label, with how often they were modified."""
    box = google.mailbox(world, address)
    ours = {key for key, one in box.labels.items() if one["name"].casefold() == LABEL.casefold()}
    bearing = [key for key, one in box.messages.items() if ours & set(one["labelIds"])]
    calls = [call.path.split("/")[-2] for call in world.sims.cloud.calls if call.path.endswith("/modify")]
    return {key: calls.count(key) for key in bearing}


async def known(world: World, connection: Connection, address: str = USER) -> mailboxes.Mailbox:
    """What we know of a mailbox."""
    listed = await mailboxes.listed(world.app.database, connection.id)
    return next(box for box in listed if box.address == address)


FAULTS = ["nul403", "empty403", "html", "truncated_json", "status", "drop_before"]


READS = ["groups/[^/]+$", "members$", "/users$", "/v1/policies$", "/groups/v1/", "customerLicense"]


@pytest.mark.parametrize("kind", FAULTS)
async def test_hazard_01_a_failed_read_is_not_absent(world: World, kind: str) -> None:
    connection = await google.connect(world, policies=[Policy(name="few", users=google.some_users(world))])
    before, held = world.snapshot(ORCHARD), await count(world.app.database, connection.id)
    more = {"status": 404, "body": {"error": {"code": 404, "message": "no"}}} if kind == "status" else {}
    for what in READS:
        world.fault({"method": "GET", "path": what}, {"kind": kind, **more}, times=3)
        for job in ("advance", "sync-now"):
            await run(world.app, Job(name=job, connection=connection.id))
        assert world.snapshot(ORCHARD) == before, what
        assert await count(world.app.database, connection.id) == held, what
        world.control("DELETE", "/faults")
        now = await world.until_true(connection, lambda c: c.status is Status.OK)
        assert now.stage is Stage.RUN


@pytest.mark.parametrize("lag", [0, 90])
async def test_hazard_02_a_lost_answer_makes_no_second_group(world: World, lag: int) -> None:
    before = world.snapshot(ORCHARD)
    world.behave(ORCHARD, group_visible_seconds=lag)
    world.fault({"host": "admin", "method": "POST", "path": "/groups$"}, {"kind": "drop_after"}, times=2)
    connection = await google.connect(world, modes=["inline"])
    ours = [g for g in google.state(world)["groups"] if str(g["email"]).startswith("tmcas-inline-incoming-")]
    assert len(ours) == 1
    await google.leave(world, connection)
    assert world.snapshot(ORCHARD) == before


@pytest.mark.parametrize("conflict", ["duplicate", "conflict", "condition"])
async def test_hazard_02_a_member_who_is_there_already_is_a_member(world: World, conflict: str) -> None:
    world.behave(ORCHARD, member_conflict=conflict)
    world.fault({"host": "admin", "method": "POST", "path": "/members$"}, {"kind": "drop_after"}, times=9)
    connection = await google.connect(world, modes=["inline"])
    assert connection.status is Status.OK
    assert len(customer_members(world)) > 50


async def test_hazard_05_a_customers_new_name_for_the_group_breaks_nothing(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    group = group_of(world)
    body = {"email": "renamed@orchard.example", "name": "Something else"}
    world.control("POST", f"/tenants/{world.tenant_id(ORCHARD)}/directory", method="PATCH",
                  path=f"/admin/directory/v1/groups/{group['id']}", body=body)  # fmt: skip
    told = await google.sync(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    await google.leave(world, told)
    assert not [g for g in google.state(world)["groups"] if g["id"] == group["id"]]


async def test_hazard_06_a_group_that_is_deleted_or_emptied_is_noticed(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    await world.pass_time(timedelta(minutes=10))  # until then it might just not be listed yet
    group, path = group_of(world), f"/tenants/{world.tenant_id(ORCHARD)}/directory"
    for member in list(customer_members(world))[:20]:
        world.control("POST", path, method="DELETE", path=f"/admin/directory/v1/groups/{group['id']}/members/{member}")
    told = await google.sync(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    assert "mail of some users flows unscanned" in str(told.sentence)
    world.control("POST", path, method="DELETE", path=f"/admin/directory/v1/groups/{group['id']}")
    told = await google.sync(world, connection)
    assert "mail flows unscanned" in str(told.sentence)


@pytest.mark.parametrize("action", ["delete-rule", "disable-rule"])
async def test_hazard_06_a_rule_that_does_no_work_any_more_is_noticed(world: World, action: str) -> None:
    connection = await google.connect(world, modes=["inline"])
    world.admin(action, ORCHARD)
    told = await google.look(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "drift")
    assert "mail flows unscanned" in str(told.sentence)
    world.admin("add-rule" if action == "delete-rule" else "enable-rule", ORCHARD)
    assert (await google.look(world, connection)).status is Status.OK


async def test_a_disabled_rule_is_not_a_removed_one(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    from shared.flows import revoke

    await revoke.revoke(world.app, connection, "operator@msp.example")
    await world.work()
    world.admin("disable-rule", ORCHARD)
    await world.pass_time(timedelta(hours=5))
    assert (await world.marks(connection))["rule"] == "by administrator"


async def test_hazard_11_one_refresher_at_a_time_and_no_token_is_lost(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    (kept,) = await grants_of(world.app.database, world.app.seal, connection.id)
    world.sims.cloud.calls.clear()
    await asyncio.gather(*(run(world.app, Job(name="refresh", connection=connection.id)) for _ in range(3)))
    kept_token = (await stored_token(world, connection))[-12:]
    newest = [
        text for text, one in world.sims.cloud.google_tokens.items() if one.user_id and one.client_id.endswith(".com")
    ]
    assert newest[-1].endswith(kept_token)
    assert [g.secret for g in await grants_of(world.app.database, world.app.seal, connection.id)] == [kept.secret]
    fresh = {"access_token": "ya29.new", "expires_in": 3599, "token_type": "Bearer", "refresh_token": "1//0new"}
    world.fault({"host": "oauth2", "path": "/token"}, {"kind": "status", "status": 200, "body": fresh})
    await refresh(world, connection)
    assert [g.secret for g in await grants_of(world.app.database, world.app.seal, connection.id)] == ["1//0new"]


async def stored_token(world: World, connection: Connection) -> str:
    """The access token of the administrator's grant, as it is stored."""
    return await Tokens(
        database=world.app.database, seal=world.app.seal, clock=world.clock, connection=connection.id, keep=True,
        fetch=lambda _: asyncio.sleep(0),  # type: ignore[arg-type,return-value] # nothing is fetched
    ).get(IN_PERSON)  # fmt: skip


async def test_hazard_12_a_subscription_about_to_lapse_is_an_alarm(world: World) -> None:
    few = Policy(name="few", users=google.some_users(world))
    connection = await google.connect(world, modes=["api"], policies=[few])
    world.fault({"host": "gmail", "path": "/watch$"}, {"kind": "status", "status": 503, "body": "down"}, times=100_000)
    for _ in range(5):
        world.clock.move(timedelta(days=1))
        await world.tick()
    failing = await world.connection(connection.id)
    assert failing.status is not Status.OK
    world.control("DELETE", "/faults")
    healed = await world.until_true(failing, lambda now: now.status is Status.OK)
    left = [box.watched_until for box in await mailboxes.listed(world.app.database, healed.id)]
    assert min(moment for moment in left if moment) > world.clock.now() + timedelta(days=5)


async def test_hazard_12_one_mailbox_that_lapses_is_an_alarm_too(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    box = await known(world, connection)
    soon = world.clock.now() + timedelta(days=1)
    await mailboxes.keep(world.app.database, connection.id, box.user, box.address, watched_until=soon)
    told = await google.look(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "not_as_made")
    assert "lapsing is 1" in str(told.sentence)
    await world.pass_time(timedelta(days=1))
    await world.tick()
    assert (await world.connection(connection.id)).status is Status.OK


async def test_hazard_13_a_history_id_too_old_loses_nothing(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    ids = [google.mail(world, USER)[0] for _ in range(3)]
    world.control("POST", "/forget-history", tenant=ORCHARD, user=USER)
    world.clock.move(timedelta(seconds=5))
    ids += google.mail(world, USER)
    await google.deliver_all(world)
    assert labelled(world) == dict.fromkeys(ids, 1)
    box = await known(world, connection)
    assert box.position == google.mailbox(world, USER).history_id or box.catching_up is None
    world.clock.move(timedelta(seconds=5))
    ids += google.mail(world, USER)
    await google.deliver_all(world)
    assert set(labelled(world)) == set(ids)


async def test_hazard_14_an_administrator_of_another_customer_is_refused_and_given_back(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    before = await world.connection(connection.id)
    world.admin("install-app", HARBOUR)
    with pytest.raises(Refused) as refused:
        await google.consent(world, connection, user=f"admin@{HARBOUR}")
    assert (refused.value.status, refused.value.code) == (409, "another_tenant")
    assert await world.connection(connection.id) == before
    customer = world.sims.cloud.customer(HARBOUR)
    assert customer is not None
    assert customer.grants == {}


async def test_hazard_14_who_is_no_super_administrator_or_leaves_a_box_unticked_is_refused(world: World) -> None:
    connection = await google.create(world, modes=["api"])
    with pytest.raises(Refused, match="consent_incomplete"):
        await google.consent(world, connection, scopes=lambda scope: "directory" not in scope)
    with pytest.raises(Refused, match="consent_declined"):
        await google.consent(world, connection, decision="cancel")
    world.admin("demote-user", ORCHARD, user=ADMIN)
    customer = world.sims.cloud.customer(ORCHARD)
    assert customer is not None
    with pytest.raises(Refused, match="not_an_administrator"):
        await google.consent(world, connection)
    assert customer.grants == {}
    after = await world.connection(connection.id)
    assert (after.tenant, after.claimed_tenant, after.administrator) == (None, None, None)


async def test_hazard_14_a_callback_is_good_once_and_for_its_own_state_only(world: World) -> None:
    first, second = await google.create(world, modes=["api"]), await google.create(world, modes=["inline"])
    code = google.decide(await grant.platform_url(world.app, first)).params["code"]
    other = google.decide(await grant.platform_url(world.app, second)).params["state"]
    # Another sign-in's code does not fit this one's verifier.
    with pytest.raises(Refused, match="callback_not_valid"):
        await grant.callback(world.app, "google", {"code": code, "state": other})
    with pytest.raises(Refused, match="link_not_valid"):
        await grant.callback(world.app, "google", {"code": code, "state": other})


async def test_hazard_15_a_withdrawn_grant_is_believed_on_the_second_refusal_and_got_over(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    world.admin("revoke-grant", ORCHARD, user=ADMIN)
    doubtful = await refresh(world, connection)
    assert (doubtful.status, doubtful.reason) == (Status.WAITING, "grant_doubtful")
    told = await world.until_true(connection, lambda now: now.status is Status.ATTENTION)
    assert told.reason in ("consent_missing", "drift")
    await google.consent(world, told)
    assert (await world.until_true(told, lambda now: now.status is Status.OK)).stage is Stage.RUN


async def test_hazard_15_a_delegation_taken_away_is_told_and_got_over(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    world.admin("remove-delegation", ORCHARD)
    await world.pass_time(timedelta(minutes=61))
    told = await refresh(world, connection)
    assert (told.status, told.reason) == (Status.ATTENTION, "consent_missing")
    world.admin("authorise-delegation", ORCHARD)
    await world.pass_time(timedelta(hours=2))
    await world.tick()
    assert (await world.until_true(told, lambda now: now.status is Status.OK)).stage is Stage.RUN


async def test_hazard_16_two_jobs_do_not_act_at_once(world: World) -> None:
    connection = await google.create(world, modes=["inline"])
    world.admin("install-app", ORCHARD)
    await google.consent(world, connection)
    await asyncio.gather(*(run(world.app, Job(name="advance", connection=connection.id)) for _ in range(3)))
    await world.until(connection, Stage.RUN)
    assert len([c for c in world.sims.cloud.calls if c.method == "POST" and c.path.endswith("/v1/groups")]) == 1


@pytest.mark.parametrize("kind", ["empty_listing", "half_listing", "truncated_json", "empty_page_with_next_token"])
async def test_hazard_19_a_directory_that_answers_less_loses_nothing(world: World, kind: str) -> None:
    connection = await google.connect(world, policies=[EVERYONE])
    before = await count(world.app.database, connection.id)
    world.fault({"host": "admin", "path": "/directory/v1/users$"}, {"kind": kind}, times=3)
    told = await google.sync(world, connection)
    assert told.status is not Status.OK
    assert await count(world.app.database, connection.id) == before
    assert len(customer_members(world)) > 50


async def test_hazard_19_who_is_truly_deleted_is_let_go_of(world: World) -> None:
    connection = await google.connect(world, policies=[EVERYONE])
    before, gone = await count(world.app.database, connection.id), "gone@orchard.example"
    world.admin("add-user", ORCHARD, email=gone, name="Gone Soon")
    await google.sync(world, connection)
    assert (await count(world.app.database, connection.id))["users"] == before["users"] + 1
    members = len(customer_members(world))
    world.admin("delete-user", ORCHARD, user=gone)
    synced = await google.sync(world, connection)
    assert synced.status is Status.OK
    assert await count(world.app.database, connection.id) == before
    assert len(customer_members(world)) == members - 1


@pytest.mark.parametrize("action", ["suspend-user", "delete-user", "mail-off", "archive-user"])
async def test_hazard_20_one_user_who_is_gone_is_skipped(world: World, action: str) -> None:
    connection = await google.connect(world, policies=[EVERYONE, RISKY])
    boxes = await mailboxes.listed(world.app.database, connection.id)
    victim = next(box.address for box in boxes if not box.address.startswith("admin"))
    google.mail(world, victim)
    world.admin(action, ORCHARD, user=victim)
    await google.deliver_all(world)
    assert (await world.connection(connection.id)).status is Status.OK
    await world.pass_time(timedelta(days=1))
    await world.tick()
    healthy = await world.until_true(connection, lambda now: now.status is Status.OK)
    assert victim not in {box.address for box in await mailboxes.listed(world.app.database, healthy.id)}
    await google.leave(world, healthy)


def forged(world: World, push: dict[str, Any], kind: str, **more: Any) -> dict[str, Any]:
    """A push that must not be taken."""
    name = next(name for name in push["headers"] if name.lower() == "authorization")
    token = push["headers"][name].removeprefix("Bearer ")
    claims, key = jwt.decode(token, options={"verify_signature": False}), jwt.get_unverified_header(token)["kid"]
    changed = {
        "another account": claims | {"email": "push@another.iam.gserviceaccount.com"},
        "not verified": claims | {"email_verified": False},
        "another audience": claims | {"aud": "https://another.example/api/notifications/gmail"},
        "another issuer": claims | {"iss": "https://issuer.example"},
        "signed again": claims | more,
        "too old": claims | {"iat": claims["iat"] - 9000, "exp": claims["iat"] - 5400},
    }
    match kind:
        case "none":
            text = ""
        case "unsigned":
            text = jwt.encode(claims, None, algorithm="none", headers={"kid": key})
        case "symmetric":
            text = jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"kid": key})
        case "wrong signature":
            text = token[:-6] + "AAAAAA"
        case _:
            text = world.sims.cloud.google_signer.sign(changed[kind])
    return push | {"headers": push["headers"] | {name: f"Bearer {text}"}}


FORGERIES = ["none", "unsigned", "symmetric", "wrong signature", "another account", "not verified", "another audience",
             "another issuer", "too old"]  # fmt: skip


@pytest.mark.parametrize("kind", FORGERIES)
async def test_hazard_24_a_forged_push_is_refused(world: World, kind: str) -> None:
    connection = await google.connect(world, modes=["api"])
    google.mail(world, USER)
    (push,) = google.pushes(world)
    answer = await google.deliver(world, forged(world, push, kind))
    assert answer.status == 401
    assert (await known(world, connection)).noticed is None
    assert (await google.deliver(world, push)).status == 204


async def test_hazard_24_pushes_doubled_reordered_replayed_and_dropped_label_each_message_once(world: World) -> None:
    world.behave(ORCHARD, push_duplicates=2, push_shuffle=True, push_label_changes=False)
    connection = await google.connect(world, modes=["api"])
    risky: list[str] = []
    kept: list[dict[str, Any]] = []
    for number in range(12):
        risky += google.mail(world, USER, subject=f"Message {number}")
        google.mail(world, USER, sender="friend@kind.example")
        world.clock.move(timedelta(seconds=2))
        waiting = google.pushes(world)
        kept += waiting
        for push in [] if number % 3 == 0 else waiting:  # every third is lost on its way
            assert (await google.deliver(world, push)).status == 204
        await world.work()
    for push in reversed(kept):
        assert (await google.deliver(world, push)).status == 204
    await world.work()
    kinds = {type(json.loads(base64.b64decode(json.loads(p["body"])["message"]["data"]))["historyId"]) for p in kept}
    assert kinds == {int, str}
    assert labelled(world) == dict.fromkeys(risky, 1)
    assert (await world.connection(connection.id)).status is Status.OK


async def test_hazard_24_what_no_push_told_of_is_found_by_the_daily_sweep(world: World) -> None:
    await google.connect(world, modes=["api"])
    ids = google.mail(world, USER)
    google.pushes(world)  # lost, all of them
    await world.pass_time(timedelta(days=1))
    await world.tick()
    await world.work()
    assert labelled(world) == dict.fromkeys(ids, 1)


async def test_hazard_24_a_push_for_nobody_of_ours_is_dropped(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    google.mail(world, USER)
    (push,) = google.pushes(world)
    await google.leave(world, connection)
    now = int(world.clock.now().timestamp())
    again = forged(world, push, "signed again", iat=now, exp=now + 3600)
    assert (await google.deliver(world, again)).status == 204
    assert await mailboxes.listed(world.app.database, connection.id) == []


@pytest.mark.parametrize("reason", ["aborted", "duplicate", "alreadyExists"])
async def test_hazard_25_a_label_in_other_letters_is_found(world: World, reason: str) -> None:
    world.behave(ORCHARD, label_conflict=reason)
    customer = world.sims.cloud.customer(ORCHARD)
    assert customer is not None
    named = {key: box for key, box in customer.mailboxes.items()
             if any(one["name"].casefold() == LABEL.casefold() for one in box.labels.values())}  # fmt: skip
    (owner,) = named
    address = customer.users[owner]["primaryEmail"]
    await google.connect(world, modes=["api"])
    ids = google.mail(world, address)
    await google.deliver_all(world)
    assert labelled(world, address) == dict.fromkeys(ids, 1)
    assert len(customer.mailboxes[owner].labels) == len(named[owner].labels)


async def test_hazard_25_a_label_renamed_is_kept_and_one_deleted_is_made_anew_once(world: World) -> None:
    await google.connect(world, modes=["api"])
    first = google.mail(world, USER)
    await google.deliver_all(world)
    world.admin("rename-label", ORCHARD, user=USER, name=LABEL, to="Careful")
    world.clock.move(timedelta(seconds=5))
    second = google.mail(world, USER)
    await google.deliver_all(world)
    box = google.mailbox(world, USER)
    (renamed,) = [key for key, one in box.labels.items() if one["name"] == "Careful"]
    assert renamed in box.messages[first[0]]["labelIds"]
    assert renamed in box.messages[second[0]]["labelIds"]
    world.admin("delete-label", ORCHARD, user=USER, name="Careful")
    for _ in range(3):
        world.clock.move(timedelta(seconds=5))
        google.mail(world, USER)
        await google.deliver_all(world)
    made = [call for call in world.sims.cloud.calls if call.method == "POST" and call.path.endswith("/labels")]
    assert len(made) == 2
    assert len(labelled(world)) == 3


async def test_hazard_26_a_message_lost_between_note_and_job_is_found_at_the_next_tick(world: World) -> None:
    import sqlalchemy as sa

    from shared.storage import tables as db

    connection = await google.connect(world, modes=["api"])
    ids = google.mail(world, USER)
    for push in google.pushes(world):
        await google.deliver(world, push)
    async with world.app.database.write() as write:
        await write.execute(sa.delete(db.jobs))
    world.clock.move(timedelta(minutes=6))
    await world.tick()
    assert labelled(world) == dict.fromkeys(ids, 1)
    assert (await world.connection(connection.id)).status is Status.OK


async def test_hazard_28_a_delegation_on_its_way_is_waited_for_with_its_reason(world: World) -> None:
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


@pytest.mark.parametrize("status", [403, 429])
async def test_a_users_quota_is_waited_for_until_the_stated_time_and_progress_is_kept(
    world: World, status: int
) -> None:
    world.behave(ORCHARD, quota_status=status)
    connection = await google.connect(world, modes=["api"])
    world.clock.move(timedelta(seconds=61 - world.clock.now().second))  # Gmail's minutes are whole ones
    ids = google.mail(world, USER, count=400)  # 20 units to read each and 5 to label it, of 6 000 a minute
    await google.deliver_all(world)
    part = labelled(world)
    assert 0 < len(part) < 400
    box = await known(world, connection)
    assert box.not_before is not None
    assert timedelta(0) < box.not_before - world.clock.now() <= timedelta(seconds=61)
    assert (await world.connection(connection.id)).status is Status.OK  # one user's matter
    await world.pass_time(timedelta(minutes=10))
    assert labelled(world) == dict.fromkeys(ids, 1)
    gets = [call for call in world.sims.cloud.calls if "/messages/" in call.path and call.method == "GET"]
    assert len([call for call in gets if call.status == 200]) < 440


async def test_an_unchanged_directory_writes_nothing(world: World) -> None:
    import sqlalchemy as sa

    from shared.connections import record as connections
    from shared.flows.advance import open_ledger

    connection = await google.connect(world, modes=["api"])
    claimed = await connections.claim(world.app.database, connection.id, world.clock.now())
    assert claimed is not None
    ledger = await open_ledger(world.app, *claimed)
    await ledger.load()
    written: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")) and "operations" not in statement:
            written.append(statement)

    engine = world.app.database.engine.sync_engine
    async with world.app.platforms["google"].open(claimed[0], ledger) as tenant:
        sa.event.listen(engine, "before_cursor_execute", note)
        await tenant.sync(accept_loss=False)
        sa.event.remove(engine, "before_cursor_execute", note)
    assert {statement.split()[2] for statement in written} <= {"domains"}


async def test_a_policy_names_a_group_that_holds_the_whole_organisation(world: World) -> None:
    state = google.state(world)
    whole = next(g["id"] for g in state["groups"] if any(m.get("type") == "CUSTOMER" for m in g["members"]))
    connection = await google.connect(world, modes=["inline"], policies=[Policy(name="whole", groups=[whole])])
    assert len(customer_members(world)) > 50
    assert connection.status is Status.OK
