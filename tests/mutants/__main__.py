"""Make the wrong changes, ask the tests, print the table and what nobody noticed. Goes on where it stopped.

python -m tests.mutants record tests/engine ...   which lines these tests run (all of `tests`: as long as the suite)
python -m tests.mutants run [WORD ...]            every change of the modules whose path has one of the words
python -m tests.mutants run --sample 60 --seed X  some of all, the same for the same seed
python -m tests.mutants table [WORD ...]          what is known so far
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from rich.console import Console
from rich.table import Table

from tests.mutants.explained import CHANGES_NOTHING
from tests.mutants.operators import Mutant, mutants
from tests.mutants.places import MODULES, ROOT
from tests.mutants.recording import ENVIRONMENT
from tests.mutants.trial import Map, ask

KEPT = ROOT / ".local" / "mutants"
OUTCOMES = KEPT / "outcomes.json"
PROCESSES = 2
MIN_SCORE = 95.0


def main() -> int:
    """Do what is asked; 1 if a change was not noticed that should have been, or the score is too low."""
    parser = argparse.ArgumentParser(prog="tests.mutants", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("do", choices=["record", "run", "table"])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", default="")
    parser.add_argument("--again", action="store_true", help="ask once more about what was not noticed")
    given = parser.parse_args()
    if given.do == "record":
        return record(given.words or ["tests"])
    modules = [one for one in MODULES if not given.words or any(word in one for word in given.words)]
    todo = [mutant for module in modules for mutant in mutants(ROOT, module)]
    if given.sample:
        todo = random.Random(given.seed).sample(todo, min(given.sample, len(todo)))  # noqa: S311 - the same each time
    if given.do == "run":
        run(todo, again=given.again)
    return table(todo)


def record(paths: list[str]) -> int:
    """Run tests once, each by itself, and write down which lines it runs."""
    folder = KEPT / "map"
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, ENVIRONMENT: str(folder)}
    plugin = ("-p", "tests.mutants.recording", "--database", "sqlite")
    command = [sys.executable, "-m", "pytest", "-q", *plugin, "-n", str(PROCESSES), *paths]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603 - our own tests


def outcomes() -> dict[str, str]:
    """What is known: by a change's name and its module's content."""
    found: dict[str, str] = json.loads(OUTCOMES.read_text()) if OUTCOMES.exists() else {}
    return found


def key(mutant: Mutant) -> str:
    """A change of a module that was edited since is asked about anew."""
    return f"{hashlib.sha256((ROOT / mutant.path).read_bytes()).hexdigest()[:8]} {mutant.name}"


def run(todo: Iterable[Mutant], *, again: bool) -> None:
    """Ask about every change of which nothing is known yet."""
    tests, known, lock = Map(KEPT / "map"), outcomes(), Lock()
    asked = [one for one in todo if key(one) not in known or (again and known[key(one)] != "noticed")]
    asked = [one for one in asked if one.name not in CHANGES_NOTHING]

    def try_one(mutant: Mutant) -> None:
        chosen = tests.tests(mutant)
        said = ask(mutant, chosen, sum(tests.took[test] for test in chosen))
        with lock:
            known[key(mutant)] = said
            OUTCOMES.write_text(json.dumps(known, indent=0))
            done = sum(key(one) in known for one in asked)
            print(f"{done}/{len(asked)} {said}: {mutant.name} (line {mutant.line})", flush=True)  # noqa: T201

    with ThreadPoolExecutor(PROCESSES) as workers:
        list(workers.map(try_one, asked))


def table(todo: Iterable[Mutant]) -> int:
    """Print how many were noticed, by module, and each that was not."""
    known, console = outcomes(), Console(width=160)
    counts: dict[str, Counter[str]] = {}
    missed: list[tuple[Mutant, str]] = []
    for mutant in todo:
        said = "changes nothing" if mutant.name in CHANGES_NOTHING else known.get(key(mutant), "not asked")
        counts.setdefault(mutant.path, Counter())[said] += 1
        if said in ("survived", "untested"):
            missed.append((mutant, said))
    shown = Table("module", "changes", "noticed", "survived", "untested", "change nothing", "not asked", "score")
    whole: Counter[str] = Counter()
    for path, of_module in counts.items():
        shown.add_row(path, *_row(of_module))
        whole += of_module
    shown.add_section()
    shown.add_row("all", *_row(whole))
    for mutant, said in missed:
        console.print(
            f"{said} {mutant.path}:{mutant.line} {mutant.name.partition(' ')[2]}", markup=False, highlight=False
        )
    console.print(shown)
    judged = whole["noticed"] + whole["survived"] + whole["untested"]
    return int(not judged or 100 * whole["noticed"] / judged < MIN_SCORE)


def _row(counts: Counter[str]) -> list[str]:
    judged = counts["noticed"] + counts["survived"] + counts["untested"]
    score = f"{100 * counts['noticed'] / judged:.0f} %" if judged else ""
    columns = ("noticed", "survived", "untested", "changes nothing", "not asked")
    return [str(counts.total()), *(str(counts[one]) for one in columns), score]


if __name__ == "__main__":
    sys.exit(main())
