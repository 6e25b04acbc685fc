"""At the end: what came late is thrown away, and what is out of our reach is listed with its expiry."""

from datetime import timedelta

from shared.connections import tokens
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows.jobs import run
from shared.protection.policies import Policy
from tests.harness import workspace
from tests.harness.leftovers import exit_record
from tests.harness.world import ORCHARD, World


async def test_a_token_that_is_fetched_after_its_row_was_forgotten_does_not_outlive_the_connection(
    world: World,
) -> None:
    connection = await world.connect()
    world.behave(tokens_outlive_application=False)
    world.admin("remove-application")
    for _ in range(4):
        await run(world.app, Job(name="advance", connection_id=connection.id))
        await world.pass_time(timedelta(minutes=30))
    await world.revoke(connection)
    await world.work()
    # Consent comes back at the platform, so that the revoke can go on.
    world.admin("consent")
    world.admin("assign-role")
    await world.until_true(connection, lambda now: now.reason == "waiting_for_administrator")
    world.admin("remove-application")
    closed = await world.until(connection, Stage.CLOSED, limit=timedelta(days=5))
    await world.pass_time(timedelta(hours=2))
    assert await tokens.stored(world.app.database, closed.id) == {}


async def watched(world: World) -> tuple[Connection, list[str]]:
    """A connection that watches four mailboxes, and their users."""
    users = workspace.some_users(world, 4)
    risky = {"senders": ["risky.example"]}
    policy = Policy(name="some", users=users, conditions=risky, actions=["label"])
    return await workspace.connect(world, policies=[policy]), users


async def test_the_watch_of_a_suspended_user_is_listed_with_its_expiry(world: World) -> None:
    connection, users = await watched(world)
    customer = world.sims.google.customer(ORCHARD)
    assert customer is not None
    world.admin("suspend-user", ORCHARD, user=users[2])
    closed = await workspace.leave(world, connection)
    world.admin("restore-user", ORCHARD, user=users[2])
    record = await exit_record(world, closed)
    told = [line for line in record["cannot_be_undone"] if "watch" in line and users[2] in line]
    alive = [user for user, box in customer.mailboxes.items() if box.watch is not None]
    assert alive == [users[2]]
    assert len(told) == 1
    assert "expires on" in told[0]
