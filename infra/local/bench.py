"""What things cost, as ratios against what one would write otherwise, measured in one run: `make bench`."""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from infra.local.machine import Machine, machine
from shared import connections
from shared.handlers import grant
from shared.handlers.advance import open_ledger
from shared.lifecycle import Stage
from shared.schedule import Site

RUNS = 5
FABRIKAM = "fabrikam.com"
# The same libraries, all imported at the top as one does before thinking of cold starts.
EAGER = "import azure.functions, httpx, msal, pydantic_settings, sqlalchemy.orm, alembic.command, jinja2, dns.resolver"


def importing(statement: str) -> float:
    """The median of some fresh processes that only import, in seconds."""
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)  # noqa: S603 - our own words
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


async def naive_listing(running: Machine, token: str) -> tuple[int, float]:
    """Every user by one client, page after page, kept in one list and never stored."""
    begin, users = time.perf_counter(), []
    url: str | None = f"{running.app.settings.microsoft.graph_url}/v1.0/users?$select=id,displayName,mail&$top=100"
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {token}"}) as client:
        while url:
            page: dict[str, Any] = (await client.get(url)).json()
            users += page["value"]
            url = page.get("@odata.nextLink")
    return len(users), time.perf_counter() - begin


async def large_tenant(running: Machine) -> dict[str, float]:
    """Connect the tenant of 20 000 users; count calls and time of the first and of an unchanged synchronisation."""
    app, cloud = running.app, running.simulators.cloud
    new = grant.NewConnection(platform="microsoft365", site=Site.EU, name="Fabrikam", tenant=FABRIKAM)
    made = await grant.create(app, new, "bench")
    found = await grant.found(app, made["id"])
    url = httpx.URL(await grant.platform_url(app, found))
    tenant = next(one["id"] for one in running.simulators.tenants() if one["domain"] == FABRIKAM)
    control = f"{running.simulators.control}/_sim/tenants/{tenant}/admin"
    async with httpx.AsyncClient(trust_env=False) as client:
        for action in ("consent", "assign-role"):
            await client.post(control, json={"action": action})
    await grant.callback(app, "microsoft365", {"tenant": tenant, "state": url.params["state"]})
    while (found := await grant.found(app, made["id"])).stage is not Stage.RUN or found.synced_at is None:
        if found.reason == "group_not_visible":
            running.move_clock(timedelta(minutes=1))
        await asyncio.sleep(0.05)
    return {"calls": float(len(cloud.calls))} | await _syncs(running, made["id"])


async def _syncs(running: Machine, identifier: str) -> dict[str, float]:
    app, calls = running.app, running.simulators.cloud.calls
    figures = {}
    platform = app.platforms["microsoft365"]
    for name in ("whole", "unchanged"):
        if name == "whole":
            async with app.database.write() as write:
                await write.exec_driver_sql("DELETE FROM checkpoints")
        while (claimed := await connections.claim(app.database, identifier, app.clock.now())) is None:  # noqa: ASYNC110 - a lease is polled
            await asyncio.sleep(0.05)
        ledger = open_ledger(app, *claimed)
        await ledger.load()
        calls.clear()
        begin = time.perf_counter()
        async with platform.open(app, claimed[0], ledger) as tenant:
            await tenant.sync(accept_loss=False)
        figures[f"{name} seconds"], figures[f"{name} calls"] = time.perf_counter() - begin, float(len(calls))
        if name == "whole":
            resource = app.settings.microsoft.graph_url
            token = await tenant.tokens.get(resource)  # type: ignore[attr-defined] # this platform's tenant has them
            users, seconds = await naive_listing(running, token)
            figures |= {"users": float(users), "naive seconds": seconds}
        await connections.release(app.database, claimed[1])
    return figures


async def main() -> int:
    """Measure, and print ratios."""
    table = Table(title="What things cost")
    for column in ("What", "Ours", "Otherwise", "Ratio"):
        table.add_column(column)
    floor, ours, eager = importing("import azure.functions"), importing("import function_app"), importing(EAGER)
    table.add_row("import of the Azure host, against azure.functions alone", *_row(ours, floor))
    table.add_row("import of the Azure host, against everything eagerly", *_row(ours, eager))
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        async with machine(Path(folder)) as running:
            figures = await large_tenant(running)
    users = f"{figures['users']:.0f} users"
    table.add_row(
        f"whole synchronisation of {users}, stored, with groups and domains; against only listing them",
        *_row(figures["whole seconds"], figures["naive seconds"]),
    )
    table.add_row(
        "an unchanged synchronisation, against a whole one",
        *_row(figures["unchanged seconds"], figures["whole seconds"]),
    )
    Console().print(table)
    Console().print(f"Calls: {figures['whole calls']:.0f} whole, {figures['unchanged calls']:.0f} unchanged.")
    return 0


def _row(ours: float, otherwise: float) -> tuple[str, str, str]:
    return f"{ours * 1000:.0f} ms", f"{otherwise * 1000:.0f} ms", f"{ours / otherwise:.2f}"


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
