"""The whole life of a connection to each platform, without a person: by the public routes, every result read back.

Ends with the published tables and what was observed of each line; the exit code tells whether all of it held.
What happens on a platform is told in a module of its own; nothing here knows one platform from another.
"""

import asyncio
import json
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from infra.local.demo import browser
from infra.local.demo.place import Place
from infra.local.machine import machine

# Real time; the simulated one is moved.
DEADLINE_SECONDS = 30.0
POLL = 0.1
# Only the administrator is waited for by the story itself; for anything else, a second look too, time is all it takes.
TOLD = frozenset({"waiting_for_administrator"})
WAITING = frozenset({"setting_up", "degraded", "revoking"})
GOOD = {
    "grant": {"present", "borrowed"},
    "run": {"present", "running", "on demand, seen"},
    "revoke": {"absent", "stopped"},
    "cleanup": {"absent", "borrowed"},
}

Rows = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One stage of a life: what happens in it. At its end everything is observed."""

    stage: str
    title: str
    happens: Callable[["Life"], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Story:
    """What is told of one platform."""

    domain: str
    connection: Mapping[str, Any]
    """What the operator says to make the connection; the domain is added."""
    signs_in: str
    """What the administrator chooses on the platform's page."""
    chapters: tuple[Chapter, ...]
    agree: Callable[[Rows, str], Mapping[str, bool]]
    """(rows, snapshot): of which objects the tenant itself says what we say, by name."""
    later: frozenset[str] = frozenset()
    """Rows that are not made at once, but when a policy first names somebody."""


