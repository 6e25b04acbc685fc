"""How soon the pages of many connections begin to arrive: `python -m infra.local.bench.fleets [NUMBER...]`."""

import asyncio
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from infra.local.bench.pages import LEAST_PATH, first_bytes_of
from infra.local.machine import Machine, machine
from shared.connections.stages import Stage
from shared.flows import grant, ticks
from shared.foundation.schedule import DAY, TIMERS, Site
from shared.storage import tables as db

NUMBERS = (500, 10_000)
FIRST = f"/connections/{0:032x}"
PATHS = (
    LEAST_PATH,
    "/",
    "/?trends=1",
    "/connections",
    "/connections?q=Customer+1&page=2",
    "/search?q=customer",
    "/activity?act=drift",
    "/activity?actor=olga",
    FIRST,
)
# Each connection has synced so often, a day apart, and has so many entries in its ledger.
DAYS = 30
CONNECTIONS_AT_ONCE = 50


async def measured(number: int) -> Mapping[str, float]:
    """The median seconds to the first byte of each path, with so many connections on a machine of their own."""
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        async with machine(Path(folder)) as running:
            await _fill(running, number)
            return await first_bytes_of(running, PATHS)


async def _fill(running: Machine, number: int) -> None:
    """So many running connections, each with a month behind it. No tenant is behind them, so no job is sent."""
    app, now = running.app, running.app.clock.now()
    # Once each timer has fired, none is due before the time that is written down here.
    while len(await ticks.last(app.database)) < len(TIMERS):  # noqa: ASYNC110 - the machine has no event for that
        await asyncio.sleep(0.1)
    new = grant.NewConnection(platform="microsoft365", site=Site.UK, name="First", tenant="first.example")
    first = (await grant.create(app, new, "bench")).connection_id
    async with app.database.write() as write:
        row = (await write.execute(sa.select(db.connections).where(db.connections.c.id == first))).one()._mapping
        entry = (await write.execute(sa.select(db.ledger).where(db.ledger.c.connection == first))).first()
        await write.execute(sa.delete(db.timers))
        fired = [{"name": timer.name, "fired_at": now + DAY} for timer in TIMERS]
        await write.execute(sa.insert(db.timers), fired)
    if entry is None:
        raise ValueError("a new connection has no entry in its ledger")
    for begin in range(0, number, CONNECTIONS_AT_ONCE):
        ids = [f"{one:032x}" for one in range(begin, min(begin + CONNECTIONS_AT_ONCE, number))]
        running_now: dict[str, Any] = {
            "stage": int(Stage.RUN),
            "not_before": now + timedelta(days=30),
            "synced_at": now,
        }
        rows = [{**row, **running_now, "id": one, "label": one, "name": f"Customer {int(one, 16):05}"} for one in ids]
        days = [(one, back, now - DAY * back) for one in ids for back in range(DAYS)]
        syncs = [{"connection": one, "at": at, "held": [], "gone": []} for one, _, at in days]
        entries = [{**entry._mapping, "connection": one, "number": back + 1, "at": at} for one, back, at in days]
        mail = [{"connection": one, "day": at, "scanned": 100, "acted": 1} for one, _, at in days]
        async with app.database.write() as write:
            await write.execute(sa.insert(db.connections), rows)
            await write.execute(sa.insert(db.mail_days), mail)
            await write.execute(sa.insert(db.sync_runs), syncs)
            await write.execute(sa.insert(db.ledger), entries)


def fleets(taken: Mapping[int, Mapping[str, float]]) -> Table:
    """The pages, each against what its server sends without looking at anything, by number of connections."""
    table = Table(title="First byte of the console's pages, by number of connections")
    table.add_column("Page")
    for number in taken:
        table.add_column(f"{number:,}")
        table.add_column("Ratio")
    for path in PATHS:
        told = []
        for times in taken.values():
            told += [f"{times[path] * 1000:.1f} ms", f"{times[path] / times[LEAST_PATH]:.1f}"]
        table.add_row(path, *told)
    return table


def against_a_file(taken: Mapping[int, Mapping[str, float]]) -> dict[str, float]:
    """The first byte of home and of the list, in times of a static file's."""
    pages = {"home": "/", "list": "/connections"}
    return {
        f"{name}-{number}": times[path] / times[LEAST_PATH]
        for number, times in taken.items()
        for name, path in pages.items()
    }


async def every(numbers: Sequence[int]) -> Mapping[int, Mapping[str, float]]:
    """Measure each number after the other."""
    return {number: await measured(number) for number in numbers}


if __name__ == "__main__":
    Console().print(fleets(asyncio.run(every([int(one) for one in sys.argv[1:]] or NUMBERS))))
