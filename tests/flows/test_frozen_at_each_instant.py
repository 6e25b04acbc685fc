"""A run may be frozen at any instant, for longer than its lease. Another takes over; then the first goes on.

A reference life is lived once, job by job. Then each of its jobs is run again in a process of its own, which the
system stops at one instant after the other: before it hears the answer to a call, and after each of its commits.
Another process takes over and carries the stage to its end; only then does the first go on, and may write nothing more
but what came of a call that it had sent.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.local.simulators import Simulators
from shared.connections.lease import LEASE, TOLERANCE
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import chain
from shared.engine.ledger import LATE
from shared.flows import revoke as revokes
from tests.engine.test_interruptions import less, outcome, unsure_of
from tests.harness.clock import TestClock
from tests.harness.frozen_runs import Begun, Instant, Runs, Stored, processes, rows
from tests.harness.lives import LIVES, Life
from tests.harness.world import World

PAST = LEASE + TOLERANCE
# The clock of the machine that is frozen, in seconds ahead of the other one's, in turn.
AHEAD = (0, int(TOLERANCE.total_seconds()), -int(TOLERANCE.total_seconds()))
# A process and a life to its end for each: so many times fewer than the instants at which one may die, in PARTS.
FEWER = 4
PARTS = 4
# What a run that was superseded still writes: outcomes of its calls, as late, the log of those calls, and what it has
# counted, in all and of the day. Its job goes back to the queue.
STILL_WRITTEN = {"ledger", "operations", "totals", "mail_days", "jobs"}


@dataclass
class Reference:
    """One life: each job of it, and where its stages came to."""

    connection: str
    begun: list[Begun]
    ends: dict[str, Any] = field(default_factory=dict)

    def instants(self) -> list[tuple[Begun, Instant]]:
        """Each instant of each job."""
        return [
            (begun, Instant(kind=kind, number=number))
            for begun in self.begun
            for kind, count in begun.instants.items()
            for number in range(count)
        ]


# Lived once in each process.
LIVED: dict[object, Reference] = {}


async def reference_life(world: World, life: Life) -> Reference:
    """Live the life and note each job."""
    runs, connection = Runs(world), await life.begin(world)
    lived = Reference(connection=connection.id, begun=runs.begun)
    for stage, drive in life.stages.items():
        if stage in life.before:
            await life.before[stage](world, await world.connection(connection.id))
        with runs.noted(stage):
            await drive(world, connection)
        lived.ends[stage] = await outcome(world, life, connection.id)
    return lived


def unlike(before: Stored, after: Stored) -> dict[str, tuple[list[Any], list[Any]]]:
    """Of each table that is not as it was, the rows that went and those that came."""
    return {
        table: ([row for row in before[table] if row not in rows], [row for row in rows if row not in before[table]])
        for table, rows in after.items()
        if rows != before[table]
    }


async def revoked(world: World, connection: Connection) -> None:
    """An operator revokes, and an hour passes."""
    await revokes.revoke(world.app, connection, "operator@msp.example", acknowledged=True)
    await world.pass_time(timedelta(hours=1))


@pytest.mark.hazard(31)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("platform", LIVES)
async def test_a_process_frozen_at_any_instant_leaves_the_next_ones_work(
    world: World, sims: Simulators, clock: TestClock, tmp_path: Path, platform: str, part: int
) -> None:
    life, which = LIVES[platform], (platform, type(world.databases))
    lived = LIVED[which] = LIVED.get(which) or await reference_life(world, life)
    folder, stopped = tmp_path / "next", 0
    folder.mkdir()
    instants = lived.instants()[part * FEWER :: PARTS * FEWER]
    async with processes() as first:
        for number, (begun, instant) in enumerate(instants):
            world.databases.put(folder, begun.content)
            sims.cloud.restore(begun.cloud)
            other = await World.make(sims, clock, world.databases, folder)
            try:
                if not await first.begin(other, instant, ahead=AHEAD[number % len(AHEAD)]):
                    continue  # calls go side by side, and there was one fewer
                stopped += 1
                clock.move(PAST)
                connection = await other.connection(lived.connection)
                taken = connection.fence
                # Every second one that runs or comes to run is not taken over but revoked.
                revoking = number % 2 and connection.stage in (Stage.GRANT, Stage.RUN)
                await (revoked if revoking else life.stages[begun.stage])(other, connection)
                if (await other.connection(connection.id)).fence == taken:
                    # The stage was at its end already: the frozen run's message comes again, and takes the run over.
                    await other.pass_time(timedelta(hours=1))
                stored, tenant = await rows(other), other.snapshot(life.domain)
                held = (await other.connection(connection.id)).fence
                await first.go_on()
                if (await other.connection(connection.id)).fence != held:
                    continue  # it had not taken the lease yet: it has taken the next one, and is a run like any other
                changed, where = unlike(stored, await rows(other)), f"{instant} of a job in {begun.stage}"
                assert changed.keys() <= STILL_WRITTEN, f"{where}: {changed}"
                went, came = changed.get("ledger", ([], []))
                assert not went, where
                assert all(any(str(value).startswith(LATE) for value in row) for row in came), f"{where}: {came}"
                assert other.snapshot(life.domain) == tenant, where
                assert await chain.verify(other.app.database, connection.id) is None, where
                if not revoking:
                    await life.stages[begun.stage](other, connection)
                    found, unsure = await outcome(other, life, connection.id), await unsure_of(other, connection.id)
                    assert less(found, unsure) == less(lived.ends[begun.stage], unsure), where
            finally:
                await other.close()
    assert stopped > len(instants) / 2
