"""How much of a message is read, and who is asked about it: no more than a policy needs."""

import ssl
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme

from infra.local.simulators import Simulators
from shared.connections.record import Status
from shared.protection import mailboxes
from shared.protection.decisions import UNINSPECTED
from shared.web.views.connections import detail
from tests.harness import workspace as google
from tests.harness.decisions import connect, done, risky
from tests.harness.scripted_host import Host, Say
from tests.harness.workspace import ADMIN, SENDER, letter
from tests.harness.world import World

WORDS = "the parcel number is 4711"


def attached(name: str, content: bytes) -> EmailMessage:
    """A message with something attached."""
    message = letter()
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message


async def test_a_message_is_read_whole_only_where_a_policy_needs_it_and_once(world: World) -> None:
    words = risky("label", name="words", order=3, conditions={"words": ["wire transfer"]})
    files = risky("spam", name="files", order=4, conditions={"attachments": ["executable", "script"]})
    connection = await connect(world, risky("trash", order=1), words, files)
    by_sender = google.whole_mail(world, ADMIN, letter("A wire transfer"))
    kind = "friend@kind.example"
    html = "<p>Please make the <b>wire</b>\n transfer today.</p>"
    by_word = google.whole_mail(world, ADMIN, letter("See below", html=html, sender=kind))
    program = attached("invoice.pdf", b"MZ" + b"\0" * 58 + b"\x80\0\0\0" + b"\0" * 64 + b"PE\0\0" + b"\0" * 300)
    del program["From"]
    program["From"] = kind
    by_file = google.whole_mail(world, ADMIN, program)
    harmless = google.whole_mail(world, ADMIN, letter("Good morning", sender=kind))
    await google.deliver_all(world)
    assert await done(world, connection) == {
        by_sender: [("risky", "trash")],
        by_word: [("words", "label")],
        by_file: [("files", "spam")],
    }
    reads = [
        (call.path.rpartition("/")[2], "format=raw" in call.query)
        for call in world.sims.cloud.calls
        if call.method == "GET" and "/messages/" in call.path
    ]
    assert sorted(reads) == sorted(
        [(one, False) for one in (by_sender, by_word, by_file, harmless)]
        + [(one, True) for one in (by_word, by_file, harmless)]
    )


async def test_an_impersonated_user_and_a_failed_authentication_are_found_by_headers_alone(world: World) -> None:
    user = next(one for one in google.state(world)["users"] if one["primaryEmail"] == ADMIN)
    connection = await connect(
        world,
        risky("quarantine", name="pretenders", order=1, conditions={"impersonation": True}),
        risky("label", name="unsigned", order=2, conditions={"authentication": ["dmarc-fail"]}),
    )
    name = user["name"]["fullName"]
    failed = "mx.google.com; spf=fail smtp.mailfrom=x.example; dmarc=fail header.from=x.example"
    pretender = google.whole_mail(world, ADMIN, letter(sender=f'"{name}" <x@elsewhere.example>'))
    genuine = google.whole_mail(world, ADMIN, letter(sender=f'"{name}" <{ADMIN}>'))
    unsigned = google.whole_mail(world, ADMIN, letter(sender="x@elsewhere.example", Authentication_Results=failed))
    await google.deliver_all(world)
    assert await done(world, connection) == {
        pretender: [("pretenders", "quarantine")],
        unsigned: [("unsigned", "label")],
    }
    assert google.labels(world, ADMIN, genuine) >= {"INBOX"}
    assert not [call for call in world.sims.cloud.calls if "format=raw" in call.query]


async def test_what_cannot_be_inspected_is_counted_and_not_acted_on(world: World) -> None:
    deep = letter("deep")
    for _ in range(60):
        outer = EmailMessage()
        outer["From"], outer["Subject"] = SENDER, "deep"
        outer.add_attachment(deep)
        deep = outer
    connection = await connect(world, risky("trash", name="words", conditions={"words": ["never there"]}))
    message = google.whole_mail(world, ADMIN, deep)
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
    (message,) = google.mail(world, ADMIN)
    await google.deliver_all(asking)
    assert await done(world, connection) == {message: [("both", "quarantine")]}
    assert len(host.seen) == 1
    world.clock.move(timedelta(seconds=2))
    google.mail(world, ADMIN)  # clean: asked for the first policy, and not again for the second
    await google.deliver_all(asking)
    world.clock.move(timedelta(seconds=2))
    google.mail(world, ADMIN, sender="friend@kind.example")  # nothing to ask for the first policy, so for the second
    await google.deliver_all(asking)
    assert len(host.seen) == 3
    assert list(await done(world, connection)) == [message]
    host.says(Say(status=404), Say(body={"verdict": "risky"}))
    world.clock.move(timedelta(seconds=2))
    (late,) = google.mail(world, ADMIN, sender="friend@kind.example")
    await google.deliver_all(asking)
    box = next(one for one in await mailboxes.listed(world.app.database, connection.id) if one.address == ADMIN)
    assert "scanner" in str(box.reason)
    await asking.pass_time(timedelta(minutes=10))
    assert (await done(world, connection))[late] == [("scanned", "label")]
    assert (await world.connection(connection.id)).status is Status.OK
