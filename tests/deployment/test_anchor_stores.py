"""Anchors in object storage of both clouds: written once, read in order, and what is missing or refused is told."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.simulators.vaults import Vaults
from shared.deployment.anchor_stores import READS_AT_ONCE, AnchorStore, chosen
from shared.flows import anchors
from shared.flows.timers import fire
from shared.foundation.errors import Permanent
from shared.foundation.schedule import TIMERS
from shared.foundation.settings import Settings
from shared.foundation.wire import Wire
from tests.harness.buckets import Buckets
from tests.harness.scripted_host import StillClock
from tests.harness.world import MASTER_KEY, World

ANCHOR = next(timer for timer in TIMERS if timer.name == "anchor")


@pytest.fixture
def buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Buckets]:
    """Both clouds' object storage, and a runtime whose identity they know."""
    with Vaults.start(tmp_path) as vaults, Buckets.start(vaults) as running:
        for name, value in vaults.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture(params=["container", "bucket"])
def setting(request: pytest.FixtureRequest, buckets: Buckets) -> dict[str, str]:
    """The setting that names one of them."""
    return {f"anchors_{request.param}": getattr(buckets, request.param)}


def store(setting: dict[str, str]) -> AnchorStore:
    """A new process's store."""
    clock = StillClock()
    made = chosen(
        Settings.model_validate({**setting, "master_key": {"value": MASTER_KEY}}),
        Wire(clock=clock, ca_file=None),
        clock,
    )
    assert made is not None
    return made


async def test_each_is_written_once_and_read_in_order(buckets: Buckets, setting: dict[str, str]) -> None:
    one, many = store(setting), READS_AT_ONCE + 3
    assert await one.lines() == []
    for number in range(many):
        assert await one.append(number, json.dumps({"number": number}))
    assert [json.loads(line)["number"] for line in await store(setting).lines()] == list(range(many))
    before = dict(buckets.objects)
    assert not await store(setting).append(many - 1, "another process's")
    assert await store(setting).append(many - 1, json.dumps({"number": many - 1}))  # its answer was lost
    assert buckets.objects == before


async def test_what_is_missing_and_who_may_not_are_told(buckets: Buckets, setting: dict[str, str]) -> None:
    one = store(setting)
    for number in range(3):
        await one.append(number, "{}")
    buckets.objects.pop(sorted(buckets.objects)[1])
    with pytest.raises(Permanent, match="anchor 1 is missing"):
        await store(setting).lines()
    buckets.vaults.tokens.clear()
    with pytest.raises(Permanent) as refused:
        await one.append(3, "{}")
    assert refused.value.code == "our_anchors"


async def test_the_ledgers_are_anchored_there(world: World, buckets: Buckets, setting: dict[str, str]) -> None:
    process = await world.again(**setting)
    await world.create()
    for _ in range(2):
        await fire(process.app, ANCHOR)
    assert len(buckets.objects) == 1
    another = await world.again(**setting)
    assert await anchors.differences(another.app) == []
    async with world.app.database.write() as write:
        await write.exec_driver_sql("DELETE FROM ledger")
    (told,) = await anchors.differences(another.app)
    assert "not the one that was anchored" in told


@pytest.mark.parametrize("place", ["http://storage.example/anchors", "https://storage.example", "ftp://x/y"])
def test_a_token_goes_to_no_address_in_clear(place: str) -> None:
    with pytest.raises(ValueError, match="anchors_bucket"):
        Settings.model_validate({"anchors_bucket": place, "master_key": {"value": MASTER_KEY}})
