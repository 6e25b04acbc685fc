"""What each test takes of a core, for the list of those that `make test` leaves to `make test-wide`."""

import resource
from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.harness.selection import DEAR

# Seconds of a core for each case, on average: what takes more is dear.
LIMIT = 0.5
TOOK = "seconds of a core"


class Measured:
    """A plugin of one run of the whole suite, in its processes and in the one that gathers what they say."""

    def __init__(self) -> None:
        self._took: dict[str, list[float]] = defaultdict(list)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        """Before everything that belongs to a test."""
        self._begun = _used()
        yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        """After its last part."""
        if call.when == "teardown":
            item.user_properties.append((TOOK, _used() - self._begun))
        yield

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What came of a part of a test."""
        for name, value in report.user_properties if report.when == "teardown" else ():
            if name == TOOK:
                self._took[report.nodeid.partition("[")[0].removeprefix("tests/")].append(float(str(value)))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the list, in the process that heard of all."""
        if hasattr(session.config, "workerinput"):
            return
        means = {name: sum(took) / len(took) for name, took in self._took.items()}
        lines = [f"{mean:.1f} {name}" for name, mean in sorted(means.items()) if mean >= LIMIT]
        DEAR.write_text("\n".join(lines) + "\n")


def _used() -> float:
    """Seconds of a core that this process and those it began have taken."""
    mine, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime
