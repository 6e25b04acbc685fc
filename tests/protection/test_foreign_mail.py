"""Mail as strangers write it comes into a mailbox: each message is decided about rightly, and acted on exactly once."""

import base64
from datetime import datetime, time, timedelta

import pytest

from shared.protection import decisions, mail_days
from tests.harness import workspace as google
from tests.harness.decisions import connect, done, risky
from tests.harness.mail import mail, mixed, page, part, zipped
from tests.harness.office import compound
from tests.harness.workspace import ADMIN, LABEL
from tests.harness.world import World
from tests.protection.test_documents_within import INVITE, LEADING, LOCKED
from tests.protection.test_file_types import VBA, sheets

PROGRAM = b"MZ\x90\0\x03\0\0\0" + b"\0" * 120
LINK = '<a href="https://evil.example/in">Open</a>'
CONDITIONS = {
    "senders": ["evil.example"],
    "words": ["overdue invoice"],
    "links": ["evil.example"],
    "misleading_links": True,
    "attachments": ["executable", "macro", "encrypted-document", "shortcut"],
}
RISKY = [
    page(f"<noframes><style></noframes>{LINK}"),
    page(f"<!-->{LINK}<!-- -->"),
    page("<p>Your over&#8203;due in&shy;voice</p>"),
    page('<p>Your overdue inv<span style="display:none">x</span>oice</p>'),
    page('<a href="https://other.example/">www.good.example</a>'),
    page('<!--[if mso]><v:rect href="https://evil.example/"></v:rect><![endif]-->'),
    mail("\u8bf7\u8bbf\u95eehttp://evil.example\u3002"),
    mail("hello", From="office@good.example <x@evil.example>"),
    mail("hello", From="Team,(<x@evil.example>)"),
    mail(base64.b64encode(b"overdue invoice"), Content_Transfer_Encoding='"base64"'),
    mail("overdue in= \t\r\nvoice", Content_Transfer_Encoding="quoted-printable"),
    mixed(part(INVITE.format("DESCRIPTION:https://ev\r\n il.example/").encode(), "a.ics", "application/ics")),
    mixed(part(LEADING, "a.pdf")),
    mixed(part(LOCKED, "a.pdf")),
    mixed(part(compound({"WordDocument": b"", **VBA}), "a.doc")),
    mixed(part(compound({"Workbook": sheets(0, 1)}), "a.xls")),
    mixed(part(b"full address:s:x.example\r\n", "a.rdp")),
    mixed(part(mixed(part(PROGRAM, "a.exe")), "forwarded.eml")),
    mixed(part(zipped([("a/b.exe", PROGRAM)]), "a.zip")),
    mixed(part(b"<html>\0" + LINK.encode(), "a.html")),
]
HARMLESS = [
    mail("Good morning."),
    page('<a href="https://drive.example/1">invoice-2024.pdf</a>'),
    page('<a href="https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fgood.example">good.example</a>'),
    page(f"<style>{LINK}</style><p>Hello</p>"),
    page("<!-- overdue invoice --><p>Hello</p>"),
    mail("An invoice that is overdue"),
    mixed(part(compound({"WordDocument": b"", "Data": zipped([("theme.xml", b"<x/>")])}), "a.doc")),
    mixed(part(b'<p align="center">Logo</p>', "README.md")),
    mail("hello", From='"x@evil.example" <a@good.example>'),
    mail("Write to a@evil.example."),
]


def raw(message: bytes) -> str:
    return base64.urlsafe_b64encode(message).decode()


@pytest.mark.hazard(54)
async def test_thirty_foreign_messages_are_each_acted_on_exactly_once(world: World) -> None:
    connection = await connect(world, risky("label", conditions=CONDITIONS))
    meant = [one for message in RISKY for one in google.mail(world, ADMIN, raw=raw(message))]
    other = [one for message in HARMLESS for one in google.mail(world, ADMIN, raw=raw(message))]
    assert len(meant) + len(other) == 30
    for _ in range(3):
        await google.deliver_all(world)
    decided = dict((await done(world, connection)).items())
    assert decided == {message: [("risky", "label")] for message in meant}
    assert sorted(google.touched(world)) == sorted((message, "modify") for message in meant)
    assert not [message for message in other if LABEL in google.labels(world, ADMIN, message)]


async def test_a_policy_that_only_reports_touches_nothing_and_lets_the_next_decide(world: World) -> None:
    connection = await connect(
        world,
        risky("quarantine", name="new", order=1, report_only=True, conditions=CONDITIONS),
        risky("label", name="old", order=2, conditions={"words": ["overdue invoice"]}),
    )
    meant = [google.mail(world, ADMIN, raw=raw(message))[0] for message in RISKY[:5]]
    await google.deliver_all(world)
    found = await done(world, connection)
    assert all(("new", "would quarantine (new)") in found[message] for message in meant)
    labelled = [message for message in meant if ("old", "label") in found[message]]
    assert labelled == meant[2:4]
    assert google.touched(world) == [(message, "modify") for message in labelled]
    now = world.clock.now()
    async with world.app.database.read() as read:
        told = await decisions.counted(read, connection.id, now - timedelta(days=1), [now + timedelta(days=1)])
        today = await mail_days.per_day(read, None, [datetime.combine(now.date(), time(), now.tzinfo)])
    assert today == [mail_days.Tally(scanned=5, acted=2)]
    assert told.messages == 2
    assert ("new", "would quarantine", 5) in told.by_policy
    assert [action for _, action, _ in told.by_step] == ["label"]
