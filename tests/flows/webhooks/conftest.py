"""A receiver on a real socket, and a world that may post to it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infra.local.simulators import Simulators
from tests.harness.clock import TestClock
from tests.harness.databases import Databases
from tests.harness.scripted_host import Host
from tests.harness.world import World, let_purge


@pytest.fixture
def receiver() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


@pytest.fixture
async def world(sims: Simulators, clock: TestClock, databases: Databases, tmp_path: Path) -> AsyncIterator[World]:
    """A deployment whose own network may be posted to."""
    let_purge(sims)
    made = await World.make(sims, clock, databases, tmp_path, webhooks={"inside": ["127.0.0.0/8"]})
    yield made
    await made.close()
