"""Lives many lives and prints what they came to: `python -m tests.lives --lives 500 --steps 40 --seed 1`."""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

from infra.local.simulators import Simulators
from tests.harness.clock import TestClock
from tests.harness.databases import Sqlite
from tests.lives.google_life import GOOGLE
from tests.lives.life import Place
from tests.lives.microsoft_life import MICROSOFT
from tests.lives.soak import soak, table

SIDES = {"microsoft365": MICROSOFT, "google": GOOGLE}


def main() -> int:
    """Exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.lives")
    parser.add_argument("--lives", type=int, default=500)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--platform", choices=SIDES)
    parser.add_argument("--no-shrink", action="store_true", help="do not look for the smallest sequence")
    chosen = parser.parse_args()
    # It tells of every connection that a fault breaks.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    sides = [SIDES[chosen.platform]] if chosen.platform else list(SIDES.values())
    with tempfile.TemporaryDirectory() as top:
        file, folder = Path(top) / "offset", Path(top) / "lives"
        file.write_text("0")
        folder.mkdir()
        with Simulators.start(clock_file=file) as sims:
            databases = Sqlite(Path(top))
            place = Place(sims=sims, clean=sims.cloud.save(), clock=TestClock(file), databases=databases, folder=folder)
            found = asyncio.run(
                soak(
                    place,
                    sides,
                    seeds=range(chosen.seed, chosen.seed + chosen.lives),
                    steps=chosen.steps,
                    until=time.monotonic() + 60 * chosen.minutes,
                    shrink=not chosen.no_shrink,
                )
            )
    sys.stdout.write(table(found.lives))
    return 1 if found.wrong else 0


sys.exit(main())
