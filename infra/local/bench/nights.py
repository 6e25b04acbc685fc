"""A night of one site: how its synchronisations are sent, with the timer and the sweep at work. For docs/scale.md.

`python -m infra.local.bench.nights 1000 10000` takes a queue whose every send is a round trip of 20 ms, as that of a
storage account is; the sends are real, and the time that passes between them is the clock's.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from shared.connections import record as connections
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows.app import App
from shared.flows.timers import fire, sweep
from shared.foundation.brand import Brand
from shared.foundation.clock import FileClock
from shared.foundation.platform_settings import Google, Microsoft
from shared.foundation.schedule import TIMERS, Site
from shared.foundation.settings import MasterKey, Settings
from shared.service import build
from shared.storage.ids import ConnectionId, new_id
from shared.storage.migrate import migrate

ROUND_TRIP = 0.02
SWEEP = timedelta(minutes=5)
SWEEPS = 11
(EU,) = (timer for timer in TIMERS if Site.EU in timer.sites)


@dataclass
class Queue:
    """Takes every message, after a round trip, and delivers none."""

    sent: list[tuple[ConnectionId, str]] = field(default_factory=list)
    starts: list[datetime] = field(default_factory=list)

    async def send(self, job: Job, not_before: datetime) -> None:
        """Accept the job."""
        await asyncio.sleep(ROUND_TRIP)
        self.sent.append((job.connection_id, job.name))
        self.starts.append(not_before)


async def night(number: int, folder: Path) -> list[str]:
    """One row of the table: so many connections, whose workers begin nothing for an hour."""
    clock_file = folder / "clock"
    clock_file.write_text("0")
    settings = Settings(
        database_url=f"sqlite+aiosqlite:///{folder}/night.db",
        master_key=MasterKey.model_validate({"value": "A" * 43}),
        microsoft=Microsoft(),
        google=Google(),
        clock_file=clock_file,
    )
    app, queue = build(settings, FileClock(clock_file)), Queue()
    app = replace(app, queue=queue)
    await migrate(app.database)
    await _running(app, number)
    began = time.perf_counter()
    await asyncio.gather(fire(app, EU), sweep(app))
    sending = time.perf_counter() - began
    sweeps = []
    for turn in range(SWEEPS):
        clock_file.write_text(str((turn + 1) * SWEEP.total_seconds()))
        began = time.perf_counter()
        await sweep(app)
        sweeps.append(time.perf_counter() - began)
    await app.database.close()
    twice = sum(times - 1 for times in Counter(queue.sent).values())
    spread = max(queue.starts) - min(queue.starts)
    seconds = Counter(start.replace(microsecond=0) for start in queue.starts)
    return [
        f"{number:,}",
        f"{len(queue.sent):,}",
        str(twice),
        f"{spread.total_seconds():.0f} s",
        str(max(seconds.values())),
        f"{sending:.1f} s",
        f"{number * ROUND_TRIP:.0f} s",
        f"{max(sweeps):.2f} s",
    ]


async def _running(app: App, number: int) -> None:
    async with app.database.write() as write:
        for _ in range(number):
            await connections.create(
                write,
                connection_id=ConnectionId(new_id()),
                platform="microsoft365",
                modes=frozenset(),
                name="a connection",
                customer="",
                site=Site.EU,
                expected_tenant=None,
                repairs_drift=False,
                sealed_headers=b"",
                brand=Brand(),
                now=app.clock.now(),
            )
        await write.execute(sa.text(f"UPDATE connections SET stage = {int(Stage.RUN)}"))  # noqa: S608 - a number of ours


async def main(numbers: list[int]) -> None:
    """Print the table."""
    table = Table(title="A night of one site")
    for column in (
        "Connections",
        "Sent",
        "Twice",
        "Spread over",
        "Most in a second",
        "Sending takes",
        "One by one",
        "A sweep meanwhile",
    ):
        table.add_column(column)
    for number in numbers:
        with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
            table.add_row(*await night(number, Path(folder)))
    Console(width=140).print(table)


if __name__ == "__main__":
    asyncio.run(main([int(one) for one in sys.argv[1:]] or [1000, 10_000]))
