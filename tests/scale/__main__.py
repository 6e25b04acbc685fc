"""Large tenants and killed processes: `python -m tests.scale --users 100000` prints rows for docs/scale.md."""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.simulators import Simulators
from tests.harness.clock import TestClock
from tests.harness.databases import Databases, Sqlite, postgresql
from tests.harness.world import World
from tests.scale.trial import Came, trial

PLATFORMS = ("microsoft365", "google")
DATABASES = ("sqlite", "postgresql")
COLUMNS = (
    "Platform",
    "Database",
    "Users",
    "Groups",
    "Kills",
    "Jobs to their end",
    "Longest",
    "Took",
    "Pages read",
    "Pages there are",
    "Ratio",
    "At rest",
    "At most",
    "Right",
)


def main() -> int:
    """Exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--groups", type=int, default=40_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--platform", choices=PLATFORMS, action="append")
    parser.add_argument("--database", choices=DATABASES, action="append")
    chosen = parser.parse_args()
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # it tells of every connection that a kill breaks
    wrong = False
    sys.stdout.write(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}\n")
    for database in chosen.database or DATABASES:
        for platform in chosen.platform or PLATFORMS:
            came = _tried(database, platform, chosen)
            sys.stdout.write(_row(database, chosen.users, chosen.groups, came))
            sys.stdout.writelines(f"   wrong: {one}\n" for one in came.wrong)
            sys.stdout.flush()
            wrong = wrong or bool(came.wrong)
    return 1 if wrong else 0


def _tried(database: str, platform: str, chosen: argparse.Namespace) -> Came:
    with tempfile.TemporaryDirectory(prefix="footprint-") as top:
        file, folder = Path(top) / "offset", Path(top) / "world"
        file.write_text("0")
        folder.mkdir()

        async def lived(databases: Databases) -> Came:
            world = await World.make(sims, TestClock(file), databases, folder)
            try:
                return await trial(
                    world,
                    platform,
                    users=chosen.users,
                    groups=chosen.groups,
                    kills=chosen.kills,
                    seed=chosen.seed,
                )
            finally:
                await world.close()

        with Simulators.start(clock_file=file) as sims, _databases(database, Path(top)) as databases:
            return asyncio.run(lived(databases))


@contextmanager
def _databases(name: str, top: Path) -> Iterator[Databases]:
    if name == "sqlite":
        yield Sqlite(top)
        return
    with postgresql() as databases:
        yield databases


def _row(database: str, users: int, groups: int, came: Came) -> str:
    figures = (
        came.platform,
        database,
        f"{users:,}",
        f"{groups:,}",
        f"{came.kills}",
        f"{came.runs}",
        f"{came.longest:.0f} s",
        f"{came.took.total_seconds() / 60:.0f} min",
        f"{came.pages:,}",
        f"{came.there_are:,}",
        f"{came.pages / came.there_are:.2f}",
        f"{came.rest:.0f} MiB",
        f"{came.peak:.0f} MiB",
        "no" if came.wrong else "yes",
    )
    return f"| {' | '.join(figures)} |\n"


sys.exit(main())
