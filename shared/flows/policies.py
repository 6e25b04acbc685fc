"""Administrator-set policies: a change of target is carried out at once, by the difference only."""

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows.app import App
from shared.flows.grant import allowed
from shared.foundation.errors import Refused
from shared.protection import policies, trial, unknown_targets
from shared.protection.policies import Check, Policy
from shared.protection.trial import Trial


async def put(app: App, connection: Connection, policy: Policy, check: Check, actor: str) -> bool:
    """Create or replace a policy, and have the tenant follow; True if it is new. Raises what `acceptable` does."""
    await acceptable(app, connection, policy)
    new = await policies.change(app.database, connection, policy, check, actor=actor, now=app.clock.now())
    await _follow(app, connection)
    return new


async def acceptable(app: App, connection: Connection, policy: Policy) -> None:
    """Raises Refused if the platform cannot do what a policy asks for, or the tenant has not what it names."""
    _not_ending(connection)
    allowed(app, app.platforms[connection.platform], policy)
    if wrong := await unknown_targets.unknown(app.database, connection.id, policy):
        raise Refused(400, "not_valid", wrong)
    await _ends_later(app, connection, policy)


async def delete(app: App, connection: Connection, name: str, check: Check, actor: str) -> None:
    """Delete a policy, and have the tenant follow."""
    _not_ending(connection)
    if not await policies.delete(app.database, connection, name, check, actor=actor, now=app.clock.now()):
        raise no_such(name)
    await _follow(app, connection)


async def move(app: App, connection: Connection, name: str, by: int, check: Check, actor: str) -> None:
    """Move a policy by so many places in the order in which they decide."""
    _not_ending(connection)
    if not await policies.move(app.database, connection, name, by, check, actor=actor, now=app.clock.now()):
        raise no_such(name)
    await _follow(app, connection)


async def tried(app: App, connection: Connection, name: str, message: bytes) -> tuple[Policy, Trial]:
    """A policy, and what it would do to a message; nothing is done. Raises Refused if it cannot do anything here."""
    policy = await policies.find(app.database, connection.id, name)
    if policy is None:
        raise no_such(name)
    feed = app.platforms[connection.platform].feed
    if feed is None:
        raise Refused(400, "not_possible_here", "Mail of this platform is inspected on its way, by no policy of ours.")
    tenant = await trial.everybody(app.database, connection.id, [policy], feed.receiver)
    return policy, await trial.tried(policy, message, tenant)


async def _ends_later(app: App, connection: Connection, policy: Policy) -> None:
    """An end that is set, or of which something else is chosen, is still to come."""
    until, before = policy.report_only_until, await policies.find(app.database, connection.id, policy.name)
    same = before and (before.report_only_until, before.afterwards) == (until, policy.afterwards)
    if until and until <= app.clock.now() and not same:
        raise Refused(400, "until_is_past", "report_only_until: name a time that is still to come.")


def _not_ending(connection: Connection) -> None:
    if connection.stage >= Stage.REVOKE:
        raise Refused(
            409,
            "being_revoked",
            f"The connection to {connection.name} is being revoked, and its policies are deleted. Connect again first.",
        )


def no_such(name: str) -> Refused:
    """There is no policy of this name."""
    return Refused(404, "no_such_policy", f"There is no policy “{name[:80]}”.")


async def _follow(app: App, connection: Connection) -> None:
    await app.queue.send(Job(name="advance", connection_id=connection.id), app.clock.now())
