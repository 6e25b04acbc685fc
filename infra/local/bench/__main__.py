"""What things cost, in one run and one table: `make bench`. Ratios against what one would write otherwise.

`--short` takes under three minutes: without what a machine has to be left alone for. Each run writes its figures to
docs/performance.json, from which docs/performance.md is printed.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.local.bench import fleets, jobs, mail, nights
from infra.local.bench.cold_start import FLOOR, OURS
from infra.local.bench.cold_start import measured as cold_starts
from infra.local.bench.counts import COSTS
from infra.local.bench.measures import FIGURES, HEADS, rows


def _cold() -> dict[str, float]:
    times = cold_starts()
    answers = [seconds for title, seconds in times.items() if title.startswith("first answer")]
    return {"import": times[OURS] / times[FLOOR], "first-answer": max(answers) / times[FLOOR]}


def _newsletter() -> dict[str, float]:
    return {"newsletter": next(one.inspected for name, one in mail.measured().items() if name.startswith("newsletter"))}


def _night() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        return {"night": float(asyncio.run(nights.night(10_000, Path(folder)))[1].replace(",", ""))}


def _commit() -> str:
    return subprocess.run(("git", "rev-parse", "HEAD"), capture_output=True, text=True, check=True).stdout.strip()  # noqa: S607 - whichever git is here


def measured(*, short: bool) -> Mapping[str, float]:
    """The figures, by measure."""
    figures = {"statements": float(COSTS["microsoft365", "sync"].statements)}
    figures |= asyncio.run(jobs.measured())
    figures |= _newsletter()
    return figures if short else figures | _cold() | _night()


def main() -> int:
    """Measure, write the figures down and print the table."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="what needs no machine of its own, in under three minutes")
    short, console = parser.parse_args().short, Console(width=120)
    figures = measured(short=short)
    kept = {"commit": _commit(), "form": "short" if short else "whole", "figures": figures}
    FIGURES.write_text(json.dumps(kept, indent=2) + "\n")
    table = Table(title=f"What things cost, at {kept['commit']}")
    for head in HEADS:
        table.add_column(head)
    for row in rows(figures):
        table.add_row(*row)
    console.print(table)
    if not short:
        console.print(asyncio.run(fleets.main([*fleets.NUMBERS])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
