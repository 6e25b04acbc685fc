"""Scheduled reports: each period once, what is in them, how they look, and that they reach whom they can."""

import asyncio
import csv
import io
import json
import logging
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
import trustme
from aiosmtpd.smtp import SMTP, AuthResult

from shared.connections.record import Connection, Lease, Superseded
from shared.deployment.queues import Job
from shared.deployment.queues.database import EmbeddedQueue
from shared.engine.chain import entries
from shared.engine.rows import Stage
from shared.flows.jobs import fire, run
from shared.flows.reports import delivery, figures
from shared.flows.reports import flow as reports
from shared.flows.reports import rendering as page
from shared.flows.reports import store as keep
from shared.flows.reports.charts import charts, png
from shared.flows.reports.periods import Kind, Period, ended
from shared.flows.reports.store import Subscription
from shared.foundation.schedule import SYNC_AT, TIMERS, ZONES, Site
from shared.foundation.settings import Smtp
from shared.storage import tables as db
from shared.web.http import Response
from tests.harness import client as asking
from tests.harness.world import World

BERLIN = ZoneInfo("Europe/Berlin")
EVER = datetime(2020, 1, 1, tzinfo=UTC)
FORMULA = "=cmd|' /C calc'!A0"
ANNA, BERT = "anna@contoso.com", "bert@contoso.com"
HALF_AN_HOUR = timedelta(minutes=30)
(TIMER,) = [timer for timer in TIMERS if timer.name == "report"]


# Periods


def test_a_day_is_as_long_as_the_clocks_make_it() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    days = {period.first: period for period in ended(Kind.DAILY, Site.EU, EVER, now)}
    long, plain = days[date(2026, 10, 25)], days[date(2026, 10, 24)]
    assert (long.begin, long.end) == (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))
    assert [len(day.steps()) for day in (long, plain)] == [25, 24]
    assert [label for label, _ in long.steps()].count("02") == 2
    (short,) = ended(Kind.DAILY, Site.EU, datetime(2026, 3, 29, 21, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC))
    assert (short.end - short.begin, len(short.steps())) == (timedelta(hours=23), 23)
    week = next(one for one in ended(Kind.WEEKLY, Site.EU, EVER, now) if one.first == date(2026, 10, 19))
    assert [end for _, end in week.steps()][-2:] == [long.begin, long.end]


@pytest.mark.parametrize("site", Site)
def test_a_sites_periods_end_at_its_own_midnight_and_follow_each_other(site: Site) -> None:
    zone = ZoneInfo(ZONES[site])
    for kind in Kind:
        found = ended(kind, site, EVER, datetime(2026, 11, 25, 12, tzinfo=UTC))
        for before, after in pairwise(found):
            assert before.end == after.begin
        for period in found:
            local = period.begin.astimezone(zone)
            assert (local.hour, local.minute) == (0, 0)
            assert period.steps()[-1][1] == period.end
            assert kind is not Kind.WEEKLY or local.weekday() == 0
            assert kind is not Kind.MONTHLY or local.day == 1
    # Where a site has several zones, it is the one in which its sync comes soonest after midnight.
    sync = datetime.combine(date(2026, 12, 1), SYNC_AT[site], tzinfo=UTC).astimezone(zone)
    assert sync.hour < 4 or site is Site.IN, "by the published table it is in the afternoon there"


def test_what_was_missed_is_made_up_for_but_not_for_ever() -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert [len(ended(kind, Site.EU, EVER, now)) for kind in Kind] == [35, 5, 1]
    since = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert [one.name for one in ended(Kind.DAILY, Site.EU, since, now)] == [
        "daily-2026-11-22", "daily-2026-11-23", "daily-2026-11-24",
    ]  # fmt: skip
    assert [one.name for one in ended(Kind.WEEKLY, Site.EU, since, now)] == ["weekly-2026-W47"]
    assert ended(Kind.MONTHLY, Site.EU, since, now) == []
    assert ended(Kind.DAILY, Site.EU, now, now) == []
    assert ended(Kind.WEEKLY, Site.EU, EVER, datetime(2021, 1, 4, tzinfo=UTC))[-1].name == "weekly-2020-W53"


