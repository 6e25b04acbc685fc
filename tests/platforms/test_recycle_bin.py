"""A tenant in which applications may not empty the recycle bin: what stays there is named, and nothing else stays."""

import json

import pytest

from tests.harness.leftovers import exit_record, whole
from tests.harness.world import World


@pytest.mark.hazard(33)
@pytest.mark.parametrize("stale", [0, 1000], ids=["", "asked for by id, not found"])
async def test_groups_that_cannot_be_purged_are_named_with_how_long_they_stay(world: World, stale: int) -> None:
    world.behave(purge_app_only=False)
    before = world.snapshot()
    connection = await world.connect()
    by_id = {"host": "graph", "method": "GET", "path": "^/v1.0/directory/deletedItems/[0-9a-f-]+$"}
    world.fault(by_id, {"kind": "status", "status": 404}, times=stale)
    connection = await world.leave(connection)
    now = json.loads(world.snapshot())
    kept = [one for one in now["deletedItems"] if str(one["displayName"]).startswith("TMCAS")]
    assert len(kept) == 2
    record = await exit_record(world, connection)
    assert record["result"] == "residue"
    assert {one["identity"] for one in record["residue"]} == {one["id"] for one in kept}
    assert {one["why"] for one in record["residue"]} == {"in the recycle bin for up to 30 days (permission_missing)"}
    now["deletedItems"] = [one for one in now["deletedItems"] if one not in kept]
    assert json.dumps(now, sort_keys=True, separators=(",", ":")) == whole(before)
