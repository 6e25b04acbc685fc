"""Microsoft's clock is not ours: a deployment that is a little behind or ahead of it lives as any other."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.local.simulators import Simulators
from shared.connections.stages import Stage
from tests.harness.clock import TestClock
from tests.harness.leftovers import exit_record
from tests.harness.world import World


class Off(TestClock):
    """Our clock, which is off by so much; the simulators' is not."""

    def __init__(self, file: Path, by: timedelta) -> None:
        super().__init__(file)
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by


@pytest.fixture(params=[-45, 240], ids=["behind", "ahead"])
def clock(request: pytest.FixtureRequest, sims: Simulators, _platforms: tuple[Simulators, Any, Path]) -> TestClock:
    """As far behind as an issuer's token may seem to come from later, and further ahead."""
    return Off(_platforms[2], timedelta(seconds=request.param))


async def test_a_life_at_microsoft(world: World) -> None:
    before = world.snapshot()
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    await world.until(connection, Stage.RUN)
    await world.leave(connection)
    assert world.snapshot() == before
    assert (await exit_record(world, connection))["result"] == "clean"