# Each once


async def until(world: World, moment: datetime) -> None:
    """Let the time come, with nothing done meanwhile."""
    world.clock.move(moment - world.clock.now())


async def monday(world: World, after: timedelta = HALF_AN_HOUR) -> datetime:
    """Go to the next Monday in Berlin, some time after midnight."""
    today = world.clock.now().astimezone(BERLIN).date()
    at = datetime.combine(today + timedelta(days=7 - today.weekday()), datetime.min.time(), BERLIN).astimezone(UTC)
    await until(world, at + after)
    return at


async def report(world: World, connection: Connection) -> list[keep.ReportSummary]:
    """Run the job, and tell which reports there are, oldest first."""
    await run(world.app, Job(name="report", connection=connection.id))
    return list(reversed(await newest_first(world, connection)))


async def newest_first(world: World, connection: Connection) -> list[keep.ReportSummary]:
    """The reports that there are."""
    return (await keep.page(world.app.database, connection.id, most=100))[0]


async def subscribe(world: World, connection: Connection, *recipients: str, kinds: tuple[Kind, ...]) -> None:
    """Say which reports there are."""
    wanted = Subscription(kinds=list(kinds), recipients=list(recipients))
    await keep.subscribe(
        world.app.database, connection, wanted, lambda _: None, actor="anna", now=world.clock.now()
    )  # fmt: skip


async def test_a_week_is_told_once_however_often_the_timer_fires(world: World) -> None:
    connection = await world.connect()
    assert await report(world, connection) == []
    end = await monday(world)
    await fire(world.app, TIMER)
    await fire(world.app, TIMER)
    await world.work()
    (made,) = await newest_first(world, connection)
    assert (made["ends"], made["kind"], made["delivery"]) == (end.isoformat(), "weekly", "to nobody")
    world.clock.move(timedelta(hours=1))
    assert await report(world, connection) == [made]


async def test_missed_weeks_are_made_up_for(world: World) -> None:
    connection = await world.connect()
    for _ in range(3):
        await monday(world)
    made = await report(world, connection)
    assert [one["begins"] for one in made[1:]] == [one["ends"] for one in made[:-1]]
    assert len(made) == 3


async def test_two_runs_at_once_make_one_report(world: World) -> None:
    connection = await world.connect()
    await monday(world)
    other = await world.again()
    await asyncio.gather(*(run(one.app, Job(name="report", connection=connection.id)) for one in (world, other) * 3))
    await world.work()
    assert len(await newest_first(world, connection)) == 1


async def test_a_kind_begins_when_it_is_asked_for(world: World) -> None:
    connection = await world.connect()
    await monday(world)
    await monday(world, timedelta(hours=12))
    await subscribe(world, connection, kinds=(Kind.DAILY, Kind.WEEKLY))
    assert [one["kind"] for one in await report(world, connection)] == ["weekly", "weekly"]
    world.clock.move(timedelta(days=2))
    made = await report(world, connection)
    assert [one["kind"] for one in made] == ["weekly", "weekly", "daily", "daily"]
    await subscribe(world, connection, kinds=())
    world.clock.move(timedelta(days=14))
    assert await report(world, connection) == made


async def test_nothing_is_made_before_it_runs_nor_after_it_was_revoked(world: World) -> None:
    waiting = await world.create("fabrikam.com")
    connection = await world.connect()
    end = await monday(world)
    await world.revoke(connection)
    for one in (waiting, connection):
        assert await report(world, one) == []
    # A run that began before does not make one either.
    before = await world.connection(connection.id)
    lease = Lease(connection=connection.id, token="", generation=before.generation - 1)
    period = Period(kind=Kind.DAILY, first=date(2026, 1, 1), after=date(2026, 1, 2), zone=BERLIN)
    with pytest.raises(Superseded):
        await keep.add(world.app.database, lease, period, {}, [], end)
    assert await newest_first(world, connection) == []


