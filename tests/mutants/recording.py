"""A plugin of pytest: which lines of the modules that decide each test runs, and how long it takes."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import Coverage

from tests.harness.world import LIVED
from tests.mutants.places import MODULES, ROOT, places

ENVIRONMENT = "FOOTPRINT_TESTS_RECORD"


class Recorder:
    """Each test is a context of its own, and lives its own beginning, so that its map is its own."""

    def __init__(self) -> None:
        self.coverage = Coverage(
            data_file=None,
            include=[str(ROOT / module) for module in MODULES],
            concurrency=["thread", "greenlet"],
            config_file=False,
        )
        self.took: dict[str, float] = {}
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Run one test under its own name."""
        LIVED.clear()
        name = item.nodeid
        self.coverage.switch_context(name)
        begun = time.monotonic()
        try:
            return (yield)
        finally:
            self.took[name] = round(time.monotonic() - begun, 2)
            self.coverage.switch_context("")

    def pytest_sessionfinish(self) -> None:
        """Write down what was seen."""
        self.coverage.stop()
        data = self.coverage.get_data()
        ran: dict[str, list[str]] = {}
        for module in MODULES:
            named = places(ROOT / module)
            for line, tests in data.contexts_by_lineno(str(ROOT / module)).items():
                for test in filter(None, tests):
                    if line in named:
                        ran.setdefault(test, []).append(f"{module} {named[line]}")
        worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
        into = Path(os.environ[ENVIRONMENT]) / f"{os.getpid()}-{worker}.json"
        into.write_text(json.dumps({test: {"took": self.took[test], "ran": sorted(set(ran[test]))} for test in ran}))


def pytest_configure(config: pytest.Config) -> None:
    """Record in the processes that run tests; the one that only hands them out has nothing to record."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        config.pluginmanager.register(Recorder(), "recorder")
