"""What things cost, in one run and one table: `make bench`. Ratios against what one would write otherwise.

`--short` takes under three minutes: without what a machine has to be left alone for. Each run writes its figures to
docs/performance.json, from which docs/performance.md is printed, and draws docs/performance.svg. It ends with 1 if a
count is over its limit: statements, transactions, writes, calls and bytes of the jobs, and messages of a night.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.local.bench import fleets, held, jobs, mail, memory, nights
from infra.local.bench.chart import CHART, drawn
from infra.local.bench.cold_start import FLOOR, LEAST, OURS, RUNS
from infra.local.bench.cold_start import measured as cold_starts
from infra.local.bench.measures import FIGURES, HEADS, kept, last, rows

SHORT_STARTS = 3


def _cold(runs: int) -> dict[str, float]:
    times = cold_starts(runs)
    answers = [seconds for title, seconds in times.items() if title.startswith("first answer")]
    return {
        "import": times[OURS] / times[FLOOR],
        "import-limit": 1.0,
        "first-answer": max(answers) / times[FLOOR],
        "first-answer-limit": times[LEAST] / times[FLOOR],
    }


def _newsletter() -> dict[str, float]:
    return {"newsletter": mail.measured()}


def _night() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="footprint-") as folder:
        return {"night": float(asyncio.run(nights.night(10_000, Path(folder)))[1].replace(",", ""))}


def _commit() -> str:
    """The commit; marked where files differ from it."""
    asked = ("git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - our own words


def measured(*, short: bool) -> Mapping[str, float]:
    """The figures, by measure."""
    figures = asyncio.run(jobs.measured(short=short)) | asyncio.run(held.messages())
    figures["statements"] = figures["sync statements"]
    figures |= _newsletter()
    figures |= _cold(SHORT_STARTS if short else RUNS)
    return figures if short else figures | memory.measured() | _night()


def main() -> int:
    """Measure, write the figures down and print the table."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="what needs no machine of its own, in under three minutes")
    parser.add_argument("--check", action="store_true", help="write no files: say whether a count is over its limit")
    given, console = parser.parse_args(), Console(width=120)
    short = given.short
    run: dict[str, object] = {"commit": _commit(), "form": "short" if short else "whole"}
    run |= {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    began = time.monotonic()
    figures = dict(measured(short=short))
    pages = {} if short else asyncio.run(fleets.every(fleets.NUMBERS))
    figures |= fleets.against_a_file(pages)
    found = kept({**run, "seconds": round(time.monotonic() - began)}, figures, last()["measures"])
    if not given.check:
        FIGURES.write_text(json.dumps(found, indent=2) + "\n")
        CHART.write_text(drawn(found["measures"]))
    table = Table(title=f"What things cost, at {run['commit']}")
    for head in HEADS:
        table.add_column(head)
    for row in rows(found["measures"]):
        table.add_row(*row)
    console.print(table)
    if pages:
        console.print(fleets.fleets(pages))
    for sentence in (over := held.over(figures)):
        console.print(f"Over its limit: {sentence}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