async def test_a_closed_connection_knows_no_recipients(world: World) -> None:
    connection = await world.connect()
    await subscribe(world, connection, ANNA, kinds=(Kind.WEEKLY,))
    await monday(world)
    (made,) = await report(world, connection)
    assert ANNA in made["recipients"]
    await world.leave(connection)
    (kept,) = await newest_first(world, connection)
    assert (kept["recipients"], kept["not_before"]) == ({}, None)
    assert await keep.subscription(world.app.database, connection.id) == Subscription()


async def test_when_nothing_is_due_one_look_is_all(world: World) -> None:
    connection = await world.connect()
    await monday(world)
    await report(world, connection)
    now, seen = await world.connection(connection.id), []
    lease = Lease(connection=connection.id, token="", generation=now.generation)
    engine = world.app.database.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", lambda *arguments: seen.append(arguments[2]))
    await reports.report(world.app, now, lease)
    assert len([one for one in seen if one.startswith("SELECT")]) == len(seen) == 1, seen


# What is in them


async def test_what_came_and_went_is_told(world: World) -> None:
    connection = await world.connect()
    await run(world.app, Job(name="sync-now", connection=connection.id))
    before = (await world.connection(connection.id)).synced_at
    assert before is not None
    people = world.graph("GET", "/v1.0/users?$top=5")["value"]
    for person in people[:2]:
        world.graph("DELETE", f"/v1.0/users/{person['id']}")
    new = {"accountEnabled": True, "displayName": "Newcomer", "mailNickname": "newcomer",
           "userPrincipalName": "newcomer@contoso.com", "passwordProfile": {"password": "x"}}  # fmt: skip
    world.graph("POST", "/v1.0/users", body=new)
    end = await monday(world)
    await until(world, end - HALF_AN_HOUR)
    await run(world.app, Job(name="sync-now", connection=connection.id))
    await until(world, end + HALF_AN_HOUR)
    (made,) = await report(world, connection)
    content = (await reports.one(world.app, connection, made["name"]))["content"]
    told = content["directory"]
    assert told["changes"]["users"] == {"added": 1, "removed": 2}
    assert told["changes"]["groups"] == {"added": 0, "removed": 0}
    assert told["syncs"] >= 2
    assert content["mail"] is None
    assert "No mailbox is read" in page.of_mail(content).text
    assert content["tokens"]["kept"] == 2


async def test_drift_that_was_mended_is_told(world: World) -> None:
    connection = await world.connect(repair_drift=True)
    rule = "TMCAS Inline Incoming Domain Transport Rule"
    world.cmdlet("Set-TransportRule", Identity=rule, Mode="Audit")
    await run(world.app, Job(name="sync-now", connection=connection.id))
    world.cmdlet("Remove-TransportRule", Identity=rule, Confirm=False)
    await run(world.app, Job(name="sync-now", connection=connection.id))
    acts = [entry["act"] async for entry in entries(world.app.database, connection.id)]
    assert acts.count("drift") == 2
    await monday(world)
    await run(world.app, Job(name="refresh", connection=connection.id))
    (made,) = await report(world, connection)
    content = (await reports.one(world.app, connection, made["name"]))["content"]
    assert content["drift"] == {"found": 2, "repaired": 2, "standing": []}
    assert content["needs"] == []


async def test_drift_that_stands_needs_a_person(world: World) -> None:
    connection = await world.connect()
    rule = "TMCAS Inline Incoming Domain Transport Rule"
    world.cmdlet("Set-TransportRule", Identity=rule, Mode="Audit")
    await run(world.app, Job(name="sync-now", connection=connection.id))
    await monday(world)
    (made,) = await report(world, connection)
    content = (await reports.one(world.app, connection, made["name"]))["content"]
    assert (content["drift"]["found"], content["drift"]["repaired"]) == (1, 0)
    assert content["drift"]["standing"] == [rule]
    assert any(rule in sentence for sentence in content["needs"])


