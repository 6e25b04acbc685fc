"""Home and the list with five hundred connections: true statuses, groups of work, facets, order, pages."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shared.connections import record as connections
from shared.connections import search
from shared.connections.record import Connection
from shared.connections.record import Status as Outcome
from shared.connections.search import Wanted
from shared.connections.stages import Stage
from shared.connections.status import Status, status_of
from shared.engine.effects import Effect
from shared.storage import tables as db
from shared.web.actors import Actor, Role
from shared.web.pages import moment
from shared.web.pages.leaves import numbers
from tests.harness.pages import OLGA, asked, see
from tests.harness.world import World

ROWS = re.compile("/connections/[0-9a-f]{32}")


async def _fleet(world: World, number: int, **differs: Any) -> list[str]:
    """So many copies of one connection, each with what differs; a function is asked with the number of the copy."""
    first = await world.create()
    async with world.app.database.write() as write:
        row = (await write.execute(sa.select(db.connections).where(db.connections.c.id == first.id))).one()._mapping
        copies = []
        for one in range(number):
            own = {name: value(one) if callable(value) else value for name, value in differs.items()}
            copies.append({**row, "id": f"{one:032x}", "label": f"{one}", "name": f"Customer {one:03}", **own})
        await write.execute(sa.insert(db.connections), copies)
    return [copy["id"] for copy in copies]


async def test_the_database_and_python_say_the_same_status(world: World) -> None:
    now = world.app.clock.now()
    cases = [
        {"stage": int(stage), "status": str(outcome), "reason": reason, "claimed_tenant": claimed, "synced_at": synced}
        for stage in Stage
        for outcome in Outcome
        for reason in (None, "drift", "waiting_for_administrator")
        for claimed in (None, "t")
        for synced in (None, now)
    ]
    names = ("stage", "status", "reason", "claimed_tenant", "synced_at")
    ids = await _fleet(world, len(cases), **{name: lambda one, name=name: cases[one][name] for name in names})
    said = {}
    for status in Status:
        for one in await search.every(world.app.database, Wanted(status=status), most=1000):
            assert status_of(one) is status
            said[one.id] = status
    assert set(ids) < set(said)
    assert set(said.values()) == set(Status)


async def test_five_hundred_are_found_sorted_and_paged(world: World) -> None:
    customers = ("fabrikam", "northwind", "")
    await _fleet(
        world,
        500,
        stage=lambda one: int(Stage.CLOSED if one >= 450 else Stage.RUN),
        synced_at=world.app.clock.now(),
        customer=lambda one: customers[one % 3],
        status=lambda one: str(Outcome.ATTENTION if one % 100 == 7 else Outcome.OK),
        reason=lambda one: "drift" if one % 100 == 7 else None,
    )
    page = await see(world, "/connections?q=&status=&platform=", accept_encoding="gzip")
    rows = [one["href"] for one in page.all("a") if ROWS.fullmatch(one["href"])]
    assert len(rows) == 100
    assert rows[0] == f"/connections/{7:032x}"  # action required first
    assert "1\u2013100 of 451 connections" in page.text
    assert "Archive: 50 closed connections" in page.text
    assert "fabrikam (167)" in page.text
    (following,) = [one["href"] for one in page.all("a", rel="next")]
    last = await see(world, "/connections?page=5&sort=name&desc=true")
    assert "401\u2013451 of 451" in last.text
    assert [one["aria-sort"] for one in last.all("th") if "aria-sort" in one] == ["descending"]
    second = await see(world, following, accept_encoding="gzip")
    assert not {one["href"] for one in second.all("a") if ROWS.fullmatch(one["href"])} & set(rows)
    found = await see(world, "/connections?customer=fabrikam&status=action_required")
    assert "of 1 connection" in found.text or "of 2 connections" in found.text
    assert "1\u201350 of 50" in (await see(world, "/connections?archived=true", accept_encoding="gzip")).text
    assert "No connection matches" in (await see(world, "/connections?q=nothing")).text
    assert (await asked(world, "GET", "/connections?status=nothing", OLGA)).status == 400
    theirs = Actor(name="nina@northwind.example", role=Role.VIEWER, customer="northwind")
    assert "fabrikam" not in (await see(world, "/connections", theirs, accept_encoding="gzip")).text


def test_a_time_is_told_as_the_sites_clocks_show_it_too() -> None:
    time = datetime(2026, 11, 30, 23, 5, tzinfo=UTC)
    assert moment(time) == "30 Nov 2026, 23:05 UTC"
    assert moment(time, "jp") == "30 Nov 2026, 23:05 UTC; 1 Dec, 08:05 Asia/Tokyo"
    assert moment(None, "jp") == "never"


def test_a_pager_names_the_ends_and_what_is_near() -> None:
    assert numbers(1, 1) == [1]
    assert numbers(6, 12) == [1, None, 4, 5, 6, 7, 8, None, 12]


async def _harmed(world: World, connection: str, effect: Effect) -> None:
    drift = {"effect": [str(effect)], "told": "A rule was disabled"}
    async with world.app.database.write() as write:
        row = {"connection": connection, "key": "rule", "state": "ours", "since": world.app.clock.now()}
        await write.execute(sa.insert(db.holdings).values(**row, drift=drift, incarnation=1, attempts=0))


async def test_home_is_the_days_work_and_the_worst_for_mail_is_first(world: World) -> None:
    now = world.app.clock.now()
    ids = await _fleet(
        world,
        40,
        stage=lambda one: int(Stage.NEW if 20 <= one < 24 else Stage.RUN),
        synced_at=now,
        invited_at=now,
        invitation_expires_at=lambda one: now + timedelta(days=1 if one < 21 else 5 if one == 21 else -1),
        status=lambda one: str(Outcome.ATTENTION if one < 4 else Outcome.WAITING if one == 4 else Outcome.OK),
        reason=lambda one: "drift" if one < 3 else "tenant_taken" if one == 3 else "throttled" if one == 4 else None,
        sentence=lambda one: "A rule was disabled" if one < 3 else None,
    )
    await _harmed(world, ids[0], Effect.FILTERED_TWICE)
    for one in ids[1:3]:
        await _harmed(world, one, Effect.UNSCANNED)
    page = await see(world, "/")
    titles = [
        "2 connections: mail bypasses the scanner",
        "1 connection: mail is filtered a second time",
        "1 connection: tenant taken",
        "2 connections: invitation expired without consent",
        "1 connection: invitation expires within 2 days",
        "1 connection: degraded, throttled",
    ]
    places = [page.text.index(title) for title in titles]
    assert places == sorted(places)
    assert page.all("a", href=f"/connections/{ids[1]}/plan?for=repair")
    assert "31 Healthy" in page.text
    theirs = Actor(name="nina@northwind.example", role=Role.VIEWER, customer="northwind")
    assert "bypasses" not in (await see(world, "/", theirs)).text


async def test_an_invitation_says_when_it_was_sent_opened_and_expires(world: World) -> None:
    new = await world.create()
    path = f"/connections/{new.id}"
    assert "Invitation sent now , not opened yet, expires in 7 d" in (await see(world, path)).text
    world.clock.move(timedelta(hours=3))
    await world.opens(new)
    assert "sent 3 h ago , opened now" in (await see(world, path)).text
    world.clock.move(timedelta(days=7))
    late = await see(world, path)
    assert "expired 3 h ago" in late.text  # and is not renewed by a look
    assert "/connect#" not in late.body
    assert f"{path}/renew-invitation" in late.posts()
    found: Connection | None = await connections.find(world.app.database, new.id)
    assert found is not None
    assert status_of(found) is Status.AWAITING_CONSENT
