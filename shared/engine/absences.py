"""What it means that an object of ours is not there: too new to be seen, to be looked for again, gone, or back."""

from datetime import timedelta

from shared.engine.ledger import Holding, HoldingState
from shared.engine.rows import Absent, Change
from shared.engine.steps import PlanItem, Step, Tenant, Verb
from shared.foundation.errors import ConsentMissing, FootprintError

# A replica that lags has caught up by then, whatever the kind of object.
SECOND_LOOK = timedelta(minutes=1)


async def unseen_meanwhile(item: PlanItem, row: Change, tenant: Tenant, held: Holding | None) -> list[Step]:
    """An element of a shared list that waits for its removal: once it was missing, it is theirs when it is back."""
    if held is None or held.state is not HoldingState.OURS or held.missed_at or row.resource.identified:
        return []
    if not row.resource.shared:
        return []  # of no other kind could the customer make the very same again
    try:
        observed = await row.resource.observe(tenant, item.element, held.identity)
    except FootprintError:
        return []  # its removal reads it again when its time has come
    return [item.step(Verb.UNSEEN, "was not found", before=held.seen)] if isinstance(observed, Absent) else []


async def risen(item: PlanItem, row: Change, tenant: Tenant, held: Holding | None) -> list[Step]:
    """What is gone may come back: restored by somebody, or made by a call whose answer was lost and which came late."""
    if held is None or held.state is not HoldingState.GONE or not followed(row):
        return []
    try:
        observed = await row.resource.observe(tenant, item.element, held.identity)
    except ConsentMissing:
        return []  # the way in went last, and what was seen before that holds
    if isinstance(observed, Absent):
        return []
    image = tenant.ledger.image(observed.settings)
    return [item.step(Verb.ADOPT, "is there after it was gone", present=observed, after=image)]


def unless_too_new(row: Change, tenant: Tenant, held: Holding, item: PlanItem) -> list[Step]:
    """To wait while an object may not be visible yet; nothing after that."""
    until = held.since + row.resource.visible_within
    if held.state in (HoldingState.CREATING, HoldingState.OURS) and tenant.now < until:
        return [item.step(Verb.WAIT, "may not be visible yet", until=until)]
    return []


def unless_sure(row: Change, tenant: Tenant, held: Holding, item: PlanItem) -> list[Step]:
    """What is to be done before an absence is believed; nothing once it is."""
    if row.local:
        return []  # our own database does not lag
    if too_new := unless_too_new(row, tenant, held, item):
        return too_new
    if held.missed_at is None:
        return [item.step(Verb.UNSEEN, "was not found", before=held.seen)]
    until = held.missed_at + max(row.resource.visible_within, SECOND_LOOK)
    if tenant.now < until:
        return [item.step(Verb.WAIT, "was not found; a second check confirms this", until=until)]
    return []


def followed(row: Change) -> bool:
    """Whether every incarnation of the object is followed by its identity."""
    return row.resource.identified and not row.resource.shared
