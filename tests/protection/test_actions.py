"""What happens to messages: the first policy that means one decides, each is acted on once, none is missed."""

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.connections.call_log import listed as operations_of
from shared.connections.record import Connection, Status
from shared.protection import decisions, mailboxes, quarantine_search
from shared.protection.policies import Policy
from tests.harness import workspace as google
from tests.harness.decisions import connect, done, risky
from tests.harness.workspace import ADMIN, LABEL
from tests.harness.world import ORCHARD, World

WORDS = "the parcel number is 4711"
ENDS: dict[tuple[Any, ...], tuple[set[str], set[str], list[str]]] = {
    ("label",): ({LABEL, "INBOX"}, set(), ["modify"]),
    ("spam",): ({"SPAM"}, {"INBOX"}, ["modify"]),
    ("trash",): ({"TRASH"}, {"INBOX"}, ["trash"]),
    ("quarantine",): ({"TRASH"}, {"INBOX"}, ["trash"]),
    ("label", "spam"): ({LABEL, "SPAM"}, {"INBOX"}, ["modify", "modify"]),
    ("trash", "label"): ({LABEL, "TRASH"}, {"INBOX"}, ["modify", "trash"]),
    ("pass",): ({"INBOX"}, {LABEL}, []),
}


@pytest.mark.parametrize("actions", ENDS, ids="+".join)
async def test_each_action_is_done_once_and_logged(world: World, actions: tuple[Any, ...]) -> None:
    connection = await connect(world, risky(*actions))
    (harmless,) = google.mail(world, ADMIN, sender="friend@kind.example")
    (message,) = google.mail(world, ADMIN, subject=WORDS)
    await google.deliver_all(world)
    await mailboxes.rescan_all(world.app.database, connection.id)
    world.admin("move-message", ORCHARD, user=ADMIN, message=harmless, add=["STARRED"])
    google.mail(world, ADMIN, sender="friend@kind.example")
    await google.deliver_all(world)
    has, has_not, calls = ENDS[actions]
    assert has <= google.labels(world, ADMIN, message)
    assert google.labels(world, ADMIN, message).isdisjoint(has_not)
    assert google.touched(world) == [(message, one) for one in calls]
    assert await done(world, connection) == {message: sorted(("risky", one) for one in actions)}
    rows = await decisions.listed(world.app.database, connection.id)
    assert [row["findings"] for row in rows] == [["senders"]] * len(actions)
    logged = await operations_of(world.app.database, connection.id, most=10_000)
    methods = [row.method.rpartition(".")[2] for row in logged if row.target == message]
    assert [one for one in methods if one != "get"] == calls
    assert WORDS not in json.dumps([logged, rows], default=str)


async def test_the_first_policy_that_means_a_message_decides(world: World) -> None:
    connection = await connect(
        world,
        risky("pass", name="ours", order=1, conditions={"senders": ["office@risky.example"]}),
        risky("spam", name="b later", order=5),
        risky("label", name="a first", order=5, conditions={"senders": ["risky.example"], "subjects": ["you won"]}),
        risky("trash", name="off", order=0, enabled=False),
        risky("trash", name="outgoing", order=0, direction="outgoing"),
        risky("trash", name="others", order=0, except_domains=[ORCHARD]),
        Policy(name="everyone", everyone=True, order=0, actions=["trash"]),
    )
    (passed,) = google.mail(world, ADMIN, sender="Office <office@risky.example>")
    (labelled,) = google.mail(world, ADMIN)
    await google.deliver_all(world)
    world.clock.move(timedelta(seconds=5))
    assert await done(world, connection) == {passed: [("ours", "pass")], labelled: [("a first", "label")]}


@pytest.mark.parametrize("skip", range(8))
async def test_what_was_done_and_not_answered_is_not_done_again(world: World, skip: int) -> None:
    """Gmail does what it is told and the answers are lost, one after the other until the reading is given up."""
    connection = await connect(world, risky("label", "quarantine"))
    (message,) = google.mail(world, ADMIN)
    world.fault({"host": "gmail"}, {"kind": "drop_after"}, times=3, skip=skip)
    await google.deliver_all(world)
    world.control("DELETE", "/faults")
    await world.pass_time(timedelta(hours=1))
    await world.tick()
    assert await done(world, connection) == {message: [("risky", "label"), ("risky", "quarantine")]}
    assert google.labels(world, ADMIN, message) >= {LABEL, "TRASH"}
    (item,) = await quarantined(world, connection)
    assert set(item.labels) >= {"INBOX", "UNREAD"}
    assert (await world.connection(connection.id)).status is Status.OK


