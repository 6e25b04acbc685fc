"""The hourly renewal of tokens: many connections in few statements, each under its own lease and to its own outcome.

Only what is in good order is renewed so. A connection that waits, is halted, is worked on or has lately killed a run
has a run of its own; so have those of which a token was refused, for what that means is decided there.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.connections import due, halts, lease, tokens
from shared.connections.lease import Lease
from shared.connections.record import Connection
from shared.deployment.sealing import CREDENTIALS
from shared.flows import deferred_jobs, expected_jobs
from shared.flows.app import App
from shared.foundation.concurrency import each
from shared.foundation.telemetry import about, span
from shared.protection import set_aside
from shared.storage.ids import ConnectionId

log = logging.getLogger(__name__)

JOB = "refresh"
# Connections for which one message does.
TOGETHER = 50


@dataclass(frozen=True)
class Failed:
    """A connection of which a token was refused. Its lease is held still."""

    connection: Connection
    lease: Lease
    error: Exception

    async def again(self) -> None:
        """Raises what was met."""
        raise self.error


@dataclass(frozen=True)
class Renewed:
    """What is not done: those that need a run of their own, and those whose run has failed."""

    left: Sequence[ConnectionId]
    failed: Sequence[Failed]


async def renew(app: App, first: ConnectionId) -> Renewed:
    """Renew the tokens of a connection, and of others that expect it."""
    others = await expected_jobs.take(app.database, JOB, app.settings.sites, TOGETHER, first=first)
    some = list(dict.fromkeys((first, *others)))
    now = app.clock.now()
    quiet = due.quiet(but_not=set_aside.with_due(some, now))
    claimed = await lease.acquire_each(app.database, some, now, app.settings.sites, quiet)
    left = sorted(set(some) - {one.id for one, _ in claimed}, key=some.index)
    if not claimed:
        return Renewed(left, [])
    await app.seal.have([one.id + CREDENTIALS for one, _ in claimed])
    rows, failed, watch = list[dict[str, Any]](), list[Failed](), halts.Watch(app.database, app.clock)

    async def ask(one: tuple[Connection, Lease]) -> None:
        connection, held = one
        of = connection.platform
        bears = about(connection=connection.id, job=JOB, platform=of, customer=connection.name)
        with bears, span("job", JOB, platform=of) as measured:
            try:
                with lease.fenced(held), watch.heeded(connection):
                    await app.stopping.heeded(app.clock, _asked(app, connection, held, rows))
            except Exception as error:
                failed.append(Failed(connection, held, error))
            else:
                measured.note(outcome="done")
                log.info("job ended", extra={"outcome": "done"})

    # Two tokens each.
    await each(claimed, ask, at_once=max(1, app.settings.token_threads // 2))
    await _keep(app, [held for _, held in claimed], rows)
    still_held = {one.connection.id for one in failed}
    done = [held for connection, held in claimed if connection.id not in still_held]
    if done:
        await lease.release_each(app.database, done, app.clock.now())
        ended = [one.connection_id for one in done]
        await deferred_jobs.go_on(app, await deferred_jobs.waiting(app.database, *ended))
    return Renewed(left, failed)


async def _asked(app: App, connection: Connection, held: Lease, rows: list[dict[str, Any]]) -> None:
    async with app.platforms[connection.platform].tokens(connection, held) as renewable:
        answers = await renewable.ask_all()
        rows += await renewable.sealed(answers)
        await renewable.settle(answers)


async def _keep(app: App, leases: Sequence[Lease], rows: Sequence[dict[str, Any]]) -> None:
    """Store tokens, but for those whose run has lost its lease."""
    if not rows:
        return
    async with app.database.record() as write:
        held = await lease.held_of(write, leases)
        if kept := [row for row in rows if row["connection"] in held]:
            await tokens.store(write, kept)
