"""Look and decide: a plan is a printable list of what is to be done now, and why. Nothing is changed here.

Unknown is never absent: an observation that is not sure raises, and then there is no plan; of an ending connection
the object is told as blocked and the others go on. One look never makes "gone": an object of ours that is not found is
noted as unseen, and believed to be gone when a second complete look, some time later, does not find it either.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from shared.connections.lease import Superseded
from shared.connections.stages import Stage
from shared.engine.absences import followed, risen, unless_sure, unless_too_new, unseen_meanwhile
from shared.engine.administrator import questions, seen_last
from shared.engine.chain import Image
from shared.engine.drift import accepted, graded, repairs
from shared.engine.ledger import NOT_OURS, Holding, HoldingState
from shared.engine.rows import Absent, ByAdministrator, Change, Present, Row, Settings, Wanted, wanted
from shared.engine.steps import (
    MISSING,
    OFFERED,
    PlanItem,
    Step,
    Tenant,
    Verb,
    gone_since,
    items,
    set_last,
    still_listed,
    there,
    turn,
    unclear,
)
from shared.foundation.errors import ConsentMissing, FootprintError

log = logging.getLogger(__name__)

# What was asked for and never answered may still appear; until then our way in stays, and it is looked for this often.
MAY_APPEAR = timedelta(hours=24)
LOOKED_FOR = timedelta(hours=1)
CANNOT_TELL = "owner unknown: the entry is in a list that the customer uses too"

# What is said of an object that is not there, of which we do not know how our last call ended.
HALF_DONE = {
    HoldingState.CREATING: "was not made after all",
    HoldingState.REMOVING: "was removed by an interrupted run",
}


async def plan(rows: Sequence[Row], tenant: Tenant, stage: Stage, *, repair: bool) -> list[Step]:
    """What is to be done now, in order: removals from the last made to the first, then the rest, completing last.

    Reads everything afresh. With `repair` off, what others changed in our objects while running is reported only.
    """
    tenant.forget_reads()
    await tenant.look_ahead()
    removals: list[Step] = []
    others: list[Step] = []
    for item in items(rows, tenant):
        try:
            steps = await _steps(item, tenant, stage, repair=repairs(item.key, tenant.choices, otherwise=repair))
        except (ConsentMissing, Superseded):
            raise
        except Exception as error:
            if stage <= Stage.RUN:
                raise
            # Nothing that fails for one object, be it our own mistake, keeps the others in a tenant.
            steps = [] if seen_last(item.key, rows, tenant, error) else [blocked(item, error)]
        removals[:0] = [step for step in steps if step.verb is Verb.REMOVE]
        others += [step for step in steps if step.verb is not Verb.REMOVE]
    others.sort(key=lambda step: turn(step, tenant))
    steps = removals + others
    return accepted(await graded(rows, tenant, steps), tenant.choices) if stage is Stage.RUN else steps


def blocked(item: PlanItem, error: Exception) -> Step:
    """The object could not be looked at or removed now; the connection's next run tries again."""
    if not isinstance(error, FootprintError):
        log.error("unhandled exception for an object", exc_info=error, extra={"key": item.key})
    why = error.sentence if isinstance(error, FootprintError) else "could not be checked because of an internal error"
    return item.step(Verb.BLOCKED, why, error=error, new=False)