async def fill(world: World, connection: Connection, period: Period) -> None:
    """Mail of a period, and a little on either side of it."""
    day = timedelta(days=1)
    at = [period.begin + timedelta(hours=hours) for hours in (0, 1, 30)]
    mailbox = {"connection": connection.id, "position": 1, "begun": 0}
    boxes: list[dict[str, Any]] = [
        {"user": "1", "address": ANNA, "watched_until": period.end + 9 * day, "reason": None},
        {"user": "2", "address": BERT, "watched_until": period.begin, "reason": "The mailbox is closed."},
    ]
    call = {"connection": connection.id, "run": "x", "client": "1", "method": "messages.get", "reason": None,
            "attempt": 1, "milliseconds": 1, "quota": 1}  # fmt: skip
    # The first message was read twice, one was refused, and two were read in another week.
    read = [(ANNA, "m1", at[0], 200), (ANNA, "m1", at[1], 200), (BERT, "m1", at[2], 200), (BERT, "m2", at[2], 404),
            (ANNA, "m3", period.begin - HALF_AN_HOUR, 200), (ANNA, "m4", period.end, 200)]  # fmt: skip
    act = {"connection": connection.id, "findings": [], "done": True}
    acts = [("1", "m1", "label", "risky"), ("1", "m1", "quarantine", "risky"),
            ("2", "m1", "label", FORMULA), ("2", "m9", "uninspected", "risky")]  # fmt: skip
    async with world.app.database.write() as write:
        await write.execute(sa.insert(db.mailboxes), [mailbox | one for one in boxes])
        calls = [
            call | {"subject": who, "target": what, "at": when, "status": status} for who, what, when, status in read
        ]
        await write.execute(sa.insert(db.operations), calls)
        rows = [
            act | dict(zip(("user", "message", "action", "policy"), one, strict=True)) | {"at": at[2]} for one in acts
        ]
        late = rows[0] | {"message": "m0", "at": period.end}
        undone = rows[0] | {"message": "m5", "done": False}
        await write.execute(sa.insert(db.acted), [*rows, late, undone])


async def filled(world: World, connection: Connection) -> dict[str, Any]:
    """A report on a week with some mail in it."""
    end = await monday(world)
    (period,) = ended(Kind.WEEKLY, connection.site, end - HALF_AN_HOUR, world.clock.now())
    await fill(world, connection, period)
    now = world.clock.now()
    found = await figures.gather(world.app.database, connection.id, period, reads="messages.get", now=now)
    made = await reports._content(world.app, connection, period, now)
    return made | found | {"needs": reports._needs(connection, found)}


async def test_mail_is_counted_by_message_day_action_and_policy(world: World) -> None:
    connection = await world.connect()
    content = await filled(world, connection)
    mail = content["mail"]
    assert (mail["looked_at"], mail["acted_on"], mail["uninspected"]) == (2, 2, 1)
    assert mail["actions"] == {"label": 2, "quarantine": 1}
    assert [step["looked_at"] for step in mail["steps"]] == [1, 1, 0, 0, 0, 0, 0]
    assert mail["steps"][1]["actions"] == {"label": 2, "quarantine": 1}
    assert {(row["policy"], row["action"], row["number"]) for row in mail["policies"]} == {
        ("risky", "label", 1), ("risky", "quarantine", 1), (FORMULA, "label", 1),
    }  # fmt: skip
    assert content["calls"] == {"made": 4, "failed": 1}
    assert content["watches"] == {"mailboxes": 2, "watched": 1, "put_aside": 1}
    assert content["needs"] == [
        "Mailboxes that are not watched: 1.", "Mailboxes that could not be read: 1.",
        "Access tokens that have run out: 2.",
    ]  # fmt: skip
    json.dumps(content)


# How they look


