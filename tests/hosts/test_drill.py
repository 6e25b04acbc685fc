"""The drill: what goes wrong on each cloud's own parts is told within its stated time, and shown first at home."""

import asyncio
import re
import sqlite3
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from standardwebhooks import Webhook

from infra.local.demo import browser
from infra.local.demo import microsoft365 as demo_microsoft365
from infra.local.demo.story import Demo, Life, begin
from infra.local.simulators.issuer.state import ACCOUNTS
from shared.foundation.clock import FileClock
from tests.harness.scripted_host import Host, Seen
from tests.hosts import places
from tests.hosts.places import Place
from tests.hosts.test_lives import HOSTS
from tests.infra.signals import SIGNALS, Number, fires

STATED: list[dict[str, Any]] = SIGNALS["drill"]
# What both clouds ask the health page from outside by, and how the drill lets time pass.
STEP = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
PATIENCE = 60  # seconds
FIRST = re.compile(r'<section class="card work[^>]*><h2>(.+?)</h2>', re.DOTALL)


@dataclass(kw_only=True)
class Drill:
    """A deployment with one connection, a webhook, and somebody at home."""

    place: Place
    life: Life
    file: Path
    receiver: Host
    secret: str
    person: httpx.AsyncClient

    def __post_init__(self) -> None:
        self.clock = FileClock(self.place.clock_file)

    def rows(self, query: str, *values: str) -> list[Any]:
        """What the database holds."""
        with sqlite3.connect(f"file:{self.file}?mode=ro", uri=True) as connection:
            return connection.execute(query, values).fetchall()

    async def sign_in(self) -> None:
        """Somebody signs in to the console at the issuer's page."""
        self.person.cookies.clear()
        page = await self.person.get("/sign-in")
        form = browser.Page(page.text)
        fields = {**dict(form.fields), "account": ACCOUNTS[0].address}
        done = await self.person.post(str(page.url.join(form.action or "")), data=fields)
        assert done.status_code == 200, done.text

    async def first(self) -> str:
        """What the console's home shows first of all work."""
        page = (await self.person.get("/")).raise_for_status().text
        found = FIRST.search(page)
        return re.sub(r"<[^>]+>", "", found[1]) if found else ""

    async def fires(self, alert: str) -> bool:
        """Whether an alert fires on the numbers as Prometheus is told them."""
        text = await self.life.demo.text("/metrics")
        families = text_string_to_metric_families(text)
        return fires(alert, [Number(one.name, one.labels, one.value) for family in families for one in family.samples])

    def told(self, since: int, kind: str) -> list[Seen]:
        """The messages of a kind that the receiver got, each signed as a public library signs it."""
        found = []
        for seen in self.receiver.seen[since:]:
            at = datetime.fromtimestamp(int(seen.headers["webhook-timestamp"]), UTC)
            signed = Webhook(self.secret).sign(seen.headers["webhook-id"], at, seen.body.decode())
            assert signed in seen.headers["webhook-signature"].split(" ")
            if seen.json()["type"] == kind:
                found.append(seen)
        return found

    async def step(self, over: Callable[[], bool], by: timedelta = STEP, patience: float = PATIENCE) -> None:
        """Some minutes pass, and what runs in them comes to its end."""
        self.place.move_clock(by)
        end = time.monotonic() + patience
        while not over() and time.monotonic() < end:  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.05)

    def settled(self, *, timers: bool = True, jobs: bool = True) -> Callable[[], bool]:
        """What tells whether the timers of this moment have fired, and what they sent is done."""
        moment = (self.clock.now() + STEP).replace(tzinfo=None).isoformat(" ")

        def over() -> bool:
            ended = dict(self.rows("SELECT name, fired_at FROM timers"))
            fired = all(ended.get(name, "") >= moment for name in ("sweep", "tell", "check"))
            on_their_way = self.rows("SELECT 1 FROM expected_jobs WHERE at <= ?", moment)
            at_work = self.rows("SELECT 1 FROM connections WHERE lease_until > ?", moment)
            return (fired or not timers) and not (jobs and (on_their_way or at_work))

        return over

    async def told_in_time(self, stated: dict[str, Any], first: str, **running: bool) -> None:
        """A fault is there now: time passes until it is told, no longer than stated; and what can be seen by then."""
        began, heard, within = self.clock.now(), len(self.receiver.seen), timedelta(minutes=stated["minutes"])
        while not self.told(heard, stated["event"]):
            if stated["alert"] == "database-locked":  # what fires then leaves no trace
                await self.step(lambda: len(self.receiver.seen) > heard, MINUTE, 10)
            else:
                await self.step(self.settled(**running))
            assert self.clock.now() - began <= within, stated["fault"]
            await self.person.get("/api/health/ready")
        assert await self.fires(stated["alert"]), stated["fault"]
        if stated["alert"] != "database-locked":  # which keeps nobody from reading, but from signing in
            await self.sign_in()
        assert first in await self.first(), stated["fault"]

    async def over(self) -> None:
        """Everything works again, and nothing is left to do at home."""
        for _ in range(24):
            await self.step(self.settled())
            await self.sign_in()
            if not await self.first():
                return
        raise AssertionError(await self.first())


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """The database takes no writes inside the block."""
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def stored_policies(file: Path, content: str) -> str:
    """Put something in the place of the first stored policy; returns what was there."""
    with sqlite3.connect(file) as connection:
        ((before,),) = connection.execute("SELECT content FROM policies").fetchall()
        connection.execute("UPDATE policies SET content = ?", [content])
    return str(before)


