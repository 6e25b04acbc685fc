"""A short profile of the random lives, and the judge itself: what it is there to find, it finds."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.simulators import Simulators
from tests.harness.clock import TestClock
from tests.harness.databases import Sqlite
from tests.harness.world import CONTOSO, World
from tests.lives.google_life import GOOGLE
from tests.lives.judge import Judge
from tests.lives.life import Place, Side, drawn
from tests.lives.microsoft import tenancy
from tests.lives.microsoft_life import MICROSOFT
from tests.lives.soak import soak, table

# (seed, steps) of the lives that are lived in every run.
SHORT = {"microsoft365": (MICROSOFT, 11), "google": (GOOGLE, 12)}
STEPS = 20


@pytest.fixture
def place(sims: Simulators, clock: TestClock, tmp_path: Path) -> Iterator[Place]:
    """Where the lives are lived."""
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    (tmp_path / "lives").mkdir()
    (tmp_path / "template").mkdir()
    databases = Sqlite(tmp_path / "template")
    yield Place(sims=sims, clean=sims.cloud.save(), clock=clock, databases=databases, folder=tmp_path / "lives")
    logging.getLogger("uvicorn").setLevel(logging.NOTSET)


@pytest.mark.parametrize("name", SHORT)
async def test_a_random_life_harms_nobody_and_ends_true(place: Place, name: str) -> None:
    side, seed = SHORT[name]
    found = await soak(place, [side], seeds=[seed], steps=STEPS, until=time.monotonic() + 600, shrink=False)
    assert not found.wrong, table(found.lives)
    assert sum(came.calls for came in found.lives) > 100
    assert [came.result for came in found.lives] != ["none"]


@pytest.mark.parametrize("side", [MICROSOFT, GOOGLE], ids=lambda side: side.name)
def test_the_steps_of_a_seed_are_always_the_same(side: Side) -> None:
    assert drawn(side, 7, 30) == drawn(side, 7, 30)
    assert drawn(side, 7, 30) != drawn(side, 8, 30)


async def test_the_judge_sees_who_does_what(world: World) -> None:
    tenant = world.tenant_id(CONTOSO)
    judge = Judge(world.sims.cloud, tenancy(world, tenant), intended=lambda _: False, now=world.clock.now)
    judge.begin()
    theirs = world.sims.microsoft.tenants[tenant].rules[0]
    connection = await world.create()
    await world.consent(connection)
    world.admin("assign-role")
    judge.theirs()
    await world.work()
    assert {kind for kind, _ in judge.violations} == {"no intent"}, "the ledger it was given knows no intent"
    assert judge.find("rule", "them")
    assert judge.find("group", "us")
    judge.violations.clear()
    # Had the service done this, it would be told.
    world.cmdlet("Remove-TransportRule", Identity=theirs["Guid"], Confirm=False)
    world.graph("DELETE", f"/groups/{judge.find('group', 'them')[0]}")
    with world.sims.cloud.lock:
        judge._take("us", "a call")
    assert {kind for kind, _ in judge.violations} == {"removed theirs", "altered theirs", "no intent"}
    judge.end()
