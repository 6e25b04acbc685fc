"""Look and decide: a plan is a printable list of what is to be done now, and why. Nothing is changed here.

Unknown is never absent: an observation that is not sure raises, and then there is no plan.
"""

from collections.abc import Sequence

from shared.connections.stages import Stage
from shared.engine.administrator import questions
from shared.engine.chain import Image
from shared.engine.drift import graded
from shared.engine.ledger import NOT_OURS, Holding, HoldingState
from shared.engine.rows import Absent, ByAdministrator, Change, Present, Row, Settings, Wanted, wanted
from shared.engine.steps import MISSING, OFFERED, PlanItem, Step, Tenant, Verb, gone_since, items, there

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
    removals: list[Step] = []
    others: list[Step] = []
    for item in items(rows, tenant):
        steps = await _steps(item, tenant, stage, repair=repair)
        removals[:0] = [step for step in steps if step.verb is Verb.REMOVE]
        others += [step for step in steps if step.verb is not Verb.REMOVE]
    others.sort(key=lambda step: step.verb is Verb.COMPLETE)
    steps = removals + others
    return await graded(rows, tenant, steps) if stage is Stage.RUN else steps


async def _steps(item: PlanItem, tenant: Tenant, stage: Stage, *, repair: bool) -> list[Step]:
    row, holdings = item.row, tenant.ledger.holdings
    want = wanted(row, stage, tenant.now, lambda key: gone_since(key, holdings))
    if isinstance(row, ByAdministrator):
        return await questions(item, row, tenant, want, stage)
    held = holdings.get(item.key)
    if want.wanted is Wanted.LEAVE:
        # What was there before us stays, so that nothing is waited for.
        if held is None or held.state is HoldingState.GONE or held.state in NOT_OURS or stage < row.created_in:
            return []
        return [item.step(Verb.WAIT, "stays for a while after what it serves", until=want.until)]
    # Once revoking has begun nothing new is made, not even what is meant to stay a little longer.
    unmade = held is None or held.state in (HoldingState.GONE, HoldingState.LEFT)
    if unmade and (want.wanted is Wanted.ABSENT or stage > Stage.RUN):
        return []
    if want.wanted is Wanted.ABSENT and held is not None and (staying := _stays(item, row, tenant, held)) is not None:
        return staying
    desired: Settings | None = None
    if want.wanted is Wanted.PRESENT and _still_listed(item, tenant):
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
    if held.state is HoldingState.BORROWED:
        return []  # was there before us and stays
    if row.offered and not tenant.ledger.taken(item.key):
        return [item.step(Verb.OFFER, OFFERED, new=False)]
    return None


def _towards_absent(
    item: PlanItem, row: Change, tenant: Tenant, held: Holding | None, observed: Present | Absent
) -> list[Step]:
    if held is None or held.state in (HoldingState.GONE, HoldingState.LEFT):
        return []
    if isinstance(observed, Absent):
        return _unless_too_new(row, tenant, held, item) or [item.step(Verb.FORGET, "is gone")]
    before = tenant.ledger.image(observed.settings)
    if held.state is HoldingState.CREATING:
        return [item.step(Verb.ADOPT, "was made by an interrupted run", present=observed, after=before)]
    return [item.step(Verb.REMOVE, "is no longer wanted", present=observed, before=before)]


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
    state = held.state if held and held.state is not HoldingState.LEFT else HoldingState.GONE
    if isinstance(observed, Absent):
        if held is None or state is HoldingState.GONE:
            return [item.step(Verb.CREATE, "is missing", desired=desired, after=image(desired))]
        too_new = _unless_too_new(row, tenant, held, item)
        if too_new:
            return too_new
        if state is HoldingState.CREATING and stage <= Stage.RUN:
            return [item.step(Verb.CREATE, HALF_DONE[state], desired=desired, after=image(desired))]
        drift = _drift(item, row, held, MISSING, None) if state is HoldingState.OURS and not row.ours_alone else None
        if drift and not repair:
            return [drift]
        mends = drift if stage is Stage.RUN else None
        # Only what we had seen in place can have been removed by others: the rest we had left half-made ourselves.
        why = "was removed by someone else" if drift else HALF_DONE.get(state, "is gone")
        return [item.step(Verb.FORGET, why, before=held.seen, mends=mends, desired=desired)]
    if state is HoldingState.BORROWED:
        return []
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
        verb = Verb.COMPLETE if set(different) <= row.resource.set_last else Verb.UPDATE
        if verb is Verb.UPDATE:
            different = {n: v for n, v in different.items() if n not in row.resource.set_last}
        before = {name: now.get(name) for name in different}
        why = "was changed by someone else" if foreign else "is not as it should be"
        steps.append(
            item.step(
                verb,
                why,
                present=observed,
                changes=different,
                desired=desired,
                before=before,
                after=image(different),
                mends=drift if repair and stage is Stage.RUN else None,
            )
        )
    elif held and not steps and (held.drift or (seen != now and not row.ours_alone)):
        # What others, or the platform itself, changed to what is wanted is no drift when something else is wanted.
        steps.append(item.step(Verb.ADOPT, "is as it should be again", present=observed, after=now))
    return steps


def _unless_too_new(row: Change, tenant: Tenant, held: Holding, item: PlanItem) -> list[Step]:
    until = held.since + row.resource.visible_within
    if held.state in (HoldingState.CREATING, HoldingState.OURS) and tenant.now < until:
        return [item.step(Verb.WAIT, "may not be visible yet", until=until)]
    return []


def _drift(item: PlanItem, row: Change, held: Holding, now: Image, was: Image | None) -> Step:
    """Someone else changed our object. `new` only when it is not the drift that is recorded already."""
    why = f"was changed by someone else: {row.without}" if row.without else "was changed by someone else"
    return item.step(Verb.DRIFT, why, before=was, after=now, new=held.drift != now)


def _still_listed(item: PlanItem, tenant: Tenant) -> bool:
    listed = item.row.elements if isinstance(item.row, Change) else None
    return listed is None or item.element in set(listed(tenant))
