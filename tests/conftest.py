"""The simulators are started once for a test process and put back to how they were before each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.simulators import Simulators
from tests.world import TestClock, World


@pytest.fixture(scope="session")
def _platforms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulators, Any, Path]]:
    file = tmp_path_factory.mktemp("clock") / "offset"
    with Simulators.start(clock_file=file) as sims:
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


@pytest.fixture
async def world(sims: Simulators, clock: TestClock, tmp_path: Path) -> AsyncIterator[World]:
    """A fresh world."""
    made = await World.make(sims, clock, tmp_path)
    yield made
    await made.close()
