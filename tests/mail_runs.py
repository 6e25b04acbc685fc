"""Random exits and random pairs of rules and message, as many as wanted: `python -m tests.mail_runs`.

Prints what the exits came to, and of how many pairs the model could only say maybe. A pair on which the model and the
simulator's router differ ends it with an error that shows the message and the rules.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra.local.simulators import Simulators
from tests.harness.clock import TestClock
from tests.harness.databases import Sqlite
from tests.platforms.microsoft365.mail_flow import exits
from tests.platforms.microsoft365.mail_flow.agreement import Tally, compare
from tests.platforms.microsoft365.mail_flow.flow import Flow
from tests.platforms.microsoft365.mail_flow.lived import live

# Messages for one set of rules.
MAILS = 50


def lived(people: Sequence[int]) -> list[Flow]:
    """Tenants in which a connection has come to run, each with so many people protected; 0: everybody."""
    flows = []
    with tempfile.TemporaryDirectory() as top:
        file = Path(top) / "offset"
        file.write_text("0")
        with Simulators.start(clock_file=file) as sims:
            clean, databases = sims.cloud.save(), Sqlite(Path(top))
            for some in people:
                sims.cloud.restore(clean)
                file.write_text("0")
                folder = Path(top) / str(some)
                folder.mkdir()
                flows.append(asyncio.run(live(sims, TestClock(file), databases, folder, some)))
    return flows


def main() -> int:
    """Exit code 1 if mail was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.mail_runs")
    parser.add_argument("--exits", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    whole, some = lived([0, 3])
    found = exits.many(whole, chosen.exits, seed=chosen.seed)
    sys.stdout.write(f"{found}\n")
    sys.stdout.writelines(f"{one}\n" for one in found.lost[:5])
    sys.stdout.flush()
    tally = Tally()
    for seed in range(chosen.seed, chosen.seed + chosen.pairs // MAILS):
        compare(some if seed % 2 else whole, seed, MAILS, tally)
    sys.stdout.write(f"{tally}\n")
    return 1 if found.lost else 0


if __name__ == "__main__":
    sys.exit(main())