async def _steps(item: PlanItem, tenant: Tenant, stage: Stage, *, repair: bool) -> list[Step]:
    row, holdings = item.row, tenant.ledger.holdings
    want = wanted(row, stage, tenant.now, lambda key: gone_since(key, holdings), tenant.drained_at)
    if isinstance(row, ByAdministrator):
        return await questions(item, row, tenant, want, stage)
    held = holdings.get(item.key)
    if want.wanted is Wanted.LEAVE:
        # What was there before us stays, so that nothing is waited for.
        if held is None or held.state is HoldingState.GONE or held.state in NOT_OURS or stage < row.created_in:
            return []
        wait = item.step(Verb.WAIT, "is kept for a while after the objects that depend on it", until=want.until)
        return [*await unseen_meanwhile(item, row, tenant, held), wait]
    # Once revoking has begun nothing is made or changed any more, not even what is meant to stay a little longer.
    if want.wanted is Wanted.PRESENT and (stage > Stage.RUN or item.former):
        return await unseen_meanwhile(item, row, tenant, held)
    unmade = held is None or held.state in (HoldingState.GONE, HoldingState.LEFT)
    if unmade and want.wanted is Wanted.ABSENT:
        return await risen(item, row, tenant, held)
    if want.wanted is Wanted.ABSENT and held is not None and (staying := _stays(item, row, tenant, held)) is not None:
        return staying
    desired: Settings | None = None
    if want.wanted is Wanted.PRESENT and still_listed(item, tenant):
        missing = [key for key in row.needs if not there(key, holdings)]
        if missing and stage <= Stage.RUN:
            return [item.step(Verb.WAIT, f"needs {', '.join(missing)} first", new=False)]
        desired = await row.resource.desired(tenant, item.element)
    if desired is None and held is None:
        return []
    known = held.identity if held and not unmade else None
    observed = await row.resource.observe(tenant, item.element, known)
    if desired is None:
        return _towards_absent(item, row, tenant, held, observed)
    return _towards_present(item, row, tenant, held, observed, desired, stage, repair=repair or stage < Stage.RUN)


def _stays(item: PlanItem, row: Change, tenant: Tenant, held: Holding) -> list[Step] | None:
    """What is to be said of an object that is not to be removed by us, though its time has come; None if it is."""
    if held.state in NOT_OURS:
        return []  # was there before us, or may have been, and stays
    # One whose creation was never answered is looked for first: it may be there or not.
    if row.offered and held.state is not HoldingState.CREATING and not tenant.ledger.taken(item.key):
        return [item.step(Verb.OFFER, OFFERED, new=False)]
    return None


def _towards_absent(
    item: PlanItem, row: Change, tenant: Tenant, held: Holding | None, observed: Present | Absent
) -> list[Step]:
    if held is None or held.state in (HoldingState.GONE, HoldingState.LEFT):
        return []
    if isinstance(observed, Absent):
        late = held.since + MAY_APPEAR
        if held.state is HoldingState.CREATING and followed(row) and tenant.now < late:
            until = min(tenant.now + LOOKED_FOR, late)
            return [item.step(Verb.WAIT, "may still appear, for its creation was never answered", until=until)]
        unsure = [] if observed.with_its_owner else unless_sure(row, tenant, held, item)
        return unsure or [item.step(Verb.FORGET, HALF_DONE.get(held.state, "is gone"))]
    if unclear(row, held, observed):
        return [_unsure(item, tenant, observed)]
    before = tenant.ledger.image(observed.settings)
    if held.state is HoldingState.CREATING:
        return [item.step(Verb.ADOPT, "was made by an interrupted run", present=observed, after=before)]
    return [item.step(Verb.REMOVE, "no longer declared for this stage", present=observed, before=before)]


def _missing(
    item: PlanItem,
    row: Change,
    tenant: Tenant,
    held: Holding | None,
    desired: Settings,
    stage: Stage,
    *,
    repair: bool,
) -> list[Step]:
    """What is to be done about a wanted object that is not there."""
    image = tenant.ledger.image
    state = _state(held)
    if held is None or state is HoldingState.GONE:
        return [item.step(Verb.CREATE, "is missing", desired=desired, after=image(desired))]
    if too_new := unless_too_new(row, tenant, held, item):
        return too_new
    if state is HoldingState.CREATING:
        return [item.step(Verb.CREATE, HALF_DONE[state], desired=desired, after=image(desired))]
    drift = _drift(item, row, held, MISSING, None) if state is HoldingState.OURS and not row.ours_alone else None
    if unsure := unless_sure(row, tenant, held, item):
        # An alarm does not wait for the second look.
        return [*unsure, drift] if drift and stage is Stage.RUN else unsure
    if drift and not repair:
        return [drift]
    mends = drift if stage is Stage.RUN else None
    # Only what we had seen in place can have been removed by others: the rest we had left half-made ourselves.
    why = "was removed by someone else" if drift else HALF_DONE.get(state, "is gone")
    return [item.step(Verb.FORGET, why, before=held.seen, mends=mends, desired=desired)]