@dataclass(kw_only=True)
class Demo:
    """One run of the demo, with what has failed so far."""

    place: Place
    operator: httpx.AsyncClient
    console: Console
    carries_mail: bool = False
    """Whether a relay takes mail here and has it carried, as on one machine."""
    failures: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        """One line of progress."""
        self.console.print(f"[dim]{time.monotonic() - self.began:5.1f} s[/]  {text}", highlight=False)

    def check(self, text: str, *, held: bool) -> None:
        """One thing that must be true."""
        self.tell(f"{'[green]✓[/]' if held else '[bold red]✗[/]'} {text}")
        if not held:
            self.failures.append(text)

    async def api(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the API as the operator."""
        # A new token for each call: the demo moves the clock past any token's life.
        headers = {"Authorization": f"Bearer {self.place.simulators.operator_token(role='admin')}"}
        answer = await self.operator.request(method, f"/api{path}", json=body, headers=headers)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def text(self, path: str) -> str:
        """A file of the API, as the operator."""
        headers = {"Authorization": f"Bearer {self.place.simulators.operator_token(role='admin')}"}
        return (await self.operator.get(f"/api{path}", headers=headers)).raise_for_status().text

    async def control(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One call of the simulators' control API: the customer's administrator, or a look at the tenant."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.request(method, f"{self.place.simulators.control}/_sim{path}", json=body)
        answer.raise_for_status()
        return answer


@dataclass(kw_only=True)
class Life:
    """One connection, from nothing to closed, in one tenant."""

    demo: Demo
    story: Story
    tenant: Mapping[str, str]
    id: str = ""
    before: str = ""
    """The tenant as it was before anything happened."""
    seen: set[str] = field(default_factory=set)
    """Rows that are done on demand, and were."""
    told: str = ""
    """The reason for waiting that was told last."""
    noted: dict[str, Any] = field(default_factory=dict)
    """What one chapter leaves for another."""
    marks: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def tell(self, text: str) -> None:
        """One line of progress, below a chapter's title."""
        self.demo.tell(f"  {text}")

    def check(self, text: str, *, held: bool) -> None:
        """One thing that must be true."""
        self.demo.check(text, held=held)

    def pass_time(self, by: timedelta) -> None:
        """Time passes, for everybody alike."""
        self.demo.place.move_clock(by)

    async def api(self, method: str, tail: str = "", body: Any = None) -> Any:
        """One call of the API about this connection."""
        return await self.demo.api(method, f"/connections/{self.id}{tail}", body)

    async def text(self, tail: str) -> str:
        """A file of the API about this connection."""
        return await self.demo.text(f"/connections/{self.id}{tail}")

    async def control(self, method: str, what: str, /, **body: Any) -> httpx.Response:
        """One call of the control API about this tenant."""
        return await self.demo.control(method, f"/tenants/{self.tenant['id']}/{what}", body or None)

    async def administrator(self, action: str, /, **more: Any) -> None:
        """The customer's administrator does something."""
        await self.control("POST", "admin", action=action, **more)

    async def snapshot(self) -> str:
        """The tenant's whole state as canonical JSON."""
        return (await self.control("GET", "snapshot")).text

    async def state(self) -> dict[str, Any]:
        """The same, to be looked into."""
        return dict(json.loads(await self.snapshot()))

    async def rows(self) -> Rows:
        """The catalogue's rows with what is known to be true of each now."""
        found: Rows = (await self.api("GET", "/changes"))["rows"]
        return found

    async def certificate(self) -> dict[str, Any]:
        """What the exit record says."""
        found: dict[str, Any] = (await self.api("GET", "/certificate"))["certificate"]
        return found

    async def until(self, test: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until something is true of the connection, telling what it waits for."""
        end = time.monotonic() + DEADLINE_SECONDS
        while True:
            now: dict[str, Any] = await self.api("GET")
            if now["sentence"] and now["reason"] != self.told:
                self.tell(f"[yellow]{now['reason']}[/]: {now['sentence']}")
            self.told = now["reason"] or ""
            if test(now):
                return now
            if time.monotonic() > end:
                raise TimeoutError(f"{now['stage']}, {now['status']}: {now['sentence']}")
            if now["status"] in WAITING and now["reason"] not in {None, *TOLD}:
                self.pass_time(timedelta(seconds=20))
            await asyncio.sleep(POLL)

    async def comes(self, test: Callable[[], Awaitable[bool]]) -> bool:
        """Whether something comes true before patience ends."""
        end = time.monotonic() + DEADLINE_SECONDS
        while not (held := await test()) and time.monotonic() < end:  # noqa: ASYNC110 - a page is polled
            await asyncio.sleep(POLL)
        return held

    async def observe(self, stage: str) -> None:
        """Note what is true of every object now, for the table at the end, and hold it against the tenant itself."""
        rows, snapshot = await self.rows(), await self.snapshot()
        marks = self.marks[stage] = {}
        for row in rows:
            # That something is done on demand is no observation, unless it was.
            seen = ", seen" if row["key"] in self.seen else ""
            marks.setdefault(row["key"], []).append(row["state"] + seen)
        agreed = self.story.agree(rows, snapshot)
        wrong = sorted(name for name, held in agreed.items() if not held)
        but = f", but not on {', '.join(wrong)}" if wrong else ""
        text = f"the tenant itself agrees which of {len(agreed)} objects are there{but}"
        self.check(text, held=bool(agreed) and not wrong)


async def begin(demo: Demo, story: Story) -> Life:
    """Make a connection in one tenant."""
    await _on_a_sunday(demo)
    tenant = next(one for one in (await demo.control("GET", "/tenants")).json() if one["domain"] == story.domain)
    life = Life(demo=demo, story=story, tenant=tenant)
    life.before = await life.snapshot()
    made = await demo.api("POST", "/connections", {**story.connection, "tenant": story.domain})
    life.id, life.noted["link"] = made["id"], made["consent_url"]
    life.noted["title"] = (await life.api("GET"))["platform_title"]
    demo.tell(f"[bold]{life.noted['title']}: {tenant['name']} ({story.domain})[/]")
    return life


async def live(demo: Demo, story: Story) -> Life:
    """From nothing to closed, in one tenant."""
    life = await begin(demo, story)
    for chapter in story.chapters:
        demo.tell(f"[bold]{chapter.title}[/]")
        await chapter.happens(life)
        await life.observe(chapter.stage)
    certificate = await life.certificate()
    life.check(f"the certificate says: {certificate['result']}", held=certificate["result"] == "clean")
    return life


async def _on_a_sunday(demo: Demo) -> None:
    """Let time pass until a week is nearly over: it ends in the night that the story tells of."""
    now = datetime.fromisoformat((await demo.control("GET", "/clock")).json()["now"])
    sunday = (now + timedelta(days=6 - now.weekday())).replace(hour=10, minute=0)
    demo.place.move_clock((sunday if sunday > now else sunday + timedelta(days=7)) - now)


async def consent(life: Life) -> None:
    """What the administrator's browser does: our page, the platform's page, Accept, and back."""
    trusted = ssl.create_default_context(cafile=life.demo.place.simulators.settings["FOOTPRINT_CA_FILE"])
    async with httpx.AsyncClient(verify=trusted, trust_env=False, follow_redirects=True) as client:
        await browser.consent(client, life.noted["link"], life.story.signs_in)
    life.tell("the administrator has read what will change, and accepts")


async def conclude(life: Life) -> None:
    """The published table with what was observed of each line."""
    shown = await life.api("GET", "/changes")
    table = Table(title=f"{life.noted['title']}: the published table, and what was observed", show_lines=False)
    for column in ("Stage", "Published", "Observed"):
        table.add_column(column, overflow="fold")
    for line in shown["published"]:
        if line["elsewhere"]:
            table.add_row(line["stage"], line["text"], "not in these modes")
            continue
        marks, good = life.marks[line["stage"]], GOOD[line["stage"]]
        late = life.story.later if line["stage"] == "grant" else frozenset()
        seen = [mark for key in line["rows"] if key not in late for mark in marks[key]]
        held = bool(seen) and all(mark in good for mark in seen)
        if not held:
            life.demo.failures.append(line["text"])
        sign = "[green]✓[/]" if held else "[bold red]✗[/]"
        table.add_row(line["stage"], line["text"], f"{sign} {len(seen)} {', '.join(sorted(set(seen)))}")
    life.demo.console.print(table)


async def main(stories: Sequence[Story]) -> int:
    """Run the demo; 0 if everything held."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        async with (
            machine(Path(folder)) as running,
            httpx.AsyncClient(base_url=running.address, trust_env=False, timeout=30) as operator,
        ):
            demo = Demo(place=running, operator=operator, console=console, carries_mail=True)
            lives = [await live(demo, story) for story in stories]
            for life in lives:
                await conclude(life)
    if demo.failures:
        console.print(f"[bold red]{len(demo.failures)} of the demo's promises did not hold.[/]")
        return 1
    console.print(f"[bold green]Everything held.[/] {time.monotonic() - demo.began:.0f} seconds.")
    return 0
