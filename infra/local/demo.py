"""The whole life of a connection without a person: every step by the public routes, every result read back.

Ends with the published table and what was observed of each line; the exit code tells whether all of it held.
"""

import asyncio
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
from rich.console import Console
from rich.table import Table

from infra.local.machine import Machine, machine

CONTOSO = "contoso.com"
# Real time; the simulated one is moved.
PATIENCE = 30.0
GOOD = {"grant": {"present", "borrowed", "by administrator"}, "run": {"present", "running"},
        "revoke": {"absent", "stopped"}, "cleanup": {"absent", "borrowed"}}  # fmt: skip


@dataclass
class Demo:
    """One run of the demo, with what it has seen so far."""

    machine: Machine
    operator: httpx.AsyncClient
    console: Console
    marks: dict[str, dict[str, list[str]]] = field(default_factory=dict)
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
        headers = {"Authorization": f"Bearer {self.machine.simulators.operator_token()}"}
        answer = await self.operator.request(method, f"/api{path}", json=body, headers=headers)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def control(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One call of the simulators' control API: the customer's administrator, or a look at the tenant."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.request(method, f"{self.machine.simulators.control}/_sim{path}", json=body)
        answer.raise_for_status()
        return answer

    async def until(self, identifier: str, test: Callable[[dict[str, Any]], bool], *, says: bool = True) -> Any:
        """Wait until something is true of the connection, telling what it waits for."""
        end, told = time.monotonic() + PATIENCE, ""
        while True:
            now = await self.api("GET", f"/connections/{identifier}")
            if test(now):
                return now
            if says and now["sentence"] and now["reason"] != told:
                told = now["reason"]
                self.tell(f"  [yellow]{now['reason']}[/]: {now['sentence']}")
            if time.monotonic() > end:
                raise TimeoutError(f"{now['stage']}, {now['status']}: {now['sentence']}")
            if now["status"] == "waiting" and now["reason"] in ("group_not_visible", "not_visible_yet"):
                self.machine.move_clock(timedelta(seconds=20))
            await asyncio.sleep(0.1)

    async def observe(self, identifier: str, stage: str) -> None:
        """Note what is true of every object now, for the table at the end, and hold it against the tenant itself."""
        shown = await self.api("GET", f"/connections/{identifier}/changes")
        marks: dict[str, list[str]] = {}
        for row in shown["rows"]:
            marks.setdefault(row["key"], []).append(row["mark"])
        self.marks[stage] = marks

    async def compare(self, identifier: str, tenant_path: str) -> None:
        """Whether the tenant really has the rules and connectors that are said to be there, and no others."""
        there = (await self.control("GET", f"{tenant_path}/snapshot")).text
        shown = await self.api("GET", f"/connections/{identifier}/changes")
        named = [row for row in shown["rows"] if row["title"].endswith(("Rule", "Message"))]
        wrong = [row["title"] for row in named if (row["mark"] != "absent") != (f'"{row["title"]}"' in there)]
        self.check(f"the tenant agrees on {len(named)} rules and connectors", held=bool(named) and not wrong)


async def live(demo: Demo) -> None:
    """From nothing to closed, in one tenant."""
    tenants = (await demo.control("GET", "/tenants")).json()
    tenant = next(one for one in tenants if one["domain"] == CONTOSO)
    path = f"/tenants/{tenant['id']}"
    before = (await demo.control("GET", f"{path}/snapshot")).text
    demo.tell(f"[bold]Granting access[/] to {tenant['name']} ({CONTOSO})")
    made = await demo.api(
        "POST", "/connections", {"platform": "microsoft365", "site": "in", "name": "Contoso", "tenant": CONTOSO}
    )
    identifier = made["id"]
    await consent(demo, made["consent_url"])
    await demo.until(identifier, lambda c: c["reason"] == "exchange_role_missing")
    demo.tell("  the administrator assigns the role Exchange Administrator")
    await demo.control("POST", f"{path}/admin", {"action": "assign-role"})
    await demo.api("POST", f"/connections/{identifier}/reconcile")
    await demo.until(identifier, lambda c: c["stage"] == "run" and c["synced_at"])
    await demo.observe(identifier, "grant")
    await demo.compare(identifier, path)

    demo.tell("[bold]Service running[/]")
    await run(demo, identifier, path)
    await demo.observe(identifier, "run")
    await demo.compare(identifier, path)

    demo.tell("[bold]Revoking access[/]")
    await demo.api("POST", f"/connections/{identifier}/revoke", {"acknowledge_quarantine": True})
    await demo.until(identifier, lambda c: c["stage"] == "revoke" and c["reason"] == "waiting_for_time")
    rules = (await demo.control("GET", f"{path}/snapshot")).text
    demo.check(
        "mail is routed as before; connectors and groups wait", held="Incoming Domain Transport Rule" not in rules
    )
    demo.machine.move_clock(timedelta(minutes=61))
    await demo.until(identifier, lambda c: c["stage"] == "cleanup")
    await demo.observe(identifier, "revoke")
    await demo.compare(identifier, path)

    demo.tell("[bold]Clean-up[/]")
    demo.machine.move_clock(timedelta(hours=24))
    await demo.until(identifier, lambda c: c["reason"] == "waiting_for_administrator")
    certificate = (await demo.api("GET", f"/connections/{identifier}/certificate"))["certificate"]
    left = [entry["key"] for entry in certificate["residue"]]
    demo.check(f"the certificate's residue is the application alone: {left}", held=left == ["application"])
    demo.tell("  the administrator removes the application")
    await demo.control("POST", f"{path}/admin", {"action": "remove-application"})
    await demo.api("POST", f"/connections/{identifier}/steps/application")
    await demo.until(identifier, lambda c: c["stage"] == "closed")
    await demo.observe(identifier, "cleanup")
    certificate = (await demo.api("GET", f"/connections/{identifier}/certificate"))["certificate"]
    demo.check(f"the certificate says: {certificate['result']}", held=certificate["result"] == "clean")
    after = (await demo.control("GET", f"{path}/snapshot")).text
    demo.check(f"the tenant is byte for byte what it was ({len(before)} bytes)", held=before == after)
    conclude(demo, await demo.api("GET", f"/connections/{identifier}/changes"))


async def consent(demo: Demo, link: str) -> None:
    """What the administrator's browser does: our page, the platform's page, Accept, and back."""
    ca_file = demo.machine.app.wire.ssl_context
    async with httpx.AsyncClient(verify=ca_file, trust_env=False, follow_redirects=True) as browser:
        page = (await browser.get(link)).text
        there = re.search(r'class="button first" href="([^"]+)"', page)
        if there is None:
            raise ValueError("The page has no way to the platform.")
        url = there[1].replace("&amp;", "&")
        asked = await browser.get(url)
        action = re.search(r'action="([^"]+)"', asked.text)
        fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', asked.text))
        fields = {name: value.replace("&amp;", "&") for name, value in fields.items()}
        chosen = re.search(r'<option value="([^"]+)"', asked.text)
        if action is None or chosen is None:
            raise ValueError("The platform's page has no form.")
        form = {**fields, "tenant": chosen[1], "decision": "accept"}
        answer = await browser.post(urljoin(url, action[1]), data=form)
        answer.raise_for_status()
    demo.tell("  the administrator has read what will change, and accepts")


async def run(demo: Demo, identifier: str, path: str) -> None:
    """A day of service: a policy's target changes, an hour and a night pass."""
    users = (await demo.control("POST", f"{path}/graph", {"method": "GET", "path": "/users?$top=5"})).json()["value"]
    chosen = [user["id"] for user in users if user.get("mail")][:3]
    policy = {"name": "board", "direction": "both", "users": chosen}
    await demo.api("PUT", f"/connections/{identifier}/policies/board", policy)

    made = {"rule-incoming-user", "rule-outgoing-user"}
    for _ in range(int(PATIENCE * 10)):
        await demo.observe(identifier, "run")
        if all(demo.marks["run"][key] == ["present"] for key in made):
            break
        await asyncio.sleep(0.1)
    held = all(demo.marks["run"][key] == ["present"] for key in made)
    demo.check(f"a policy for {len(chosen)} users fills the groups and makes the user rules", held=held)
    await demo.until(identifier, lambda c: c["status"] == "ok")
    synced = (await demo.api("GET", f"/connections/{identifier}"))["synced_at"]
    demo.machine.move_clock(timedelta(hours=25))
    now = await demo.until(identifier, lambda c: c["synced_at"] > synced and c["status"] == "ok")
    demo.check(f"the night's synchronisation ran: {now['directory']}", held=now["directory"]["users"] > 0)


def conclude(demo: Demo, shown: dict[str, Any]) -> None:
    """The published table with what was observed of each line."""
    table = Table(title="The published table, and what was observed", show_lines=False)
    for column in ("Stage", "Published", "Observed"):
        table.add_column(column, overflow="fold")
    for line in shown["published"]:
        marks = demo.marks[line["stage"]]
        # A user rule that nobody was named for at first is made when somebody is.
        seen = {key: marks[key] for key in line["rows"] if not (line["stage"] == "grant" and "user" in key)}
        held = bool(seen) and all(mark in GOOD[line["stage"]] for found in seen.values() for mark in found)
        if not held:
            demo.failures.append(line["text"])
        observed = ", ".join(sorted({mark for found in seen.values() for mark in found}))
        sign = "[green]✓[/]" if held else "[bold red]✗[/]"
        table.add_row(line["stage"], line["text"], f"{sign} {len(seen)} {observed}")
    demo.console.print(table)


async def main() -> int:
    """Run the demo; 0 if everything held."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        async with (
            machine(Path(folder)) as running,
            httpx.AsyncClient(base_url=running.address, trust_env=False, timeout=30) as operator,
        ):
            demo = Demo(machine=running, operator=operator, console=console)
            await live(demo)
    if demo.failures:
        console.print(f"[bold red]{len(demo.failures)} of the demo's promises did not hold.[/]")
        return 1
    console.print(f"[bold green]Everything held.[/] {time.monotonic() - demo.began:.0f} seconds.")
    return 0
