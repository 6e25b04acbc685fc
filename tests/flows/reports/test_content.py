"""What is in a report, and how it looks."""

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from shared.connections.record import Connection
from shared.deployment.queues import Job
from shared.engine.chain import entries
from shared.flows.jobs import run
from shared.flows.reports import figures, flow, rendering
from shared.flows.reports.periods import Frequency, Period, ended
from shared.storage import tables as db
from tests.flows.reports.steps import ANNA, BERT, HALF_AN_HOUR, monday, report, until
from tests.harness.world import World

FORMULA = "=cmd|' /C calc'!A0"


async def test_what_came_and_went_is_told(world: World) -> None:
    connection = await world.connect()
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    before = (await world.connection(connection.id)).synced_at
    assert before is not None
    people = world.graph("GET", "/v1.0/users?$top=5")["value"]
    for person in people[:2]:
        world.graph("DELETE", f"/v1.0/users/{person['id']}")
    new = {
        "accountEnabled": True,
        "displayName": "Newcomer",
        "mailNickname": "newcomer",
        "userPrincipalName": "newcomer@contoso.com",
        "passwordProfile": {"password": "x"},
    }
    world.graph("POST", "/v1.0/users", body=new)
    end = await monday(world)
    await until(world, end - HALF_AN_HOUR)
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    await until(world, end + HALF_AN_HOUR)
    (made,) = await report(world, connection)
    content = (await flow.one(world.app, connection, made.name)).content
    told = content["directory"]
    assert told["changes"]["users"] == {"added": 1, "removed": 2}
    assert told["changes"]["groups"] == {"added": 0, "removed": 0}
    assert told["syncs"] >= 2
    assert content["mail"] is None
    assert "No mailbox is read" in rendering.text(content)
    assert content["tokens"]["kept"] == 2


async def test_drift_that_was_mended_is_told(world: World) -> None:
    connection = await world.connect(repair_drift=True)
    rule = "TMCAS Inline Incoming Domain Transport Rule"
    world.cmdlet("Set-TransportRule", Identity=rule, Mode="Audit")
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    world.cmdlet("Remove-TransportRule", Identity=rule, Confirm=False)
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    await world.pass_time(timedelta(minutes=5))  # for the second look
    acts = [entry.act async for entry in entries(world.app.database, connection.id)]
    assert acts.count("drift") == 2
    await monday(world)
    await run(world.app, Job(name="refresh", connection_id=connection.id))
    (made,) = await report(world, connection)
    content = (await flow.one(world.app, connection, made.name)).content
    assert content["drift"] == {"found": 2, "repaired": 2, "standing": []}
    assert content["needs"] == []


async def test_drift_that_stands_needs_a_person(world: World) -> None:
    connection = await world.connect()
    rule = "TMCAS Inline Incoming Domain Transport Rule"
    world.cmdlet("Set-TransportRule", Identity=rule, Mode="Audit")
    await run(world.app, Job(name="sync-now", connection_id=connection.id))
    await monday(world)
    (made,) = await report(world, connection)
    content = (await flow.one(world.app, connection, made.name)).content
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
    call = {
        "connection": connection.id,
        "run": "x",
        "client": "1",
        "method": "messages.get",
        "reason": None,
        "attempt": 1,
        "milliseconds": 1,
        "quota": 1,
    }
    # The first message was read twice, one was refused, and two were read in another week.
    read = [
        (ANNA, "m1", at[0], 200),
        (ANNA, "m1", at[1], 200),
        (BERT, "m1", at[2], 200),
        (BERT, "m2", at[2], 404),
        (ANNA, "m3", period.begin - HALF_AN_HOUR, 200),
        (ANNA, "m4", period.end, 200),
    ]
    act = {"connection": connection.id, "findings": [], "done": True}
    acts = [
        ("1", "m1", "label", "risky"),
        ("1", "m1", "quarantine", "risky"),
        ("2", "m1", "label", FORMULA),
        ("2", "m9", "uninspected", "risky"),
    ]
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
        await write.execute(sa.insert(db.decisions), [*rows, late, undone])


async def filled(world: World, connection: Connection) -> dict[str, Any]:
    """A report on a week with some mail in it."""
    end = await monday(world)
    (period,) = ended(Frequency.WEEKLY, connection.site, end - HALF_AN_HOUR, world.clock.now())
    await fill(world, connection, period)
    now = world.clock.now()
    found = await figures.gather(world.app.database, connection.id, period, reads="messages.get", now=now)
    made = await flow._content(world.app, connection, period, now)
    return made | found | {"needs": flow._needs(connection, found)}


async def test_mail_is_counted_by_message_day_action_and_policy(world: World) -> None:
    connection = await world.connect()
    content = await filled(world, connection)
    mail = content["mail"]
    assert (mail["looked_at"], mail["acted_on"], mail["uninspected"]) == (2, 2, 1)
    assert mail["actions"] == {"label": 2, "quarantine": 1}
    assert [step["looked_at"] for step in mail["steps"]] == [1, 1, 0, 0, 0, 0, 0]
    assert mail["steps"][1]["actions"] == {"label": 2, "quarantine": 1}
    assert {(row["policy"], row["action"], row["number"]) for row in mail["policies"]} == {
        ("risky", "label", 1),
        ("risky", "quarantine", 1),
        (FORMULA, "label", 1),
    }
    assert content["calls"] == {"made": 4, "failed": 1}
    assert content["watches"] == {"mailboxes": 2, "watched": 1, "put_aside": 1}
    assert content["needs"] == [
        "Mailboxes that are not watched: 1.",
        "Mailboxes that could not be read: 1.",
        "Access tokens that have run out: 2.",
    ]
    json.dumps(content)


async def test_it_says_the_same_in_html_in_text_and_in_rows(world: World) -> None:
    connection = await world.connect()
    content = await filled(world, connection)
    content["connection"]["name"] = "<script>alert(1)</script> & Söhne"
    html, text = rendering.html(content), rendering.text(content)
    rows = list(csv.DictReader(io.StringIO(rendering.figures(content))))
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Söhne" in html
    assert "<script>alert(1)</script> & Söhne" in text
    for words in ("Messages scanned: 2; acted on: 2.", "Action required"):
        assert words in html
        assert words in text
    assert re.findall("<caption[^>]*><strong>(.*?)</strong>", html) == [
        "Messages scanned, by day",
        "Actions, by day",
        "Actions, by policy",
    ]
    assert "risky: label: 1" in text, "a chart's figures are in the text as well"
    assert {"section": "mail", "what": "scanned", "when": "", "number": "2"} in rows
    assert all(not row["what"].startswith("=") for row in rows)
    assert "'=cmd|" in rendering.figures(content)
    for outside in ("<img", "src=", "url(", "cid:", "<svg", "<link"):
        assert outside not in html
