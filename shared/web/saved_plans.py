"""An order by a plan that somebody has seen: carried out only while a new look at the tenant gives that plan."""

from shared.connections.record import Connection
from shared.flows import looks, plans
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web.http import etag
from shared.web.preconditions import holds
from shared.web.representations.plans import plan

Seen = str | None
"""The ETag of the plan that the caller has seen, or None for an order without one."""


def tag(planned: plans.Planned) -> str:
    """A plan's ETag, as the API sends it."""
    return etag(plan(planned.lines, planned.concerns))


async def as_planned(app: App, connection: Connection, purpose: plans.Purpose, seen: Seen) -> None:
    """Look at the tenant again. Raises Refused 412 `plan_outdated` if that plan is no longer what would be done.

    Where a worker looks for us, a look of the last two minutes will do.
    """
    if seen is not None and not holds(seen, tag(await looks.planned(app, connection, purpose, within=looks.HOLDS))):
        raise Refused(
            412, "plan_outdated", "The tenant has changed since this plan was made. Nothing was done. Plan again."
        )
