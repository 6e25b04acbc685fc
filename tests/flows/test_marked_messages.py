"""A marked message goes the whole way: by the relay, to the scanner, back to the platform; what hinders it is told."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from infra.local.simulators.microsoft.exchange.mail.message import Carried, Mail, Scanner
from infra.local.simulators.microsoft.exchange.mail.router import carry
from shared.connections.record import Connection
from shared.connections.secrets import header_secrets
from shared.flows import scanner_reports
from shared.flows.marked_messages import MARKED_MESSAGE_DEADLINE, MAX_ON_THEIR_WAY
from shared.foundation.errors import Refused
from shared.platforms.microsoft365.mail_reading import service_of
from tests.flows.reports.mail_server import Post, mail_server
from tests.harness import quarantine
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.world import World

SHARED = "what both sides know"
ANNA = "amber.alder@contoso.com"
SCANNER = {"secret": SHARED, "key_id": "scanner"}


async def send(world: World, connection: Connection, recipient: str = ANNA) -> Any:
    """An operator asks for a marked message, and it is handed to the relay."""
    sent = await quarantine.ask(world, connection, "POST", "/marked-messages", {"recipient": recipient})
    await world.work()
    return sent


async def report(world: World, path: str, body: Any, *, id_: str, key: str = SHARED) -> int:
    """The scanner reports, signed by a public library."""
    content, now = json.dumps(body), world.clock.now()
    signed = Webhook(base64.b64encode(key.encode()).decode()).sign(id_, now, content)
    headers = {"webhook-id": id_, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signed}
    answer = await ask(
        world, "POST", f"/api/scanner/{path}", content=content.encode(), content_type="application/json", **headers
    )
    return answer.status


async def told(world: World, connection: Connection) -> dict[str, Any]:
    """What is shown of the one marked message."""
    answer = await quarantine.ask(world, connection, "GET", "/marked-messages")
    (one,) = json.loads(answer.body)["marked_messages"]
    shown: dict[str, Any] = one
    return shown


async def carried(world: World, connection: Connection, post: Post) -> Carried:
    """The simulator's router takes the message from the relay to its end; the scanner reports what it sees of it."""
    (message,) = post.messages
    service = service_of(world.app, connection, *await header_secrets(world.app.seal, connection))
    address = str(next(iter(world.app.settings.mail.at(connection.site).egress)).network_address)
    headers = {service.return_header: service.return_secret, service.verdict_header: "clean"}
    came = Mail(author=message["From"].addresses[0].addr_spec, recipient=message["To"].addresses[0].addr_spec,
                envelope_sender="reports@example.com", server="192.0.2.200")  # fmt: skip
    scanner = Scanner(hosts=service.hosts, address=address, headers=headers)
    end = carry(world.sims.microsoft.tenants[world.tenant_id()], came, scanner, world.clock.now())
    mark = message["X-Marked-Message"]
    for scan in range(end.scans):
        assert await report(world, "sightings", {"mark": mark, "event": "seen"}, id_=f"{mark}-{scan}") == 204
    if end.scans and end.end == "mailbox":
        for _ in range(2):  # a report that comes twice counts once
            assert await report(world, "sightings", {"mark": mark, "event": "returned"}, id_=f"{mark}-back") == 204
    return end


async def test_a_marked_message_goes_the_whole_way_and_what_hinders_it_is_told(world: World) -> None:
    connection = await world.connect()
    async with mail_server(post := Post()) as smtp:
        world = await world.again(smtp=smtp, scanner=SCANNER)
        assert (await send(world, connection)).status == 202
        assert (await told(world, connection))["state"] == "sent"
        end = await carried(world, connection, post)
        assert (end.end, end.scans, end.scl) == ("mailbox", 1, -1)
        shown = await told(world, connection)
        assert (shown["state"], shown["seen"], shown["returned"], shown["code"]) == ("arrived", 1, 1, None)
        assert len(post.taken) == 1


