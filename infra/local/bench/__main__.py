"""What things cost, as ratios against what one would write otherwise, measured in one run: `make bench`."""

import asyncio
import ssl
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from infra.local.bench import fleets
from infra.local.bench.cold_start import FLOOR, measured
from infra.local.bench.mail import Rates
from infra.local.bench.mail import measured as mail_measured
from infra.local.bench.pages import LEAST_PATH, first_bytes
from infra.local.demo.browser import decide
from infra.local.machine import Machine, machine
from shared.connections import lease, search
from shared.connections.record import Connection
from shared.connections.search import Order, Wanted
from shared.connections.stages import Stage
from shared.flows import access, consent, grant, invitation
from shared.flows.advance import open_ledger
from shared.foundation.schedule import Site
from shared.platforms.google_workspace.tenant import DELEGATED
from shared.protection import directory, mailboxes
from shared.storage.ids import ConnectionId

SYNCS = ("whole", "unchanged")

Listing = Callable[[httpx.AsyncClient, str], Awaitable[int]]


@dataclass(frozen=True, kw_only=True)
class Large:
    """A tenant of 20 000 users, how it is let in, and how one would list its users otherwise."""

    title: str
    platform: str
    name: str
    domain: str
    actions: tuple[str, ...]
    """What its administrator does, in the control API's words."""
    signs_in: str
    """Who consents; empty for the first account that the platform's page offers."""
    service: Callable[[Machine], str]
    token: Callable[[Machine], str]
    """Where the naive listing goes, and by which name our stored token of it is known."""
    listing: Listing


async def graph_users(client: httpx.AsyncClient, service: str) -> int:
    """Every user of a Microsoft 365 tenant, page after page, kept in one list and never stored."""
    users = []
    url: str | None = f"{service}/v1.0/users?$select=id,displayName,mail&$top=100"
    while url:
        page: dict[str, Any] = (await client.get(url)).json()
        users += page["value"]
        url = page.get("@odata.nextLink")
    return len(users)


async def directory_users(client: httpx.AsyncClient, service: str) -> int:
    """Every user of a Workspace customer, the same; with whole records, as one gets them without a mask."""
    users, token = [], ""
    while True:
        params = {"customer": "my_customer", "maxResults": "500"} | ({"pageToken": token} if token else {})
        page: dict[str, Any] = (await client.get(f"{service}/admin/directory/v1/users", params=params)).json()
        users += page["users"]
        token = page.get("nextPageToken", "")
        if not token:
            return len(users)


async def _consents(running: Machine, found: Connection, chosen: str) -> None:
    link = await invitation.link(running.app, found.id)
    held = await invitation.enter(running.app, link.partition("#")[2])
    onward: str | None = await consent.platform_url(running.app, found, held)
    trusted = ssl.create_default_context(cafile=running.simulators.settings["FOOTPRINT_CA_FILE"])
    async with httpx.AsyncClient(verify=trusted, trust_env=False) as browser:
        while onward is not None:
            answer = await decide(browser, onward, chosen)
            query = dict(httpx.URL(answer.headers["location"]).params)
            onward = await consent.callback(running.app, found.platform, query, held)


FABRIKAM = Large(
    title="Microsoft 365",
    platform="microsoft365",
    name="Fabrikam",
    domain="fabrikam.com",
    actions=("consent", "assign-role"),
    signs_in="",
    listing=graph_users,
    service=lambda running: running.app.settings.microsoft.graph_url,
    token=lambda running: running.app.settings.microsoft.graph_url,
)
HARBOUR = Large(
    title="Google Workspace",
    platform="google",
    name="Harbour",
    domain="harbour.example",
    actions=("install-app",),
    signs_in="admin@harbour.example",
    listing=directory_users,
    service=lambda running: running.app.settings.google.admin_url,
    token=lambda _: DELEGATED,
)


async def connected(running: Machine, large: Large) -> ConnectionId:
    """Connect a large tenant, with nobody protected: what is measured is the directory. Returns the connection."""
    app = running.app
    new = grant.NewConnection(platform=large.platform, site=Site.EU, name=large.name, tenant=large.domain, policies=[])
    made = await grant.create(app, new, "bench")
    tenant = next(one["id"] for one in running.simulators.tenants() if one["domain"] == large.domain)
    async with httpx.AsyncClient(trust_env=False) as client:
        for action in large.actions:
            url = f"{running.simulators.control}/_sim/tenants/{tenant}/admin"
            (await client.post(url, json={"action": action})).raise_for_status()
    await _consents(running, await access.found(app, made.connection_id), large.signs_in)
    while (found := await access.found(app, made.connection_id)).stage is not Stage.RUN or found.synced_at is None:
        if found.reason == "group_not_visible":
            running.move_clock(timedelta(minutes=1))
        await asyncio.sleep(0.05)
    return found.id


@contextmanager
def rows_written(running: Machine) -> Iterator[list[int]]:
    """Counts the rows of the directory's copy that are written or deleted."""
    engine, counted = running.app.database.engine.sync_engine, [0]
    tables = [table.name for table in directory.COPIES.values()]

    def count(_connection: Any, cursor: Any, statement: str, *_more: Any) -> None:
        words = statement.split()
        if words[0] in ("INSERT", "UPDATE", "DELETE") and any(name in words[1:3] for name in tables):
            counted[0] += max(cursor.rowcount, 0)

    sa.event.listen(engine, "after_cursor_execute", count)
    try:
        yield counted
    finally:
        sa.event.remove(engine, "after_cursor_execute", count)


