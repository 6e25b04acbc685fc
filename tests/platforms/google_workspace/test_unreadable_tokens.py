"""A success that is no token, as a proxy on the way may say it, is waited out and is nobody's mistake."""

from datetime import timedelta

import pytest

from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows.jobs import run
from tests.harness import workspace
from tests.harness.world import World


@pytest.mark.hazard(1)
@pytest.mark.parametrize(
    "kind", [{"kind": "html"}, {"kind": "status", "status": 200, "body": ["no", "token"]}], ids=["a page", "a list"]
)
async def test_a_success_that_is_no_token_is_waited_out(world: World, kind: dict[str, object]) -> None:
    connection = await workspace.connect(world)
    world.clock.move(timedelta(hours=2))
    world.fault({"host": "oauth2", "path": "/token"}, kind, times=1000)
    await run(world.app, Job(name="advance", connection_id=connection.id))
    told = await world.connection(connection.id)
    assert (told.status, told.reason) == (Status.WAITING, "unreadable_answer")
    world.control("DELETE", "/faults")
    await world.until_true(connection, lambda now: now.status is Status.OK)
    assert (await world.connection(connection.id)).stage is Stage.RUN
