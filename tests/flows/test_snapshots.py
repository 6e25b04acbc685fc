"""How a tenant's mail flow was is kept before the first change and at each one since, and shown to who may act."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from infra.local.simulators import Simulators
from shared.connections import snapshots
from shared.connections.record import Connection
from shared.connections.secrets import header_secrets
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.clock import TestClock
from tests.harness.pages import see
from tests.harness.quarantine import ask
from tests.harness.world import World

FOOTER: dict[str, Any] = {"Name": "Footer", "SetHeaderName": "X", "SetHeaderValue": "y", "StopRuleProcessing": True}


@pytest.fixture
def clock(sims: Simulators, _platforms: tuple[Simulators, Any, Path]) -> TestClock:
    """The time of the simulators and of the app, not that of scripted hosts."""
    return TestClock(_platforms[2])


async def checked(world: World) -> None:
    """The next check of the tenant."""
    world.clock.move(world.app.settings.check_every + timedelta(minutes=1))
    await world.tick()


async def seen(world: World, connection: Connection, tail: str = "") -> Any:
    """What the API answers."""
    answer = await ask(world, connection, "GET", f"/snapshots{tail}")
    assert answer.status == 200, answer.body
    return answer.body.decode() if tail.endswith("undo") else json.loads(answer.body)


async def test_a_change_is_kept_with_what_differs_and_can_be_put_back(world: World) -> None:
    connection = await world.connect()
    await world.work()
    kept = (await seen(world, connection))["snapshots"]
    assert [one["why"] for one in kept][:1] == ["before the first change"]
    world.cmdlet("New-TransportRule", Priority=0, **FOOTER)
    await checked(world)
    await checked(world)
    now = (await seen(world, connection))["snapshots"]
    assert len(now) == len(kept) + 1
    newest = await seen(world, connection, f"/{now[-1]['number']}")
    assert [(one["title"], one["done"], one["ours"]) for one in newest["changes"]] == [
        ("the rule “Footer”", "was added", False)
    ]
    for secret in await header_secrets(world.app.seal, connection):
        assert secret not in json.dumps(newest)
    # From how it was before us: ours are ours to remove.
    rule = newest["changes"][0]["identity"]
    script = await seen(world, connection, "/1/undo")
    assert [line for line in script.splitlines() if not line.startswith("#")] == [
        f"Remove-TransportRule -Identity '{rule}'"
    ]


async def test_their_number_is_bounded_and_the_first_stays(world: World) -> None:
    connection = await world.create()
    for number in range(snapshots.MAX_SNAPSHOTS + 5):
        await snapshots.note(
            world.app.database, world.app.seal, connection.id, "{}", of=str(number), why="", now=world.clock.now()
        )
    kept = [one.number for one in await snapshots.listed(world.app.database, connection.id)]
    assert kept == [1, *range(7, snapshots.MAX_SNAPSHOTS + 6)]


async def test_what_is_not_kept_is_refused(world: World) -> None:
    connection = await world.create()
    for number in ("1", "0", "x", "99999999999"):
        refused = await ask(world, connection, "GET", f"/snapshots/{number}")
        assert (refused.status, json.loads(refused.body)["code"]) == (404, "no_such_snapshot")
    other = await google.connect(world, modes=["inline"])
    refused = await ask(world, other, "GET", "/snapshots/1/undo")
    assert (refused.status, json.loads(refused.body)["code"]) == (404, "no_snapshots")


async def test_they_are_deleted_with_the_copy_of_the_directory(world: World) -> None:
    connection = await world.connect()
    await world.leave(connection)
    async with world.app.database.read() as read:
        assert not (await read.execute(sa.select(db.snapshots))).all()


async def test_the_picture_changes_as_somebody_edits_the_tenant(world: World) -> None:
    connection = await world.connect()
    await world.work()
    rule, unscanned = "TMCAS Inline Incoming Domain Transport Rule", "Delivered to the mailbox, unscanned"
    harm = "Inbound mail to all protected people bypasses the scanner"
    page = (await see(world, f"/connections/{connection.id}/mail-flow")).text
    assert (rule in page, unscanned in page, harm in page) == (True, False, False)
    world.cmdlet("Disable-TransportRule", Identity=rule, Confirm=False)
    await checked(world)
    page = (await see(world, f"/connections/{connection.id}/mail-flow")).text
    assert (rule in page, unscanned in page, harm in page) == (False, True, True)