async def test_it_says_the_same_in_html_in_text_and_in_rows(world: World) -> None:
    connection = await world.connect()
    content = await filled(world, connection)
    content["connection"]["name"] = "<script>alert(1)</script> & Söhne"
    shown, rows = page.of_mail(content), list(csv.DictReader(io.StringIO(page.figures(content))))
    assert "<script" not in shown.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Söhne" in shown.html
    assert "<script>alert(1)</script> & Söhne" in shown.text
    for text in ("Messages looked at: 2; acted on: 2.", "Needs a person"):
        assert text in shown.html
        assert text in shown.text
    assert [name for name, _ in shown.images] == ["looked-at", "acted-on", "policies"]
    for name, _ in shown.images:
        assert f'src="cid:{name}"' in shown.html
    assert shown.html.count("<img") == shown.html.count(' alt="Messages') + shown.html.count(' alt="Actions')
    assert {"section": "mail", "what": "looked at", "when": "", "number": "2"} in rows
    assert all(not row["what"].startswith("=") for row in rows)
    assert "'=cmd|" in page.figures(content)
    alone = page.alone(content)
    assert alone.count("data:image/png;base64,") == 3
    assert "cid:" not in alone


@pytest.mark.parametrize(("steps", "unit"), [(7, "day"), (31, "day"), (25, "hour")])
def test_pictures_are_pictures(steps: int, unit: str) -> None:
    from PIL import Image

    acts = {"label": 3, "spam": 1, "quarantine": 2, "trash": 1}
    content = {
        "unit": unit,
        "mail": {
            "looked_at": 9_000, "actions": acts,
            "steps": [{"step": f"{n:02}", "looked_at": 300 * n, "actions": acts} for n in range(steps)],
            "policies": [{"policy": "a" * 64, "action": "label", "number": n} for n in range(10, 0, -1)],
        },
        "directory": {"changes": {"users": {"added": 1, "removed": 0}}},
    }  # fmt: skip
    made = charts(content)
    assert [chart.name for chart in made] == ["looked-at", "acted-on", "policies", "directory"]
    for chart in made:
        image = Image.open(io.BytesIO(png(chart)))
        assert image.size == (1200, 2 * chart.height)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        assert len(image.convert("RGB").getcolors(1 << 20) or []) > 20, "nothing is drawn"
    assert charts({**content, "mail": None, "directory": {"changes": None}}) == []


def test_the_chart_library_is_known_in_one_place_and_imported_when_it_draws() -> None:
    sources = Path(reports.__file__).parents[2]
    users = [path.name for path in sources.rglob("*.py") if "matplotlib" in path.read_text()]
    assert users == ["charts.py"]
    code = "import sys, shared.flows.jobs, shared.flows.reports.rendering\n"
    code += "print('matplotlib' in sys.modules, 'smtplib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=sources.parent, capture_output=True, check=True)  # noqa: S603
    assert done.stdout.split() == [b"False", b"False"]


# By HTTP


async def ask(world: World, method: str, path: str, body: Any = None, **headers: str) -> Response:
    """An operator's request."""
    return await asking.ask(world, method, path, token=world.sims.operator_token(), body=body, **headers)


async def test_settings_are_changed_by_who_has_seen_them(world: World) -> None:
    world = await world.again(smtp={"host": "127.0.0.1", "sender": "reports@example.com"})
    connection = await world.create()
    path = f"/api/connections/{connection.id}/reports/settings"
    first = await ask(world, "GET", path)
    assert json.loads(first.body) == {"kinds": ["weekly"], "recipients": []}
    wanted = {"kinds": ["daily", "monthly"], "recipients": [ANNA, "ANNA@contoso.com", BERT]}
    assert (await ask(world, "PUT", path, wanted)).status == 428
    put = await ask(world, "PUT", path, wanted, **{"if-match": first.headers["ETag"]})
    assert json.loads(put.body) == {"kinds": ["daily", "monthly"], "recipients": ["ANNA@contoso.com", BERT]}
    assert put.headers["ETag"] == (await ask(world, "GET", path)).headers["ETag"]
    assert (await ask(world, "PUT", path, wanted, **{"if-match": first.headers["ETag"]})).status == 412