async def quarantined(world: World, connection: Connection) -> list[Any]:
    """What lies in quarantine."""
    box = await world.app.seal.box(connection.id)
    return (await quarantine_search.page(world.app.database, box, connection.id, {}, before=None, most=100))[0]


@pytest.mark.parametrize("actions", [("label", "quarantine"), ("label", "spam")], ids="+".join)
async def test_who_dies_leaves_what_was_decided_to_the_next_one(world: World, actions: tuple[Any, ...]) -> None:
    """Written down, and done in part: what shows at the message is ticked off, and the rest is done."""
    connection = await connect(world, risky(*actions, enabled=False))
    half, nothing, gone = google.mail(world, ADMIN, count=3)
    user = next(box.user for box in await mailboxes.listed(world.app.database, connection.id) if box.address == ADMIN)
    async with world.app.database.write() as write:
        for message in (half, nothing, gone):
            decision = decisions.Decision(user=user, message=message, policy="risky", actions=actions)
            await decisions.decide(write, connection.id, [decision], world.clock.now())
    moved = {"quarantine": "TRASH", "spam": "SPAM"}[actions[1]]
    world.admin("move-message", ORCHARD, user=ADMIN, message=half, add=[moved], remove=["INBOX"])
    world.admin("delete-message", ORCHARD, user=ADMIN, message=gone)
    await google.deliver_all(world)
    assert set(await done(world, connection)) == {half, nothing, gone}
    assert google.labels(world, ADMIN, half) >= {LABEL, moved}
    assert google.labels(world, ADMIN, nothing) >= {LABEL, moved}
    place = {"quarantine": "trash", "spam": "modify"}[actions[1]]
    assert sorted(google.touched(world)) == sorted([(half, "modify"), (nothing, "modify"), (nothing, place)])


@pytest.mark.hazard(24)
async def test_messages_whose_pushes_are_doubled_reordered_and_dropped(world: World) -> None:
    """Every third is risky, each in one of four ways."""
    ways = ["label", "spam", "quarantine", "trash"]
    connection = await connect(
        world,
        *(
            risky(way, name=way, order=number, conditions={"senders": [f"{way}.example"]})
            for number, way in enumerate(ways)
        ),
    )
    world.behave(ORCHARD, push_duplicates=2, push_shuffle=True, push_drop=True)
    wanted: dict[str, str] = {}
    kept: list[dict[str, Any]] = []
    for number in range(120):
        way = ways[number % 12 // 3] if number % 3 == 0 else "kind"
        (message,) = google.mail(world, ADMIN, sender=f"someone@{way}.example", subject=f"Message {number}")
        if way != "kind":
            wanted[message] = way
        world.clock.move(timedelta(seconds=0.7))  # above one a second they are dropped
        if number % 10 == 9:
            kept += google.pushes(world)
            if number % 50 == 49:
                continue  # these are lost on their way, for now
            for push in kept[-1:-20:-1]:
                assert (await google.deliver(world, push)).status == 204
            await world.work()
    for push in reversed(kept):
        assert (await google.deliver(world, push)).status == 204
    # Gmail lets a mailbox be read only so fast.
    await world.pass_time(timedelta(minutes=20))
    calls = {"label": "modify", "spam": "modify", "quarantine": "trash", "trash": "trash"}
    assert sorted(google.touched(world)) == sorted((message, calls[way]) for message, way in wanted.items())
    assert await done(world, connection) == {message: [(way, way)] for message, way in wanted.items()}
    assert len(wanted) == 40
    shown = {"label": LABEL, "spam": "SPAM", "quarantine": "TRASH", "trash": "TRASH"}
    assert all(shown[way] in google.labels(world, ADMIN, message) for message, way in wanted.items())
    assert len(await quarantined(world, connection)) == sum(way == "quarantine" for way in wanted.values())
    assert (await world.connection(connection.id)).status is Status.OK
