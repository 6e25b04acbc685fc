"""Mail that comes: watches, pushes, history, labels and quotas of mailboxes."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Status
from shared.protection import mailboxes
from shared.protection.policies import Policy
from tests.harness import workspace as google
from tests.harness.gmail import forged, known, labelled
from tests.harness.workspace import ADMIN, LABEL
from tests.harness.world import ORCHARD, World


@pytest.mark.hazard(12)
async def test_a_subscription_about_to_lapse_is_an_alarm(world: World) -> None:
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


@pytest.mark.hazard(12)
async def test_one_mailbox_that_lapses_is_an_alarm_too(world: World) -> None:
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


@pytest.mark.hazard(13)
async def test_a_history_id_too_old_loses_nothing(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    ids = [google.mail(world, ADMIN)[0] for _ in range(3)]
    world.control("POST", "/forget-history", tenant=ORCHARD, user=ADMIN)
    world.clock.move(timedelta(seconds=5))
    ids += google.mail(world, ADMIN)
    await google.deliver_all(world)
    assert labelled(world) == dict.fromkeys(ids, 1)
    box = await known(world, connection)
    assert box.position == google.mailbox(world, ADMIN).history_id or box.catching_up is None
    world.clock.move(timedelta(seconds=5))
    ids += google.mail(world, ADMIN)
    await google.deliver_all(world)
    assert set(labelled(world)) == set(ids)


FORGERIES = [
    "none",
    "unsigned",
    "symmetric",
    "wrong signature",
    "another account",
    "not verified",
    "another audience",
    "another issuer",
    "too old",
]


@pytest.mark.hazard(24)
@pytest.mark.parametrize("kind", FORGERIES)
async def test_a_forged_push_is_refused(world: World, kind: str) -> None:
    connection = await google.connect(world, modes=["api"])
    google.mail(world, ADMIN)
    (push,) = google.pushes(world)
    answer = await google.deliver(world, forged(world, push, kind))
    assert answer.status == 401
    assert (await known(world, connection)).noticed is None
    assert (await google.deliver(world, push)).status == 204


@pytest.mark.hazard(24)
async def test_pushes_doubled_reordered_replayed_and_dropped_label_each_message_once(world: World) -> None:
    world.behave(ORCHARD, push_duplicates=2, push_shuffle=True, push_label_changes=False)
    connection = await google.connect(world, modes=["api"])
    risky: list[str] = []
    kept: list[dict[str, Any]] = []
    for number in range(12):
        risky += google.mail(world, ADMIN, subject=f"Message {number}")
        google.mail(world, ADMIN, sender="friend@kind.example")
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


@pytest.mark.hazard(24)
async def test_what_no_push_told_of_is_found_by_the_daily_sweep(world: World) -> None:
    await google.connect(world, modes=["api"])
    ids = google.mail(world, ADMIN)
    google.pushes(world)  # lost, all of them
    await world.pass_time(timedelta(days=1))
    await world.tick()
    await world.work()
    assert labelled(world) == dict.fromkeys(ids, 1)


@pytest.mark.hazard(24)
async def test_a_push_for_nobody_of_ours_is_dropped(world: World) -> None:
    connection = await google.connect(world, modes=["api"])
    google.mail(world, ADMIN)
    (push,) = google.pushes(world)
    await google.leave(world, connection)
    now = int(world.clock.now().timestamp())
    again = forged(world, push, "signed again", iat=now, exp=now + 3600)
    assert (await google.deliver(world, again)).status == 204
    assert await mailboxes.listed(world.app.database, connection.id) == []


@pytest.mark.hazard(25)
@pytest.mark.parametrize("reason", ["aborted", "duplicate", "alreadyExists"])
async def test_a_label_in_other_letters_is_found(world: World, reason: str) -> None:
    world.behave(ORCHARD, label_conflict=reason)
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    named = {
        key: box
        for key, box in customer.mailboxes.items()
        if any(one["name"].casefold() == LABEL.casefold() for one in box.labels.values())
    }
    (owner,) = named
    address = customer.users[owner]["primaryEmail"]
    await google.connect(world, modes=["api"])
    ids = google.mail(world, address)
    await google.deliver_all(world)
    assert labelled(world, address) == dict.fromkeys(ids, 1)
    assert len(customer.mailboxes[owner].labels) == len(named[owner].labels)


@pytest.mark.hazard(25)
async def test_a_label_renamed_is_kept_and_one_deleted_is_made_anew_once(world: World) -> None:
    await google.connect(world, modes=["api"])
    first = google.mail(world, ADMIN)
    await google.deliver_all(world)
    world.admin("rename-label", ORCHARD, user=ADMIN, name=LABEL, to="Careful")
    world.clock.move(timedelta(seconds=5))
    second = google.mail(world, ADMIN)
    await google.deliver_all(world)
    box = google.mailbox(world, ADMIN)
    (renamed,) = [key for key, one in box.labels.items() if one["name"] == "Careful"]
    assert renamed in box.messages[first[0]]["labelIds"]
    assert renamed in box.messages[second[0]]["labelIds"]
    world.admin("delete-label", ORCHARD, user=ADMIN, name="Careful")
    for _ in range(3):
        world.clock.move(timedelta(seconds=5))
        google.mail(world, ADMIN)
        await google.deliver_all(world)
    made = [call for call in world.sims.cloud.calls if call.method == "POST" and call.path.endswith("/labels")]
    assert len(made) == 2
    assert len(labelled(world)) == 3


@pytest.mark.hazard(26)
async def test_a_message_lost_between_note_and_job_is_found_at_the_next_tick(world: World) -> None:
    import sqlalchemy as sa

    from shared.storage import tables as db

    connection = await google.connect(world, modes=["api"])
    ids = google.mail(world, ADMIN)
    for push in google.pushes(world):
        await google.deliver(world, push)
    async with world.app.database.write() as write:
        await write.execute(sa.delete(db.jobs))
    world.clock.move(timedelta(minutes=6))
    await world.tick()
    assert labelled(world) == dict.fromkeys(ids, 1)
    assert (await world.connection(connection.id)).status is Status.OK


@pytest.mark.parametrize("status", [403, 429])
async def test_a_users_quota_is_waited_for_until_the_stated_time_and_progress_is_kept(
    world: World, status: int
) -> None:
    world.behave(ORCHARD, quota_status=status)
    connection = await google.connect(world, modes=["api"])
    world.clock.move(timedelta(seconds=61 - world.clock.now().second))  # Gmail's minutes are whole ones
    customer, box = world.sims.google.customer(ORCHARD), google.mailbox(world, ADMIN)
    assert customer is not None
    # Other applications of the user's have spent most of the minute: 1 000 of 6 000 units are left.
    spent = (int(world.clock.now().timestamp()) // 60, 5000)
    owner = next(key for key, one in customer.mailboxes.items() if one is box)
    customer.mailboxes[owner] = replace(box, spent=spent)
    ids = google.mail(world, ADMIN, count=60)  # 20 units to read each and 5 to label it
    await google.deliver_all(world)
    part = labelled(world)
    assert 0 < len(part) < 60
    box = await known(world, connection)
    assert box.not_before is not None
    assert timedelta(0) < box.not_before - world.clock.now() <= timedelta(seconds=61)
    assert (await world.connection(connection.id)).status is Status.OK  # one user's matter
    await world.pass_time(timedelta(minutes=10))
    assert labelled(world) == dict.fromkeys(ids, 1)
    gets = [call for call in world.sims.cloud.calls if "/messages/" in call.path and call.method == "GET"]
    assert len([call for call in gets if call.status == 200]) < 66
