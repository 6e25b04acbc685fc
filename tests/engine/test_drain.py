"""An exit goes on once the service says that nothing is in flight, not before its floor, and at the latest as ever."""

from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.ledger import HoldingState, holdings_of
from tests.harness.quarantine import ask
from tests.harness.world import World

HALF_AN_HOUR = timedelta(minutes=30)


async def revoked(world: World) -> Connection:
    """The routing rules have just gone."""
    connection = await world.connect()
    await world.revoke(connection)
    await world.pass_time(timedelta(minutes=5))
    return await world.connection(connection.id)


async def says(world: World, connection: Connection, in_flight: int, quiet: timedelta | None = None) -> Any:
    """The scanning service says what it has in flight."""
    last = (world.clock.now() - quiet).isoformat() if quiet is not None else None
    answer = await ask(world, connection, "POST", "/in-flight", {"in_flight": in_flight, "last_mail_at": last})
    await world.work()
    return answer


async def there(world: World, connection: Connection) -> set[str]:
    """The connectors of ours that are still there."""
    held = await holdings_of(world.app.database, connection.id)
    return {key for key, one in held.items() if "bound-" in key and one.state is not HoldingState.GONE}


@pytest.mark.hazard(10)
async def test_with_evidence_an_exit_goes_on_after_its_floor(world: World) -> None:
    connection = await revoked(world)
    await world.pass_time(HALF_AN_HOUR)
    assert (await says(world, connection, 0, timedelta(minutes=20))).status == 202
    await world.pass_time(timedelta(minutes=10))  # each absence is seen twice
    assert not await there(world, connection)
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator", limit=HALF_AN_HOUR)


@pytest.mark.hazard(10)
@pytest.mark.parametrize(
    ("after", "in_flight", "quiet"),
    [(timedelta(0), 0, None), (HALF_AN_HOUR, 3, None), (HALF_AN_HOUR, 0, timedelta(minutes=2))],
    ids=["too soon", "some are in flight", "one came just now"],
)
async def test_what_is_no_evidence_shortens_nothing(
    world: World, after: timedelta, in_flight: int, quiet: timedelta | None
) -> None:
    connection = await revoked(world)
    await world.pass_time(after)
    await says(world, connection, in_flight, quiet)
    await world.pass_time(timedelta(minutes=10))
    assert len(await there(world, connection)) == 4
    # The fixed times are the ceiling.
    await world.pass_time(timedelta(hours=25))
    assert not await there(world, connection)


async def test_evidence_is_taken_back_by_a_later_word(world: World) -> None:
    connection = await revoked(world)
    await says(world, connection, 0)
    await says(world, connection, 2)
    assert (await world.connection(connection.id)).drained_at is None


async def test_what_runs_has_nothing_to_drain(world: World) -> None:
    connection = await world.connect()
    answer = await says(world, connection, 0)
    assert (answer.status, connection.stage) == (409, Stage.RUN)
