"""The simulators are started once for a test process and put back to how they were before each test.

What lives on a database is tested on each kind of it; a kind that cannot be had on a machine is skipped, and says why.
"""

import gc
from collections.abc import AsyncIterator, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from infra.local.simulators import Simulators
from tests.harness.clock import TestClock
from tests.harness.databases import Databases, Sqlite, Unavailable, postgresql
from tests.harness.world import World

pytest_plugins = ["tests.harness.programs_fixtures"]

TESTS = Path(__file__).parent
# What asks the database, and so is tested on both kinds; the rest lives on SQLite alone. Patterns of file::test.
ON_BOTH = (
    "storage/*",
    "engine/test_interruptions.py::*",  # half of the instants on each
    "engine/test_life_*::test_before_equals_after",  # one life of each platform
    "engine/test_states.py::test_lost_doubled_and_poisoned_messages",
    "engine/test_states.py::test_a_state_is_ours_and_used_once",
    "deployment/keys/test_sealing.py::*",
    "foundation/test_rate_limit.py::*",
    "protection/test_quarantine*",
    "protection/test_policies.py::test_of_two_who_change_the_same_one_wins",
    "protection/test_policies.py::test_an_exclusion_wins_over_every_target_of_its_own_policy",
    "flows/test_jobs.py::*",
    "flows/test_fence.py::*",
    "flows/test_health.py::*",
    "flows/test_metrics.py::test_the_numbers_move_with_what_happens",
    "infra/test_alerts.py::test_a_server_whose_connections_are_taken",
    "flows/webhooks/test_retries.py::*",
    "flows/webhooks/test_signed.py::test_a_life_is_told_in_order",
    "engine/test_ledger_feed.py::*",
    "flows/test_nights.py::*",
    "flows/test_refresh.py::test_an_hours_messages_keep_to_their_sites",
    "flows/test_refresh.py::test_both_tokens_are_stored_in_one_statement",
    "platforms/test_listings.py::*",
    "flows/test_frozen_processes.py::*",
    # What reports count, and that two runs make one.
    "flows/test_report*::test_mail_is_counted_by_message_day_action_and_policy",
    "flows/test_report*::test_what_came_and_went_is_told",
    "flows/test_report*::test_drift_*",
    "flows/test_report*::test_two_runs_at_once_*",
    "flows/test_report*::test_settings_are_changed_by_who_has_seen_them",
    "web/test_idempotency.py::*",
    "web/test_sessions.py::*",
    "web/test_signing_in.py::*",
    "web/test_attacks.py::*",
    "web/test_api.py::test_lists_are_read_page_by_page_to_their_end",
    "web/test_pages.py::test_the_first_page_counts_finds_and_pages",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two runs side by side, or one after the other, together are the whole suite."""
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql"],
        help="without PostgreSQL, or only what lives on it; by default everything",
    )
    parser.addoption("--screenshots", metavar="FOLDER", help="keep a picture of each of the console's pages there")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What lives on a database lives on SQLite, and on PostgreSQL too if it is on the list."""
    if "_kind" in metafunc.fixturenames:
        name = f"{Path(metafunc.module.__file__).relative_to(TESTS).as_posix()}::{metafunc.function.__name__}"
        kinds = ["sqlite", "postgresql"] if any(fnmatch(name, one) for one in ON_BOTH) else ["sqlite"]
        metafunc.parametrize("_kind", kinds, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the option leaves out."""
    chosen = config.getoption("--database")
    if chosen is None:
        return
    on_postgresql = {
        item: isinstance(item, pytest.Function) and "postgresql" in getattr(item, "callspec", NoCall).params.values()
        for item in items
    }
    left = [item for item in items if on_postgresql[item] != (chosen == "postgresql")]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if on_postgresql[item] == (chosen == "postgresql")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out."""
    if config.getoption("--database") == "sqlite":
        terminalreporter.write_line(
            "Left out: what asks PostgreSQL (make test-postgresql), looks from outside (make test-outside), the deaths "
            "of hosts (make kills)."
        )


class NoCall:
    """What a test without parameters is called with."""

    params: dict[str, Any] = {}  # noqa: RUF012 - never written to


@pytest.fixture(scope="session")
def _platforms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulators, Any, Path]]:
    file = tmp_path_factory.mktemp("clock") / "offset"
    with Simulators.start(clock_file=file) as sims:
        # Two large customers live as long as we do: to look for garbage in them takes longer than most tests.
        gc.collect()
        gc.freeze()
        yield sims, sims.cloud.save(), file


@pytest.fixture
def sims(_platforms: tuple[Simulators, Any, Path]) -> Simulators:
    """The simulated platforms as they are before anybody came."""
    running, clean, file = _platforms
    running.cloud.on_request = None
    running.cloud.restore(clean)
    running.cloud.calls.clear()
    file.write_text("0")
    return running


@pytest.fixture
def clock(sims: Simulators, _platforms: tuple[Simulators, Any, Path]) -> TestClock:
    """The time of the simulators and of the app."""
    return TestClock(_platforms[2])


@pytest.fixture(scope="session")
def _kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    if request.param == "sqlite":
        yield Sqlite(tmp_path_factory.mktemp("template"))
        return
    try:
        with postgresql() as databases:
            yield databases
    except Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture
def databases(_kind: Databases) -> Iterator[Databases]:
    """The databases of one kind. What is made in them is dropped at the end."""
    yield _kind
    _kind.drop()


@pytest.fixture
async def world(sims: Simulators, clock: TestClock, databases: Databases, tmp_path: Path) -> AsyncIterator[World]:
    """A fresh world."""
    made = await World.make(sims, clock, databases, tmp_path)
    yield made
    await made.close()
