"""What happens to messages: the first policy that means one decides, each is acted on once, none is missed."""

import json
import ssl
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme

from infra.local.simulators import Simulators
from shared.connections.call_log import listed as operations_of
from shared.connections.record import Connection, Status
from shared.protection import decisions, mailboxes, policies, quarantine
from shared.protection.decisions import UNINSPECTED
from shared.protection.policies import Policy
from shared.web.views.connections import detail
from tests.harness import workspace as google
from tests.harness.scripted_host import Host, Say
from tests.harness.workspace import SENDER, letter
from tests.harness.world import ORCHARD, World

USER = "admin@orchard.example"
LABEL = "Risky (by Trend Micro)"
WORDS = "the parcel number is 4711"


def risky(*actions: Any, name: str = "risky", **more: Any) -> Policy:
    """A policy about one sender's messages, or about others."""
    conditions = more.pop("conditions", {"senders": ["risky.example"]})
    return Policy(name=name, everyone=True, conditions=conditions, actions=list(actions), **more)


async def connect(world: World, *listed: Policy) -> Connection:
    """A running connection with these policies."""
    connection = await google.connect(world, modes=["api"])
    async with world.app.database.write() as write:
        for policy in (risky("label", name="risky senders", enabled=False), *listed):
            await policies.put(write, connection.id, policy)
    world.sims.cloud.calls.clear()
    return connection


async def done(world: World, connection: Connection) -> dict[str, list[tuple[str, str]]]:
    """What was decided and done, by message: policy and action."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in await decisions.listed(world.app.database, connection.id):
        assert row["done"]
        found.setdefault(row["message"], []).append((row["policy"], row["action"]))
    return {message: sorted(rows) for message, rows in found.items()}


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
    (harmless,) = google.mail(world, USER, sender="friend@kind.example")
    (message,) = google.mail(world, USER, subject=WORDS)
    await google.deliver_all(world)
    await mailboxes.look_at_all(world.app.database, connection.id)
    world.admin("move-message", ORCHARD, user=USER, message=harmless, add=["STARRED"])
    google.mail(world, USER, sender="friend@kind.example")
    await google.deliver_all(world)
    has, has_not, calls = ENDS[actions]
    assert has <= google.labels(world, USER, message)
    assert google.labels(world, USER, message).isdisjoint(has_not)
    assert google.touched(world) == [(message, one) for one in calls]
    assert await done(world, connection) == {message: sorted(("risky", one) for one in actions)}
    rows = await decisions.listed(world.app.database, connection.id)
    assert [row["findings"] for row in rows] == [["senders"]] * len(actions)
    logged = await operations_of(world.app.database, connection.id, most=10_000)
    methods = [row["method"].rpartition(".")[2] for row in logged if row["target"] == message]
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
    (passed,) = google.mail(world, USER, sender="Office <office@risky.example>")
    (labelled,) = google.mail(world, USER)
    await google.deliver_all(world)
    world.clock.move(timedelta(seconds=5))
    assert await done(world, connection) == {passed: [("ours", "pass")], labelled: [("a first", "label")]}


def attached(name: str, content: bytes) -> EmailMessage:
    """A message with something attached."""
    message = letter()
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message


async def test_a_message_is_read_whole_only_where_a_policy_needs_it_and_once(world: World) -> None:
    words = risky("label", name="words", order=3, conditions={"words": ["wire transfer"]})
    files = risky("spam", name="files", order=4, conditions={"attachments": ["executable", "script"]})
    connection = await connect(world, risky("trash", order=1), words, files)
    by_sender = google.whole_mail(world, USER, letter("A wire transfer"))
    kind = "friend@kind.example"
    html = "<p>Please make the <b>wire</b>\n transfer today.</p>"
    by_word = google.whole_mail(world, USER, letter("See below", html=html, sender=kind))
    program = attached("invoice.pdf", b"MZ" + b"\0" * 58 + b"\x80\0\0\0" + b"\0" * 64 + b"PE\0\0" + b"\0" * 300)
    del program["From"]
    program["From"] = kind
    by_file = google.whole_mail(world, USER, program)
    harmless = google.whole_mail(world, USER, letter("Good morning", sender=kind))
    await google.deliver_all(world)
    assert await done(world, connection) == {
        by_sender: [("risky", "trash")], by_word: [("words", "label")], by_file: [("files", "spam")],
    }  # fmt: skip
    reads = [(call.path.rpartition("/")[2], "format=raw" in call.query) for call in world.sims.cloud.calls
             if call.method == "GET" and "/messages/" in call.path]  # fmt: skip
    assert sorted(reads) == sorted(
        [(one, False) for one in (by_sender, by_word, by_file, harmless)]
        + [(one, True) for one in (by_word, by_file, harmless)]
    )


async def test_an_impersonated_user_and_a_failed_authentication_are_found_by_headers_alone(world: World) -> None:
    user = next(one for one in google.state(world)["users"] if one["primaryEmail"] == USER)
    connection = await connect(
        world,
        risky("quarantine", name="pretenders", order=1, conditions={"impersonation": True}),
        risky("label", name="unsigned", order=2, conditions={"authentication": ["dmarc-fail"]}),
    )
    name = user["name"]["fullName"]
    failed = "mx.google.com; spf=fail smtp.mailfrom=x.example; dmarc=fail header.from=x.example"
    pretender = google.whole_mail(world, USER, letter(sender=f'"{name}" <x@elsewhere.example>'))
    genuine = google.whole_mail(world, USER, letter(sender=f'"{name}" <{USER}>'))
    unsigned = google.whole_mail(world, USER, letter(sender="x@elsewhere.example", Authentication_Results=failed))
    await google.deliver_all(world)
    assert await done(world, connection) == {
        pretender: [("pretenders", "quarantine")], unsigned: [("unsigned", "label")],
    }  # fmt: skip
    assert google.labels(world, USER, genuine) >= {"INBOX"}
    assert not [call for call in world.sims.cloud.calls if "format=raw" in call.query]


async def test_what_cannot_be_inspected_is_counted_and_not_acted_on(world: World) -> None:
    deep = letter("deep")
    for _ in range(60):
        outer = EmailMessage()
        outer["From"], outer["Subject"] = SENDER, "deep"
        outer.add_attachment(deep)
        deep = outer
    connection = await connect(world, risky("trash", name="words", conditions={"words": ["never there"]}))
    message = google.whole_mail(world, USER, deep)
    await google.deliver_all(world)
    assert await done(world, connection) == {message: [("words", UNINSPECTED)]}
    assert google.touched(world) == []
    assert (await detail(world.app, connection))["mail"] == {"quarantined": 0, "uninspected": 1}


@pytest.fixture
def scanner(sims: Simulators, tmp_path: Path) -> Iterator[tuple[Host, Path]]:
    """A scanner on this machine, and a file with everybody whom one must trust to reach it and the platforms."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    host, trusted = Host(context), tmp_path / "trusted.pem"
    trusted.write_bytes(Path(sims.settings["FOOTPRINT_CA_FILE"]).read_bytes() + authority.cert_pem.bytes())
    yield host, trusted
    host.close()


async def test_the_scanner_is_asked_once_at_most_and_waited_for_where_it_is_said_so(
    world: World, scanner: tuple[Host, Path]
) -> None:
    host, trusted = scanner
    both = {"match": "all", "senders": ["risky.example"], "scanner": True}
    connection = await connect(
        world,
        risky("quarantine", name="both", order=1, conditions=both),
        risky("label", name="scanned", order=2, conditions={"scanner": True}),
    )
    asking = await world.again(
        ca_file=trusted,
        scanner={"url": f"{host.url}/scan", "key_id": "one", "secret": "s" * 32, "unanswered": "wait"},
    )
    host.says(Say(body={"verdict": "risky"}), Say(body={"verdict": "clean"}), Say(body={"verdict": "clean"}))
    (message,) = google.mail(world, USER)
    await google.deliver_all(asking)
    assert await done(world, connection) == {message: [("both", "quarantine")]}
    assert len(host.seen) == 1
    world.clock.move(timedelta(seconds=2))
    google.mail(world, USER)  # clean: asked for the first policy, and not again for the second
    await google.deliver_all(asking)
    world.clock.move(timedelta(seconds=2))
    google.mail(world, USER, sender="friend@kind.example")  # nothing to ask for the first policy, so for the second
    await google.deliver_all(asking)
    assert len(host.seen) == 3
    assert list(await done(world, connection)) == [message]
    host.says(Say(status=404), Say(body={"verdict": "risky"}))
    world.clock.move(timedelta(seconds=2))
    (late,) = google.mail(world, USER, sender="friend@kind.example")
    await google.deliver_all(asking)
    box = next(one for one in await mailboxes.listed(world.app.database, connection.id) if one.address == USER)
    assert "scanner" in str(box.reason)
    await asking.pass_time(timedelta(minutes=10))
    assert (await done(world, connection))[late] == [("scanned", "label")]
    assert (await world.connection(connection.id)).status is Status.OK


