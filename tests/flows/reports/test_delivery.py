"""Reports reach those whom they can reach, and nobody else."""

import asyncio
import logging
import ssl
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import trustme

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.deployment.queues.database import EmbeddedQueue
from shared.flows.jobs import run
from shared.flows.reports import delivery
from shared.flows.reports.periods import Frequency
from shared.foundation.settings import Smtp
from shared.storage import tables as db
from tests.flows.reports.mail_server import Post, mail_server
from tests.flows.reports.steps import ANNA, BERT, monday, report, subscribe
from tests.harness.world import World


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who vouches for mail servers."""
    return trustme.CA()


def certified(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    """What a mail server shows of itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def trusted(world: World, authority: trustme.CA) -> Path:
    """The authorities that the service trusts, that one too."""
    file, known = world.folder / "authorities.pem", world.app.settings.ca_file
    file.write_bytes(authority.cert_pem.bytes() + (known.read_bytes() if known else b""))
    return file


async def due(world: World, *recipients: str, **settings: Any) -> tuple[World, Connection]:
    """A connection whose first report is due, in a process with a mail server."""
    connection = await world.connect()
    await subscribe(world, connection, *recipients, kinds=(Frequency.WEEKLY,))
    await monday(world)
    return await world.again(**settings), connection


async def one_of(world: World, connection: Connection) -> dict[str, Any]:
    """The one report there is, after the job has run."""
    (made,) = await report(world, connection)
    return made


async def test_a_report_arrives_as_mail_programs_show_it(world: World) -> None:
    async with mail_server(post := Post()) as smtp:
        world, connection = await due(world, ANNA, BERT, smtp=smtp)
        made = await one_of(world, connection)
        await one_of(world, connection)
    assert made.delivery == "sent"
    ((recipients, _),) = post.taken
    assert recipients == [ANNA, BERT]
    (mail,) = post.messages
    assert mail["To"] == f"{ANNA}, {BERT}"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == f"<{made.name}.{connection.id}@example.com>"
    assert mail["Subject"].startswith("Weekly report: Week ")
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/csv"]
    assert mail.get_body(("plain",)) is not None
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == f"{made.name}.csv"


def test_a_name_makes_no_header_and_no_line_is_too_long() -> None:
    smtp = Smtp(host="x", sender="reports@example.com")
    content = {
        "title": "Daily report",
        "name": "daily-2026-11-24",
        "made_at": "2026-11-25T00:30:00+00:00",
        "connection": {"name": "Contoso\r\nBcc: all@contoso.com\u2028X"},
    }
    sent = delivery.compose(
        smtp, [ANNA], content, text="ä", html="x" * 2000, figures="a,b\r\n", software="Footprint", id="1"
    ).as_bytes()
    mail = message_from_bytes(sent, policy=default)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Daily report: Contoso Bcc: all@contoso.com X"
    assert max(map(len, sent.splitlines())) < 998


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_it_is_sent_under_tls_with_a_name_and_a_password(
    world: World, authority: trustme.CA, security: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with mail_server(post := Post(), security, certified(authority)) as smtp:
        known = {"username": "footprint", "password": "the password"}
        world, connection = await due(world, ANNA, smtp=smtp | known, ca_file=trusted(world, authority))
        assert (await one_of(world, connection)).delivery == "sent"
        assert post.logins == [(b"footprint", b"the password")]
        other = await world.again(smtp=smtp | known | {"password": "a wrong one"}, ca_file=trusted(world, authority))
        await monday(other)
        *_, refused = await report(other, connection)
    assert (refused.delivery, len(post.taken)) == ("waiting", 1)
    assert "code 535" in refused.sentence
    assert "the password" not in caplog.text
    assert "a wrong one" not in caplog.text


@pytest.mark.parametrize("flaw", ["plain", "stranger", "other name"])
async def test_a_server_that_is_not_what_it_should_be_gets_nothing(
    world: World, authority: trustme.CA, flaw: str
) -> None:
    shown = {
        "plain": None,
        "stranger": certified(trustme.CA()),
        "other name": certified(authority, "mail.example.net"),
    }[flaw]
    async with mail_server(post := Post(), "starttls", shown) as smtp:
        world, connection = await due(
            world, ANNA, smtp=smtp | {"username": "a", "password": "b"}, ca_file=trusted(world, authority)
        )
        made = await one_of(world, connection)
    assert made.delivery == "waiting"
    assert ("SMTPNotSupportedError" if flaw == "plain" else "SSLCertVerificationError") in made.sentence
    assert (post.taken, post.logins) == ([], [])


async def test_one_refused_recipient_does_not_stop_the_others(world: World) -> None:
    post = Post(refused={ANNA: ["550 no such mailbox"], "c@contoso.com": ["451 later"]})
    async with mail_server(post) as smtp:
        world, connection = await due(world, ANNA, BERT, "c@contoso.com", smtp=smtp)
        made = await one_of(world, connection)
        assert made.recipients == {ANNA: "refused with code 550", BERT: "sent", "c@contoso.com": "waiting"}
        await world.pass_time(timedelta(minutes=5))
        done = await one_of(world, connection)
    assert done.recipients == made.recipients | {"c@contoso.com": "sent"}
    assert (done.delivery, done.sentence) == ("in part", None)
    assert [recipients for recipients, _ in post.taken] == [[BERT], ["c@contoso.com"]]
    assert len({mail["Message-ID"] for mail in post.messages}) == 1


@pytest.mark.parametrize("ends", ["dies", "451 not now", "554 it looks like spam"])
async def test_a_server_that_dies_over_a_message_is_given_it_again_under_the_same_name(world: World, ends: str) -> None:
    async with mail_server(post := Post(answers=[ends])) as smtp:
        world, connection = await due(world, ANNA, smtp=smtp)
        made = await one_of(world, connection)
        await world.pass_time(timedelta(minutes=5))
        done = await one_of(world, connection)
    if ends.startswith("5"):  # that server would not like it better another time
        assert (made.delivery, done.delivery, len(post.taken)) == ("failed", "failed", 1)
        return
    assert (made.delivery, done.delivery) == ("waiting", "sent")
    first, second = post.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]