@pytest.mark.parametrize(
    ("rule", "state", "code"),
    [
        ({"RemoveHeader": "X-TMCAS-Inline-Return-Identifier", "Priority": 0}, "failed", "marked_message_seen_twice"),
        ({"PrependSubject": "x", "StopRuleProcessing": True, "Priority": 0}, "failed", "marked_message_not_seen"),
        ({"SenderIpRanges": ["198.51.100.0/24", "203.0.113.0/24"], "DeleteMessage": True, "Priority": 0}, "failed",
         "marked_message_not_returned"),
    ],
    ids=["goes round", "passes the scanner by", "is lost on its way back"],
)  # fmt: skip
async def test_a_marked_message_that_does_not_arrive_says_why(
    world: World, rule: dict[str, Any], state: str, code: str
) -> None:
    connection = await world.connect()
    world.cmdlet("New-TransportRule", Name="Theirs", FromScope="NotInOrganization", **rule)
    async with mail_server(post := Post()) as smtp:
        world = await world.again(smtp=smtp, scanner=SCANNER)
        await send(world, connection)
        await carried(world, connection, post)
        await world.pass_time(MARKED_MESSAGE_DEADLINE + timedelta(minutes=5))
        shown = await told(world, connection)
        assert (shown["state"], shown["code"]) == (state, code)
        assert ANNA in shown["sentence"]


async def test_a_relay_that_does_not_take_it_is_asked_again_and_then_it_is_told(world: World) -> None:
    connection = await world.connect()
    async with mail_server(post := Post(refused={ANNA: ["451 later"]})) as smtp:
        world = await world.again(smtp=smtp, scanner=SCANNER)
        await send(world, connection)
        assert (await told(world, connection))["state"] == "waiting"
        await world.pass_time(timedelta(minutes=5))
        assert (await told(world, connection))["state"] == "sent"
        post.refused[ANNA] = ["550 nobody"]
        await send(world, connection)
        answer = await quarantine.ask(world, connection, "GET", "/marked-messages")
        newest = json.loads(answer.body)["marked_messages"][0]
        assert (newest["state"], newest["code"]) == ("failed", "marked_message_not_taken")


async def test_only_the_scanner_reports_and_only_marks_of_ours(world: World) -> None:
    world = await world.again(scanner=SCANNER)
    sighting = {"mark": "nobody's", "event": "seen"}
    assert await report(world, "sightings", sighting, id_="1", key="what nobody else knows") == 401
    assert await report(world, "sightings", sighting, id_="1") == 404
    assert await report(world, "in-flight", {"connection": "nobody's", "in_flight": 0}, id_="2") == 404
    with pytest.raises(Refused) as refused:
        await scanner_reports.report(world.app, "1", "nobody's", scanner_reports.Event.SEEN)
    assert refused.value.code == "no_such_mark"
    unsigned = await ask(world, "POST", "/api/scanner/sightings", body=sighting)
    assert json.loads(unsigned.body)["code"] == "not_the_scanner"


async def test_what_would_show_nothing_is_refused(world: World) -> None:
    connection = await world.connect()
    codes = [json.loads((await send(world, connection)).body)["code"]]
    world = await world.again(smtp={"host": "mail.example.com", "sender": "reports@example.com"})
    codes.append(json.loads((await send(world, connection)).body)["code"])
    world = await world.again(smtp={"host": "mail.example.com", "sender": "reports@example.com"}, scanner=SCANNER)
    codes.append(json.loads((await send(world, connection, "maria@elsewhere.example")).body)["code"])
    assert codes == ["no_mail_server", "no_scanner_secret", "recipient_not_protected"]
    answers = [await send(world, connection) for _ in range(MAX_ON_THEIR_WAY + 1)]
    assert [one.status for one in answers] == [202] * MAX_ON_THEIR_WAY + [409]
    assert json.loads(answers[-1].body)["code"] == "too_many_marked_messages"


async def test_where_the_customer_sets_the_routing_nothing_is_sent(world: World) -> None:
    connection = await google.connect(world, modes=["inline"])
    assert json.loads((await send(world, connection)).body)["code"] == "not_routed_by_us"


async def test_the_scanner_says_what_is_in_flight_of_an_exit(world: World) -> None:
    connection = await world.connect()
    await world.revoke(connection)
    await world.pass_time(timedelta(minutes=5))
    world = await world.again(scanner=SCANNER)
    assert await report(world, "in-flight", {"connection": connection.id, "in_flight": 0}, id_="1") == 204
    assert (await world.connection(connection.id)).drained_at is not None
    # An earlier report that comes again takes nothing back of a later one.
    assert await report(world, "in-flight", {"connection": connection.id, "in_flight": 3}, id_="2") == 204
    assert await report(world, "in-flight", {"connection": connection.id, "in_flight": 0}, id_="1") == 204
    assert (await world.connection(connection.id)).drained_at is None