async def drilled(drill: Drill) -> None:
    """Every fault, one after the other, on one deployment."""
    stated = {one["alert"]: one for one in STATED}
    assert len(stated) == 5
    whole = "This deployment needs attention"

    before = stored_policies(drill.file, '{"no": "policy"}')
    await drill.told_in_time(stated["bug"], whole)
    stored_policies(drill.file, before)
    await drill.over()

    await drill.sign_in()
    with locked(drill.file):
        await drill.told_in_time(stated["database-locked"], whole)
    await drill.over()

    drill.place.withhold(queues=True)
    places.until_answering(drill.place.address)
    await drill.told_in_time(stated["queue-waits"], whole, jobs=False)
    drill.place.withhold()
    places.until_answering(drill.place.address)
    await drill.over()

    drill.place.withhold(timers=True)
    places.until_answering(drill.place.address)
    await drill.told_in_time(stated["timer-late"], whole, timers=False)
    drill.place.withhold()
    places.until_answering(drill.place.address)
    await drill.over()

    checks = [one.json()["data"]["check"] for one in drill.told(0, "deployment.recovered")]
    assert {"jobs", "database", "queue", "timers"} <= set(checks)
    await drill.life.administrator("remove-application")
    await drill.told_in_time(stated["consent-withdrawn"], "consent is missing")


async def begun(place: Place, file: Path, receiver: Host) -> None:
    """A connection is granted, with a webhook; then the drill."""
    trusted = ssl.create_default_context(cafile=place.simulators.settings["FOOTPRINT_CA_FILE"])
    here = {"base_url": place.address, "trust_env": False, "timeout": 60}
    async with (
        httpx.AsyncClient(**here) as operator,
        httpx.AsyncClient(**here, verify=trusted, follow_redirects=True) as person,
    ):
        demo = Demo(place=place, operator=operator, console=Console())
        life = await begin(demo, demo_microsoft365.STORY)
        made = await demo.api("POST", "/webhooks", {"url": f"{receiver.url}/hook"})
        await demo_microsoft365.granting(life)
        drill = Drill(place=place, life=life, file=file, receiver=receiver, secret=made["secret"], person=person)
        await drill.over()
        await drilled(drill)


@pytest.mark.parametrize("cloud", HOSTS)
def test_what_goes_wrong_is_told_in_time_and_shown_first(tmp_path: Path, cloud: str) -> None:
    where, missing = HOSTS[cloud]
    if missing:
        pytest.skip(missing)
    file, receiver = tmp_path / "footprint.db", Host()
    try:
        with where(tmp_path, f"sqlite+aiosqlite:///{file}") as place:
            places.until_answering(place.address)
            asyncio.run(begun(place, file, receiver))
    finally:
        receiver.close()
