"""Which tests are asked about a wrong change, and what they say."""

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from tests.mutants.operators import Mutant
from tests.mutants.places import ROOT
from tests.mutants.planted import ENVIRONMENT

# Seconds that the tests asked about one change may take together, as they took when they were recorded.
BUDGET = 60
# Beyond that and this many times as long, a change is noticed because nothing ends any more.
START, PATIENCE = 60, 4
# What pytest ends with: all well, something failed, it was interrupted by a failure to import, it was asked wrongly.
WELL, FAILED, INTERRUPTED, ASKED_WRONGLY = 0, 1, 2, 4
# The rooms of `shared/` whose tests have another name, or lie with another room's.
AIMED = {"connections": ("engine", "flows", "web"), "platforms": ("platforms", "engine")}


class Map:
    """Which tests run which lines, as recorded."""

    def __init__(self, folder: Path) -> None:
        self.took: dict[str, float] = {}
        self._of_place: dict[str, set[str]] = defaultdict(set)
        self._of_function: dict[str, set[str]] = defaultdict(set)
        self._of_module: dict[str, set[str]] = defaultdict(set)
        for file in sorted(folder.glob("*.json"), key=lambda one: one.stat().st_mtime):
            for test, told in json.loads(file.read_text()).items():
                self.took[test] = told["took"]
                for place in told["ran"]:
                    module = place.partition(" ")[0]
                    self._of_place[place].add(test)
                    self._of_function[place.partition("|")[0]].add(test)
                    self._of_module[module].add(test)

    def tests(self, mutant: Mutant) -> list[str]:
        """The tests to ask: those that run the line, else its function, else its module; the aimed and short first."""
        lines = (ROOT / mutant.path).read_text().splitlines()
        function = f"{mutant.path} {mutant.function}"
        texts = {f"{function}| {lines[line - 1].strip()}" for line in (mutant.line, mutant.statement)}
        of_line = set[str]().union(*(self._of_place.get(text, set()) for text in texts))
        known = of_line or self._of_function.get(function, set())
        if not known and mutant.function.rpartition(".")[2][:1] in "(ABCDEFGHIJKLMNOPQRSTUVWXYZ":
            known = self._of_module.get(mutant.path, set())  # a constant, or a class's field
        room = mutant.path.split("/")[1]
        aimed = tuple(f"tests/{one}/" for one in AIMED.get(room, (room,)))
        chosen, spent = [], 0.0
        for test in sorted(known, key=lambda one: (not one.startswith(aimed), self.took[one])):
            if not chosen or spent + self.took[test] <= BUDGET:
                chosen.append(test)
                spent += self.took[test]
        return chosen


def ask(mutant: Mutant, tests: list[str], took: float) -> str:
    """What the tests say of a wrong change: `noticed`, `survived`, or `untested` if no test runs its line."""
    if not tests:
        return "untested"
    planted = json.dumps(asdict(mutant))
    plugins = ("-p", "tests.mutants.planted", "-p", "no:cacheprovider", "-p", "no:randomly")
    command = [sys.executable, "-m", "pytest", "-x", "-q", *plugins, *tests]
    with subprocess.Popen(  # noqa: S603 - our own tests
        command,
        cwd=ROOT,
        env={**os.environ, ENVIRONMENT: planted, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=START + PATIENCE * took)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return "noticed"
    if process.returncode == WELL:
        return "survived"
    if process.returncode == ASKED_WRONGLY and "not found: " in said:
        raise LookupError(f"the map of tests is old, record it again: {said[-500:]}")
    if process.returncode not in (FAILED, INTERRUPTED, ASKED_WRONGLY):
        raise RuntimeError(f"pytest ended with {process.returncode}: {said[-2000:]}")
    return "noticed"
