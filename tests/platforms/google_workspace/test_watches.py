"""Subscriptions to mailboxes: one that is closed is its own matter, all that are closed are the administrator's."""

from datetime import timedelta
from typing import Any

from shared.connections.record import Status
from shared.platforms.google_workspace.watches import MIN_CLOSED_MAILBOXES
from shared.protection.policies import Policy
from tests.harness import workspace as google
from tests.harness.world import World

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
