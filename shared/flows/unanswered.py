"""An administrator who never answers keeps no revoke open: it ends in time, and says what nobody has looked at."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from shared.connections.lease import Superseded
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import certificate
from shared.engine.administrator import Question, asked_at
from shared.engine.certificate import Draft, Leftover
from shared.engine.ledger import Holding
from shared.engine.rows import ByAdministrator, Change, Sighting
from shared.engine.steps import PlanItem, Step
from shared.flows.app import App
from shared.flows.closing import degraded, last_seen
from shared.foundation.errors import FootprintError
from shared.platforms.contract import OpenTenant, Platform
from shared.platforms.rows import rows_of

# A month takes in a holiday and a window for changes. It is counted from the first step that was asked for.
ANSWER_WITHIN = timedelta(days=30)
REMIND_AFTER = timedelta(days=7)
NAMED = 5


async def unanswered(
    app: App, connection: Connection, platform: Platform, tenant: OpenTenant, steps: Sequence[Step]
) -> Draft | None:
    """The last certificate, once the administrator's steps have been open for ANSWER_WITHIN; None until then.

    What a machine still sees is listed as left, and what nobody can look at as not checked.
    """
    asked, now = await asked_at(app.database, connection), app.clock.now()
    goes_on = any(step.until and step.until > now for step in steps)
    if asked is None or now < asked + ANSWER_WITHIN or goes_on:
        return None
    since = f"the administrator was asked on {asked:%Y-%m-%d} and has not answered for {ANSWER_WITHIN.days} days"
    stands: list[Leftover] = []
    why: dict[str, str] = {}
    for step in steps:
        if not isinstance(step.row, ByAdministrator):
            why[step.key] = f"{step.why}; {since}"
            continue
        held = tenant.ledger.holdings[step.key]
        sighting = await _look(step.row, tenant, held, connection.stage)
        why[step.key] = f"{sighting.evidence}; {since}"
        if sighting.present:
            found = held.identity or sighting.identity
            stands.append({"key": step.key, "title": step.row.title, "identity": found, "why": why[step.key]})
    before = await certificate.latest(app.database, connection)
    seen = await last_seen(rows_of(platform, connection), platform, tenant, before)
    draft = await degraded(app, connection, platform, tenant, seen, since, why)
    # What stays as published is told as such.
    offered = {step.key for step in steps if isinstance(step.row, Change) and step.row.offered}
    elsewhere = {one["key"] for one in stands} | {key for key in offered if not tenant.ledger.taken(key)}
    unknown = [one for one in draft.look.unknown if one.get("key") not in elsewhere]
    return replace(draft, look=replace(draft.look, left=[*stands, *draft.look.left], unknown=unknown))


async def _look(row: ByAdministrator, tenant: OpenTenant, held: Holding, stage: Stage) -> Sighting:
    try:
        return await Question(item=PlanItem(row=row), row=row, tenant=tenant, held=held, stage=stage).look()
    except Superseded:
        raise
    except FootprintError as error:
        return Sighting(present=None, evidence=error.sentence)


def incomplete(draft: Draft | None) -> str | None:
    """What people are told of a connection that ends without everything having been removed and looked at."""
    if draft is None or draft.result != "degraded":
        return None
    found = (*draft.look.left, *draft.look.unknown)
    titles = list(dict.fromkeys(one["title"] for one in found if "title" in one))
    more = f" and {len(titles) - NAMED} more" if titles[NAMED:] else ""
    return (
        f"The connection has ended, and not everything is known to be removed: {', '.join(titles[:NAMED])}{more}. The "
        "certificate lists each with its id. Send it to the customer's administrator, who removes what is still there."
    )