@pytest.mark.parametrize(
    "wanted",
    [
        {"kinds": ["hourly"]},
        {"kinds": ["daily"] * 4},
        {"recipients": [f"a{number}@contoso.com" for number in range(21)]},
        *(
            {"recipients": [address]}
            for address in (
                "anna", "anna@contoso", "a b@contoso.com", "anna@contoso.com\r\nBcc: all@contoso.com", "ä@contoso.com",
                "anna@contoso.com\n", "<anna@contoso.com>", "a@b@contoso.com", f"{'a' * 250}@contoso.com",
            )
        ),
        {"language": "de"},
    ],
)  # fmt: skip
async def test_bad_settings_are_refused_by_name(world: World, wanted: dict[str, Any]) -> None:
    connection = await world.create()
    path = f"/api/connections/{connection.id}/reports/settings"
    refused = await ask(world, "PUT", path, wanted, **{"if-match": "*"})
    assert refused.status == 400
    assert json.loads(refused.body)["detail"].startswith(next(iter(wanted)))
    assert json.loads((await ask(world, "GET", path)).body) == Subscription().model_dump(mode="json")


async def test_nobody_is_promised_mail_without_a_mail_server(world: World) -> None:
    connection = await world.connect()
    path = f"/api/connections/{connection.id}/reports/settings"
    refused = await ask(world, "PUT", path, {"recipients": [ANNA]}, **{"if-match": "*"})
    assert (refused.status, json.loads(refused.body)["code"]) == (409, "no_mail_server")
    assert (await ask(world, "PUT", path, {"kinds": []}, **{"if-match": "*"})).status == 200
    await world.revoke(connection)
    assert (await ask(world, "PUT", path, {"kinds": []}, **{"if-match": "*"})).status == 409


async def test_a_kept_report_can_be_fetched_in_each_form(world: World) -> None:
    connection = await world.connect()
    await monday(world)
    (made,) = await report(world, connection)
    path = f"/api/connections/{connection.id}/reports"
    (listed,) = json.loads((await ask(world, "GET", path)).body)["reports"]
    assert listed["name"] == made["name"]
    assert "content" not in listed
    whole = json.loads((await ask(world, "GET", f"{path}/{made['name']}")).body)
    assert whole["content"]["connection"] == {"name": "Contoso", "platform": "Microsoft 365", "site": "eu"}
    html, rows = (
        await ask(world, "GET", f"{path}/{made['name']}/html"),
        await ask(world, "GET", f"{path}/{made['name']}/csv"),
    )
    for file, kind in ((html, "html"), (rows, "csv")):
        assert file.headers["Content-Disposition"] == f'attachment; filename="{made["name"]}.{kind}"'
        assert "sandbox" in file.headers["Content-Security-Policy"]
        assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert b"<script" not in html.body
    assert b"http" not in html.body.replace(b"http-equiv", b"")
    assert rows.body.startswith(b"section,what,when,number")
    assert (await ask(world, "GET", f"{path}/weekly-1999-W01")).status == 404


# To whom they go


@dataclass
class Post:
    """What a mail server's people have set up: whom it refuses, how it ends, and what it has taken."""

    refused: dict[str, list[str]] = field(default_factory=dict)
    """What is said of a recipient, each time anew; nothing more means that it is taken."""
    answers: list[str] = field(default_factory=list)
    """What is said once a message is there, each time anew; `dies` is to go away instead."""
    taken: list[tuple[list[str], bytes]] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the name it is called by
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """A recipient."""
        if said := self.refused.get(address):
            return said.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - the same
        """A message."""
        self.taken.append((list(envelope.rcpt_tos), envelope.content))
        said = self.answers.pop(0) if self.answers else "250 OK"
        if said == "dies":
            server.transport.abort()
        return said

    def login(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, auth: Any) -> AuthResult:
        """Who wants in."""
        self.logins.append((auth.login, auth.password))
        return AuthResult(success=auth.password == b"the password", handled=False)

    @property
    def messages(self) -> list[EmailMessage]:
        """What was taken, read."""
        return [message_from_bytes(content, policy=default) for _, content in self.taken]  # type: ignore[misc]