async def syncs(running: Machine, large: Large) -> dict[str, float]:
    """Time, calls and written rows of a whole and of an unchanged synchronisation, and of the naive listing."""
    app, calls, identifier = running.app, running.simulators.cloud.calls, await connected(running, large)
    figures: dict[str, float] = {}
    for name in SYNCS:
        if name == "whole":
            async with app.database.write() as write:
                await directory.forget_all(write, identifier)
                await mailboxes.forget_all(write, identifier)
        while (claimed := await lease.acquire(app.database, identifier, app.clock.now())) is None:  # noqa: ASYNC110 - a lease is polled
            await asyncio.sleep(0.05)
        ledger = await open_ledger(app, *claimed)
        await ledger.load()
        platform = app.platforms[large.platform]
        async with platform.open(claimed[0], ledger) as tenant:
            with rows_written(running) as written:
                calls.clear()
                begin = time.perf_counter()
                await platform.sync(tenant, accept_loss=False)
                figures[f"{name} seconds"], figures[f"{name} calls"] = time.perf_counter() - begin, float(len(calls))
                figures[f"{name} rows"] = float(written[0])
            if name == "whole":
                # This platform's tenant has tokens, and so has the other's.
                token = await tenant.tokens.get(large.token(running))  # type: ignore[attr-defined]
                headers = {"Authorization": f"Bearer {token}"}
                async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
                    begin = time.perf_counter()
                    figures["users"] = float(await large.listing(client, large.service(running)))
                    figures["naive seconds"] = time.perf_counter() - begin
        await lease.release(app.database, claimed[1], app.clock.now())
    return figures


def cold_starts() -> Table:
    """Fresh processes, each against the least that any such app costs."""
    table = Table(title=f"Cold starts, against importing {FLOOR}")
    for column in ("A fresh process", "Time", "Ratio"):
        table.add_column(column)
    times = measured()
    for title, seconds in times.items():
        table.add_row(title, f"{seconds * 1000:.0f} ms", f"{seconds / times[FLOOR]:.2f}")
    return table


def pages(taken: Mapping[str, float]) -> Table:
    """The console's pages, each against what its server sends without looking at anything."""
    table = Table(title="First byte of the console's pages, warm")
    for column in ("Page", "Time", "Ratio"):
        table.add_column(column)
    for path, seconds in taken.items():
        table.add_row(path, f"{seconds * 1000:.1f} ms", f"{seconds / taken[LEAST_PATH]:.2f}")
    return table


def mail(rates: Mapping[str, Rates]) -> Table:
    """Messages inspected, each against what the standard library's parsers take for it alone."""
    table = Table(title="Messages a second on one core")
    for column in ("Message", "Inspected", "email alone", "Ratio", "with html.parser, as before", "Ratio"):
        table.add_column(column)
    for name, rate in rates.items():
        others = (rate.parsed, rate.parsed_as_before)
        told = [text for other in others for text in (f"{other:.0f}", f"{rate.inspected / other:.2f}")]
        table.add_row(f"{name} ({rate.size / 1000:.0f} kB)", f"{rate.inspected:.0f}", *told)
    return table


async def main(console: Console) -> int:
    """Measure synchronisations and pages, and print ratios."""
    table = Table(title="What things cost")
    for column in ("What", "Ours", "Otherwise", "Ratio"):
        table.add_column(column)
    counted = []
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        async with machine(Path(folder)) as running:
            for large in (FABRIKAM, HARBOUR):
                figures = await syncs(running, large)
                whole = (
                    f"{large.title}: whole synchronisation of {figures['users']:.0f} users, stored, with groups and "
                    "domains; against only listing them"
                )
                table.add_row(whole, *_row(figures["whole seconds"], figures["naive seconds"]))
                unchanged = f"{large.title}: an unchanged synchronisation, against a whole one"
                table.add_row(unchanged, *_row(figures["unchanged seconds"], figures["whole seconds"]))
                told = (f"{figures[f'{n} calls']:.0f} calls and {figures[f'{n} rows']:.0f} rows written" for n in SYNCS)
                counted.append(f"{large.title}: whole {', unchanged '.join(told)}.")
            shown = await _running(running)
            console.print(pages(await first_bytes(running, shown.id)))
    console.print(await fleets.main([*fleets.NUMBERS]))
    console.print(mail(mail_measured()))
    console.print(table)
    for line in counted:
        console.print(line, highlight=False)
    return 0


async def _running(running: Machine) -> Connection:
    """One of the connections that were made above: with a large directory, and a ledger."""
    found, _ = await search.page(running.app.database, Wanted(stage=Stage.RUN), Order.NEWEST, after=None, most=1)
    return found[0]


def _row(ours: float, otherwise: float) -> tuple[str, str, str]:
    return f"{ours * 1000:.0f} ms", f"{otherwise * 1000:.0f} ms", f"{ours / otherwise:.2f}"


if __name__ == "__main__":
    shown = Console()
    shown.print(cold_starts())
    sys.exit(asyncio.run(main(shown)))