@pytest.mark.parametrize("skip", range(8))
async def test_what_was_done_and_not_answered_is_not_done_again(world: World, skip: int) -> None:
    """Gmail does what it is told and the answers are lost, one after the other until the reading is given up."""
    connection = await connect(world, risky("label", "quarantine"))
    (message,) = google.mail(world, USER)
    world.fault({"host": "gmail"}, {"kind": "drop_after"}, times=3, skip=skip)
    await google.deliver_all(world)
    world.control("DELETE", "/faults")
    await world.pass_time(timedelta(hours=1))
    await world.tick()
    assert await done(world, connection) == {message: [("risky", "label"), ("risky", "quarantine")]}
    assert google.labels(world, USER, message) >= {LABEL, "TRASH"}
    (item,) = await quarantined(world, connection)
    assert set(item.labels) >= {"INBOX", "UNREAD"}
    assert (await world.connection(connection.id)).status is Status.OK


async def quarantined(world: World, connection: Connection) -> list[Any]:
    """What lies in quarantine."""
    box = await world.app.seal.box(connection.id)
    return (await quarantine.page(world.app.database, box, connection.id, {}, before=None, most=100))[0]


@pytest.mark.parametrize("actions", [("label", "quarantine"), ("label", "spam")], ids="+".join)
async def test_who_dies_leaves_what_was_decided_to_the_next_one(world: World, actions: tuple[Any, ...]) -> None:
    """Written down, and done in part: what shows at the message is ticked off, and the rest is done."""
    connection = await connect(world, risky(*actions, enabled=False))
    half, nothing, gone = google.mail(world, USER, count=3)
    user = next(box.user for box in await mailboxes.listed(world.app.database, connection.id) if box.address == USER)
    async with world.app.database.write() as write:
        for message in (half, nothing, gone):
            decision = decisions.Decision(user=user, message=message, policy="risky", actions=actions)
            await decisions.decide(write, connection.id, decision, world.clock.now(), done=False)
    moved = {"quarantine": "TRASH", "spam": "SPAM"}[actions[1]]
    world.admin("move-message", ORCHARD, user=USER, message=half, add=[moved], remove=["INBOX"])
    world.admin("delete-message", ORCHARD, user=USER, message=gone)
    await google.deliver_all(world)
    assert set(await done(world, connection)) == {half, nothing, gone}
    assert google.labels(world, USER, half) >= {LABEL, moved}
    assert google.labels(world, USER, nothing) >= {LABEL, moved}
    place = {"quarantine": "trash", "spam": "modify"}[actions[1]]
    assert sorted(google.touched(world)) == sorted([(half, "modify"), (nothing, "modify"), (nothing, place)])


async def test_1000_messages_whose_pushes_are_doubled_reordered_and_dropped(world: World) -> None:
    """Every third is risky, each in one of four ways."""
    ways = ["label", "spam", "quarantine", "trash"]
    connection = await connect(
        world,
        *(risky(way, name=way, order=number, conditions={"senders": [f"{way}.example"]})
          for number, way in enumerate(ways)),
    )  # fmt: skip
    world.behave(ORCHARD, push_duplicates=2, push_shuffle=True, push_drop=True)
    wanted: dict[str, str] = {}
    kept: list[dict[str, Any]] = []
    for number in range(1000):
        way = ways[number % 12 // 3] if number % 3 == 0 else "kind"
        (message,) = google.mail(world, USER, sender=f"someone@{way}.example", subject=f"Message {number}")
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
    assert len(wanted) == 334
    shown = {"label": LABEL, "spam": "SPAM", "quarantine": "TRASH", "trash": "TRASH"}
    assert all(shown[way] in google.labels(world, USER, message) for message, way in wanted.items())
    assert len(await quarantined(world, connection)) == sum(way == "quarantine" for way in wanted.values())
    assert (await world.connection(connection.id)).status is Status.OK
