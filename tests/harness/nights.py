"""A night of many connections without its tenants: what is sent, and when."""

import asyncio

import sqlalchemy as sa

from shared.connections import record as connections
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.flows.app import App
from shared.foundation.brand import Brand
from shared.foundation.schedule import TIMERS, Site
from shared.storage import tables as db
from shared.storage.ids import new_id

TIMER = {timer.name: timer for timer in TIMERS}


class Sent:
    """A queue that delivers nothing and knows what it was given."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, str]] = []
        self.at: list[object] = []
        self.most = self._now = 0

    async def send(self, job: Job, not_before: object) -> None:
        """Accept the job."""
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        self.jobs.append((job.name, job.connection_id))
        self.at.append(not_before)


async def running(app: App, number: int, site: Site) -> list[str]:
    """Connections of a site that run, and have no tenant that anybody could ask."""
    made = [new_id() for _ in range(number)]
    async with app.database.write() as write:
        for one in made:
            await connections.create(
                write,
                connection_id=one,
                platform="microsoft365",
                modes=frozenset(),
                name=one,
                customer="",
                site=site,
                expected_tenant=None,
                repairs_drift=False,
                sealed_headers=b"",
                brand=Brand(),
                now=app.clock.now(),
            )
        await write.execute(sa.update(db.connections).where(db.connections.c.id.in_(made)).values(stage=Stage.RUN))
    return made
