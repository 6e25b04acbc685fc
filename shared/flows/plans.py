"""What would be done to a connection's tenant, and when: by a fresh look at it, or as the ledger lets us expect."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from shared.connections.lease import beside, fenced
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine.concerns import Concern
from shared.engine.forecast import Forecast, expected, forecast
from shared.engine.ledger import Ledger
from shared.engine.plan import plan
from shared.flows.advance import open_ledger
from shared.flows.app import App
from shared.foundation.errors import Permanent
from shared.platforms.contract import OpenTenant
from shared.platforms.rows import rows_of

Purpose = Literal["now", "grant", "repair", "revoke"]
# A revoke is planned to its end, so that what goes later is on the list as well.
PLANNED_IN = {"grant": Stage.GRANT, "repair": Stage.RUN, "revoke": Stage.CLEANUP}


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What would be done, and of a grant what in the tenant would harm mail: None without a look, or a model."""

    lines: list[Forecast]
    concerns: list[Concern] | None = None


async def planned(app: App, connection: Connection, purpose: Purpose = "now") -> Planned:
    """What would be done now, or by a grant, a repair or a revoke, by a fresh look at the tenant. Changes nothing.

    Before anybody has consented, and after the end, no look is possible: then it is what the ledger lets us expect.
    """
    if not looks(connection):
        return Planned(lines=await foreseen(app, connection, purpose))
    rows, stage = rows_of(app.platforms[connection.platform], connection), _stage(connection, purpose)
    repair = purpose == "repair" or connection.repairs_drift
    async with onlooking(app, connection) as tenant:
        found = await tenant.concerns() if stage is Stage.GRANT else None
        try:
            steps = await plan(rows, tenant, stage, repair=repair)
        except Permanent:
            if not any(one.waits for one in found or ()):
                raise
            # The concerns name all that is in the way, and the error only the first of it.
            return Planned(lines=await foreseen(app, connection, purpose), concerns=list(found or ()))
        lines = forecast(rows, tenant.ledger, steps, stage, app.clock.now())
        return Planned(lines=lines, concerns=None if found is None else list(found))


def looks(connection: Connection) -> bool:
    """Whether there is a tenant that can be looked at."""
    return connection.tenant is not None and connection.stage is not Stage.CLOSED


async def foreseen(app: App, connection: Connection, purpose: Purpose = "now") -> list[Forecast]:
    """The same by the ledger alone: the objects that are to be made, repaired or removed, without what differs."""
    rows, stage = rows_of(app.platforms[connection.platform], connection), _stage(connection, purpose)
    ledger = Ledger(app.database, app.clock, beside(connection), {})
    await ledger.load()
    steps = expected(rows, ledger, drifted=purpose == "repair") if purpose in ("grant", "repair") else []
    return forecast(rows, ledger, steps, stage, app.clock.now())


def _stage(connection: Connection, purpose: Purpose) -> Stage:
    return PLANNED_IN.get(purpose, connection.stage)


@asynccontextmanager
async def onlooking(app: App, connection: Connection) -> AsyncIterator[OpenTenant]:
    """The open tenant of somebody who only looks."""
    # Without the number of a run the ledger cannot be written, so a tenant can only be looked at.
    ledger = await open_ledger(app, connection, beside(connection))
    await ledger.load()
    # A token whose answer was on its way while access was revoked is not stored.
    with fenced(beside(connection)):
        async with app.platforms[connection.platform].open(connection, ledger) as tenant:
            yield tenant