@asynccontextmanager
async def mail_server(
    post: Post, security: str = "none", tls: ssl.SSLContext | None = None
) -> AsyncIterator[dict[str, Any]]:
    """A real one on loopback; the settings with which it is reached."""
    loop = asyncio.get_running_loop()
    more: dict[str, Any] = {}
    if tls is not None:
        under = security == "starttls"
        more = {"authenticator": post.login, "auth_required": under, "auth_require_tls": under}
    if security == "starttls":
        more |= {"tls_context": tls, "require_starttls": tls is not None}
    server = await loop.create_server(
        lambda: SMTP(post, hostname="mail.example.com", loop=loop, **more), "127.0.0.1", 0,
        ssl=tls if security == "tls" else None,
    )  # fmt: skip
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield {"host": "127.0.0.1", "port": port, "security": security, "sender": "reports@example.com"}


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
    await subscribe(world, connection, *recipients, kinds=(Kind.WEEKLY,))
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
    assert made["delivery"] == "sent"
    ((recipients, _),) = post.taken
    assert recipients == [ANNA, BERT]
    (mail,) = post.messages
    assert mail["To"] == f"{ANNA}, {BERT}"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == f"<{made['name']}.{connection.id}@example.com>"
    assert mail["Subject"].startswith("Weekly report: Week ")
    kinds = [part.get_content_type() for part in mail.walk()]
    # It is not known here whether anything came or went that a picture could show.
    assert [kind for kind in kinds if kind not in ("multipart/related", "image/png")] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/csv",
    ]  # fmt: skip
    assert mail.get_body(("plain",)) is not None
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == f"{made['name']}.csv"


