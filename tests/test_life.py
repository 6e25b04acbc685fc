"""The whole life of a connection, from before consent to after the last step."""

from shared.lifecycle import Stage
from tests.world import World


async def test_before_equals_after(world: World) -> None:
    before = world.snapshot()
    connection = await world.connect()
    assert world.snapshot() != before
    closed = await world.leave(connection)
    assert closed.stage is Stage.CLOSED
    assert world.snapshot() == before
