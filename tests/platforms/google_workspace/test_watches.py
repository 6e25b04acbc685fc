"""Subscriptions to mailboxes: one that is closed is its own matter, all that are closed are the administrator's."""

from datetime import timedelta
from typing import Any

import pytest

from shared.connections.record import Status
from shared.connections.stages import Stage
from shared.platforms.google_workspace.watches import MAX_WATCHES_A_RUN, MIN_CLOSED_MAILBOXES
from shared.protection import mailboxes
from shared.protection.policies import Policy
from tests.harness import workspace as google
from tests.harness.world import LARGE, World

RISKY = {"senders": ["risky.example"]}
CLOSED: dict[str, Any] = {
    "error": {
        "code": 400,
        "message": "Mail service not enabled",
        "errors": [{"message": "Mail service not enabled", "domain": "global", "reason": "failedPrecondition"}],
        "status": "FAILED_PRECONDITION",
    }
}


async def protecting(world: World, count: int) -> Any:
    """A running connection that reads so many mailboxes, all of which have closed since."""
    users = google.some_users(world, count)
    policy = Policy(name="some", users=users, conditions=RISKY, actions=["label"])
    connection = await google.connect(world, modes=["api"], policies=[policy])
    world.clock.move(timedelta(days=1))
    world.fault({"host": "gmail", "path": "/watch$"}, {"kind": "status", "status": 400, "body": CLOSED}, times=1000)
    return await google.sync(world, connection)


async def test_when_every_mailbox_is_closed_the_administrator_is_told(world: World) -> None:
    told = await protecting(world, MIN_CLOSED_MAILBOXES)
    assert (told.status, told.reason) == (Status.ATTENTION, "mailboxes_closed")
    assert f"None of {MIN_CLOSED_MAILBOXES} mailboxes can be opened" in str(told.sentence)
    assert "Mail service not enabled" in str(told.sentence)


async def test_a_few_closed_mailboxes_are_their_own_matter(world: World) -> None:
    told = await protecting(world, MIN_CLOSED_MAILBOXES - 1)
    assert (told.status, told.reason) == (Status.OK, None)


async def test_more_mailboxes_than_one_run_subscribes_to_are_left_to_the_next(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.large("google")
    policy = Policy(name="all", everyone=True, conditions=RISKY, actions=["label"])
    connection = await google.create(world, modes=["api"], domain=LARGE, policies=[policy])
    world.admin("install-app", LARGE)
    await google.consent(world, connection, user=f"admin@{LARGE}")
    more = len(google.some_users(world, 1000, LARGE)) - MAX_WATCHES_A_RUN
    assert more > 0
    await world.until(connection, Stage.RUN)
    told = [one.getMessage() for one in caplog.records if getattr(one, "reason", None) == "subscribing"]
    assert told == [f"{more} of {more + MAX_WATCHES_A_RUN} mailboxes are still to be seen to."]
    assert len(await mailboxes.listed(world.app.database, connection.id)) == more + MAX_WATCHES_A_RUN