async def test_a_server_that_is_away_is_asked_again_and_the_connection_is_none_the_worse(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with mail_server(post := Post()) as smtp:
        pass
    world, connection = await due(world, ANNA, smtp=smtp)
    made = await one_of(world, connection)
    assert (made.delivery, made.sentence) == (
        "waiting",
        "The mail server 127.0.0.1 does not take reports just now (ConnectionRefusedError).",
    )
    assert [vars(one).get("code") for one in caplog.records if one.getMessage() == made.sentence] == ["mail_server"]
    assert await one_of(world, connection) == made  # not before its time
    await world.pass_time(timedelta(hours=6))
    assert [record.getMessage() for record in caplog.records].count(str(made.sentence)) == 1
    now = await world.connection(connection.id)
    assert (now.status, now.reason) == ("ok", None)
    assert post.taken == []
    async with mail_server(post) as back:
        world = await world.again(smtp=back)
        await world.pass_time(timedelta(hours=1))
    assert (await one_of(world, connection)).delivery == "sent"
    assert len(post.taken) == 1


async def test_what_could_not_be_sent_for_days_is_kept_and_given_up(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world, connection = await due(world, ANNA)  # there is no mail server any more
    made = await one_of(world, connection)
    assert "FOOTPRINT_SMTP__HOST" in made.sentence
    assert [vars(one).get("code") for one in caplog.records if one.getMessage() == made.sentence] == ["no_mail_server"]
    await world.pass_time(timedelta(days=3, hours=2))
    async with world.app.database.read() as read:
        told = [one.content for one in await read.execute(sa.select(db.events)) if "report_not_taken" in str(one)]
    assert [str(one["sentence"]).startswith("The mail server has not taken the report") for one in told] == [True]
    given_up = await one_of(world, connection)
    assert (given_up.delivery, given_up.not_before) == ("failed", None)
    assert given_up.sentence == made.sentence
    assert await EmbeddedQueue(world.app.database).next_at() is None
    async with mail_server(post := Post()) as smtp:
        await report(await world.again(smtp=smtp), connection)
    assert post.taken == []


async def test_two_runs_at_once_send_one_mail(world: World) -> None:
    async with mail_server(post := Post()) as smtp:
        world, connection = await due(world, ANNA, smtp=smtp)
        other = await world.again(smtp=smtp)
        jobs = (run(one.app, Job(name="report", connection_id=connection.id)) for one in (world, other) * 3)
        await asyncio.gather(*jobs)
        await world.work()
    assert len(post.taken) == 1


async def test_nothing_is_sent_after_access_was_revoked(world: World) -> None:
    async with mail_server(post := Post(answers=["451 not now"])) as smtp:
        world, connection = await due(world, ANNA, smtp=smtp)
        assert (await one_of(world, connection)).delivery == "waiting"
        await world.revoke(connection)
        await world.pass_time(timedelta(hours=1))
        assert (await one_of(world, connection)).delivery == "waiting"
    assert len(post.taken) == 1
    assert (await world.connection(connection.id)).stage is not Stage.RUN


def test_a_password_is_not_sent_in_the_open() -> None:
    with pytest.raises(ValueError, match="in the open"):
        Smtp(host="mail.example.com", sender="a@example.com", security="none", username="a", password="b")  # type: ignore[arg-type] # noqa: S106
    with pytest.raises(ValueError, match="SENDER"):
        Smtp(host="mail.example.com")
    assert "b" * 9 not in repr(Smtp(password="b" * 9))  # type: ignore[arg-type]
