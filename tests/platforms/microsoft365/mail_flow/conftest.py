"""Two tenants in which a connection has come to run: one protects everybody, one three people."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.simulators import Simulators
from tests.harness.databases import Sqlite
from tests.harness.world import TestClock
from tests.platforms.microsoft365.mail_flow.flow import Flow
from tests.platforms.microsoft365.mail_flow.lived import live


@pytest.fixture(scope="session")
def _lived(_platforms: tuple[Simulators, Any, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Flow]]:
    sims, clean, file = _platforms
    databases = Sqlite(tmp_path_factory.mktemp("mail-flow-template"))
    flows = []
    for people in (0, 3):
        sims.cloud.restore(clean)
        file.write_text("0")
        folder = tmp_path_factory.mktemp("mail-flow")
        flows.append(asyncio.run(live(sims, TestClock(file), databases, folder, people)))
    yield flows
    sims.cloud.restore(clean)
    file.write_text("0")


@pytest.fixture
def whole(_lived: list[Flow]) -> Flow:
    """Everybody is protected."""
    return _lived[0]


@pytest.fixture
def some(_lived: list[Flow]) -> Flow:
    """Three people are protected."""
    return _lived[1]