def _towards_present(
    item: PlanItem,
    row: Change,
    tenant: Tenant,
    held: Holding | None,
    observed: Present | Absent,
    desired: Settings,
    stage: Stage,
    *,
    repair: bool,
) -> list[Step]:
    image = tenant.ledger.image
    state = _state(held)
    if isinstance(observed, Absent):
        return _missing(item, row, tenant, held, desired, stage, repair=repair)
    if state in NOT_OURS:
        return []
    if held and state is not HoldingState.GONE and unclear(row, held, observed):
        return [_unsure(item, tenant, observed)]
    now = image(observed.settings)
    if state is HoldingState.GONE and row.resource.shared:
        return [item.step(Verb.BORROW, "was there before us", present=observed, after=now)]
    if state in (HoldingState.GONE, HoldingState.CREATING, HoldingState.REMOVING):
        reasons = {HoldingState.REMOVING: "is wanted again", HoldingState.CREATING: "was made by an interrupted run"}
        return [item.step(Verb.ADOPT, reasons.get(state, "bears our mark"), present=observed, after=now)]
    different = {name: value for name, value in desired.items() if observed.settings.get(name) != value}
    seen = held.seen or {} if held else {}
    watched = set() if row.ours_alone else different.keys() & seen.keys() - row.ours_in_it
    foreign = {name for name in watched if now.get(name) != seen[name]}
    steps: list[Step] = []
    theirs, ours = {name: now.get(name) for name in foreign}, {name: seen[name] for name in foreign}
    drift = _drift(item, row, held, theirs, ours) if foreign and held else None
    if drift and not repair:
        steps.append(drift)
        different = {name: value for name, value in different.items() if name not in foreign}
    if different:
        last = set_last(row, tenant)
        verb = Verb.COMPLETE if set(different) <= last else Verb.UPDATE
        if verb is Verb.UPDATE:
            different = {n: v for n, v in different.items() if n not in last}
        why = "was changed by someone else" if foreign else "is not as it should be"
        steps.append(
            item.step(
                verb,
                why,
                present=observed,
                changes=different,
                desired=desired,
                before={name: now.get(name) for name in different},
                after=image(different),
                mends=drift if repair and stage is Stage.RUN else None,
            )
        )
    elif held and not steps and (held.drift or held.missed_at or (seen != now and not row.ours_alone)):
        # What others, or the platform itself, changed to what is wanted is no drift when something else is wanted.
        steps.append(item.step(Verb.ADOPT, "is as it should be again", present=observed, after=now))
    return steps


def _unsure(item: PlanItem, tenant: Tenant, observed: Present) -> Step:
    return item.step(Verb.UNSURE, CANNOT_TELL, present=observed, after=tenant.ledger.image(observed.settings))


def _drift(item: PlanItem, row: Change, held: Holding, now: Image, was: Image | None) -> Step:
    """Someone else changed our object. `new` only when it is not the drift that is recorded already."""
    why = f"was changed by someone else: {row.without}" if row.without else "was changed by someone else"
    return item.step(Verb.DRIFT, why, before=was, after=now, new=held.drift != now)


def _state(held: Holding | None) -> HoldingState:
    """What was never made, and what another connection keeps, is as good as gone."""
    return held.state if held and held.state is not HoldingState.LEFT else HoldingState.GONE
