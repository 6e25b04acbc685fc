"""The simulators are started once for a test process and put back to how they were before each test.

What lives on a database is tested on each kind of it; a kind that cannot be had on a machine is skipped, and says why.
"""

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.simulators import Simulators
from tests.harness.clock import TestClock
from tests.harness.databases import Databases, Sqlite, Unavailable, postgresql
from tests.harness.measured import Measured
from tests.harness.selection import first_cases, on_both
from tests.harness.world import World, let_purge

pytest_plugins = ["tests.harness.programs_fixtures"]

TESTS = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two runs side by side, or one after the other, together are the whole suite."""
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql"],
        help="without PostgreSQL, or only what lives on it; by default everything",
    )
    parser.addoption(
        "--cases", choices=["first", "rest"], help="what takes little, or what takes long; by default both"
    )
    parser.addoption("--share", metavar="N:K", default="1:0", help="of what is left, every Nth case, the first being K")
    parser.addoption("--measure", action="store_true", help="write down which tests take long")
    parser.addoption("--screenshots", metavar="FOLDER", help="keep a picture of each of the console's pages there")


def pytest_configure(config: pytest.Config) -> None:
    """Measure, where that is asked for."""
    if config.getoption("--measure"):
        config.pluginmanager.register(Measured())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What lives on a database lives on SQLite, and on PostgreSQL too if it is on the list."""
    if "_kind" in metafunc.fixturenames:
        kinds = ["sqlite", "postgresql"] if on_both(_name(metafunc.module, metafunc.function)) else ["sqlite"]
        metafunc.parametrize("_kind", kinds, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Leave out what the options leave out, before the order of the rest is drawn: a share is the same tests each time.

    A wrapper, for what draws the order is one too, and wrappers come before everything else.
    """
    kept = list(items)
    if database := config.getoption("--database"):
        kept = [item for item in kept if _on_postgresql(item) == (database == "postgresql")]
    if cases := config.getoption("--cases"):
        names = [_name(item.module, item.function) if isinstance(item, pytest.Function) else item.name for item in kept]
        first = first_cases(names)
        kept = [item for item, one in zip(kept, first, strict=True) if one == (cases == "first")]
    every, begin = map(int, config.getoption("--share").split(":"))
    kept = kept[begin::every]
    left = set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item not in left])
    items[:] = kept
    return (yield)


def _name(module: Any, function: Any) -> str:
    """A test without its case, as the lists name it."""
    return f"{Path(module.__file__).relative_to(TESTS).as_posix()}::{function.__name__}"


def _on_postgresql(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "postgresql" in getattr(item, "callspec", NoCall).params.values()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out."""
    if config.getoption("--cases") == "first":
        terminalreporter.write_line(
            "Left out: what takes long (make test-wide), what asks PostgreSQL (make test-postgresql), "
            "looks from outside (make test-outside), the deaths of hosts (make kills)."
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
    let_purge(sims)
    made = await World.make(sims, clock, databases, tmp_path)
    yield made
    await made.close()