def test_pictures_are_parts_of_their_page_and_a_name_makes_no_header() -> None:
    smtp = Smtp(host="x", sender="reports@example.com")
    content = {
        "title": "Daily report", "name": "daily-2026-11-24", "made_at": "2026-11-25T00:30:00+00:00",
        "connection": {"name": "Contoso\r\nBcc: all@contoso.com\u2028X"},
    }  # fmt: skip
    shown = page.Page(html='<img src="cid:directory">' + "x" * 2000, text="ä", images=(("directory", b"\x89PNG"),))
    sent = delivery.compose(smtp, [ANNA], content, shown, "a,b\r\n", id="1").as_bytes()
    mail = message_from_bytes(sent, policy=default)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Daily report: Contoso Bcc: all@contoso.com X"
    assert max(map(len, sent.splitlines())) < 998
    related = next(part for part in mail.walk() if part.get_content_type() == "multipart/related")
    _, picture = related.iter_parts()
    assert (picture["Content-ID"], picture.get_content_disposition()) == ("<directory>", "inline")


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_it_is_sent_under_tls_with_a_name_and_a_password(
    world: World, authority: trustme.CA, security: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with mail_server(post := Post(), security, certified(authority)) as smtp:
        known = {"username": "footprint", "password": "the password"}
        world, connection = await due(world, ANNA, smtp=smtp | known, ca_file=trusted(world, authority))
        assert (await one_of(world, connection))["delivery"] == "sent"
        assert post.logins == [(b"footprint", b"the password")]
        other = await world.again(smtp=smtp | known | {"password": "a wrong one"}, ca_file=trusted(world, authority))
        await monday(other)
        *_, refused = await report(other, connection)
    assert (refused["delivery"], len(post.taken)) == ("waiting", 1)
    assert "code 535" in refused["sentence"]
    assert "the password" not in caplog.text
    assert "a wrong one" not in caplog.text


@pytest.mark.parametrize("flaw", ["plain", "stranger", "other name"])
async def test_a_server_that_is_not_what_it_should_be_gets_nothing(
    world: World, authority: trustme.CA, flaw: str
) -> None:
    shown = {
        "plain": None, "stranger": certified(trustme.CA()), "other name": certified(authority, "mail.example.net"),
    }[flaw]  # fmt: skip
    async with mail_server(post := Post(), "starttls", shown) as smtp:
        world, connection = await due(
            world, ANNA, smtp=smtp | {"username": "a", "password": "b"}, ca_file=trusted(world, authority)
        )
        made = await one_of(world, connection)
    assert made["delivery"] == "waiting"
    assert ("SMTPNotSupportedError" if flaw == "plain" else "SSLCertVerificationError") in made["sentence"]
    assert (post.taken, post.logins) == ([], [])


async def test_one_refused_recipient_does_not_stop_the_others(world: World) -> None:
    post = Post(refused={ANNA: ["550 no such mailbox"], "c@contoso.com": ["451 later"]})
    async with mail_server(post) as smtp:
        world, connection = await due(world, ANNA, BERT, "c@contoso.com", smtp=smtp)
        made = await one_of(world, connection)
        assert made["recipients"] == {ANNA: "refused with code 550", BERT: "sent", "c@contoso.com": "waiting"}
        await world.pass_time(timedelta(minutes=5))
        done = await one_of(world, connection)
    assert done["recipients"] == made["recipients"] | {"c@contoso.com": "sent"}
    assert (done["delivery"], done["sentence"]) == ("in part", None)
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
        assert (made["delivery"], done["delivery"], len(post.taken)) == ("failed", "failed", 1)
        return
    assert (made["delivery"], done["delivery"]) == ("waiting", "sent")
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
    assert (made["delivery"], made["sentence"]) == (
        "waiting", "The mail server 127.0.0.1 does not take reports just now (ConnectionRefusedError)."
    )  # fmt: skip
    assert await one_of(world, connection) == made  # not before its time
    await world.pass_time(timedelta(hours=6))
    assert [record.getMessage() for record in caplog.records].count(str(made["sentence"])) == 1
    now = await world.connection(connection.id)
    assert (now.status, now.reason) == ("ok", None)
    assert post.taken == []
    async with mail_server(post) as back:
        world = await world.again(smtp=back)
        await world.pass_time(timedelta(hours=1))
    assert (await one_of(world, connection))["delivery"] == "sent"
    assert len(post.taken) == 1


async def test_what_could_not_be_sent_for_days_is_kept_and_given_up(world: World) -> None:
    world, connection = await due(world, ANNA)  # there is no mail server any more
    made = await one_of(world, connection)
    assert "FOOTPRINT_SMTP__HOST" in made["sentence"]
    await world.pass_time(timedelta(days=3, hours=2))
    given_up = await one_of(world, connection)
    assert (given_up["delivery"], given_up["not_before"]) == ("failed", None)
    assert given_up["sentence"] == made["sentence"]
    assert await EmbeddedQueue(world.app.database).next_at() is None
    async with mail_server(post := Post()) as smtp:
        await report(await world.again(smtp=smtp), connection)
    assert post.taken == []


async def test_two_runs_at_once_send_one_mail(world: World) -> None:
    async with mail_server(post := Post()) as smtp:
        world, connection = await due(world, ANNA, smtp=smtp)
        other = await world.again(smtp=smtp)
        jobs = (run(one.app, Job(name="report", connection=connection.id)) for one in (world, other) * 3)
        await asyncio.gather(*jobs)
        await world.work()
    assert len(post.taken) == 1


async def test_nothing_is_sent_after_access_was_revoked(world: World) -> None:
    async with mail_server(post := Post(answers=["451 not now"])) as smtp:
        world, connection = await due(world, ANNA, smtp=smtp)
        assert (await one_of(world, connection))["delivery"] == "waiting"
        await world.revoke(connection)
        await world.pass_time(timedelta(hours=1))
        assert (await one_of(world, connection))["delivery"] == "waiting"
    assert len(post.taken) == 1
    assert (await world.connection(connection.id)).stage is not Stage.RUN


def test_a_password_is_not_sent_in_the_open() -> None:
    with pytest.raises(ValueError, match="in the open"):
        Smtp(host="mail.example.com", sender="a@example.com", security="none", username="a", password="b")  # type: ignore[arg-type] # noqa: S106
    with pytest.raises(ValueError, match="SENDER"):
        Smtp(host="mail.example.com")
    assert "b" * 9 not in repr(Smtp(password="b" * 9))  # type: ignore[arg-type]
