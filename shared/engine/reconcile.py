"""Touch: carry plans out until a fresh one holds nothing that we can do. One engine for every object.

Every call is written down before it is made and read back after it. What stands in the end (waits, drift,
administrator's steps) is returned for the connection to show.
"""

from collections.abc import Sequence
from datetime import timedelta

from shared.connections.lease import Superseded
from shared.connections.stages import Stage
from shared.engine.chain import Act, Image
from shared.engine.ledger import FORMER, Holding, HoldingState
from shared.engine.plan import blocked, plan
from shared.engine.rows import Absent, ByAdministrator, Change, Present, Row
from shared.engine.steps import STANDING, PlanItem, Step, Tenant, Verb, set_last
from shared.foundation.concurrency import to_its_end
from shared.foundation.errors import (
    ConsentMissing,
    FootprintError,
    Missing,
    Permanent,
    Temporary,
    TurnedAway,
    Unfinished,
)

# After this many creations that left nothing behind, a person is told instead.
MAX_CREATIONS = 3
# Noted in the ledger without a call to the platform.
NOTED = {
    Verb.ADOPT: Act.ADOPT,
    Verb.BORROW: Act.BORROW,
    Verb.FORGET: Act.FORGET,
    Verb.DRIFT: Act.DRIFT,
    Verb.ASK: Act.ASK,
    Verb.MISS: Act.MISS,
    Verb.UNSEEN: Act.UNSEEN,
    Verb.UNSURE: Act.UNSURE,
    Verb.LEAVE: Act.LEAVE,
}
# These stand, and are noted when they begin.
BEGINNING = frozenset({Verb.DRIFT, Verb.ASK})


async def reconcile(rows: Sequence[Row], tenant: Tenant, stage: Stage, *, repair: bool) -> list[Step]:
    """Carry plans out until a fresh one holds nothing we can do, and return what stands in it.

    Raises the first failure after every independent step has had its turn; a Temporary one stops at once. Of an ending
    connection nothing is raised but the loss of the lease or of the consent: what failed is returned as blocked.
    """
    held_up: dict[str, Step] = {}
    for _ in range(2 * len(rows) + 2):
        steps = [held_up.get(step.key, step) for step in await plan(rows, tenant, stage, repair=repair)]
        todo = [step for step in steps if step.verb not in STANDING or (step.verb in BEGINNING and step.new)]
        if not todo:
            return steps
        rest = [step for step in todo if step.verb is not Verb.COMPLETE]
        if not rest and any(step.verb is Verb.WAIT for step in steps):
            return steps  # mail is not routed before everything else reads back
        failures = []
        for step in rest or todo:
            try:
                await _take(step, tenant)
            except (ConsentMissing, Superseded):
                raise
            except Exception as error:
                if stage > Stage.RUN:
                    held_up[step.key] = blocked(_item(step), error)
                elif isinstance(error, Temporary) or not isinstance(error, FootprintError):
                    raise
                else:
                    failures.append(error)
        if failures:
            raise failures[0]
    raise Temporary("not_settling", "The tenant keeps changing during the setup. The next run checks again.")


def _item(step: Step) -> PlanItem:
    if not isinstance(step.row, Change | ByAdministrator):
        raise TypeError(f"{step.key} is no object")
    return PlanItem(row=step.row, element=step.element, former=step.key.partition(FORMER)[2])


async def _take(step: Step, tenant: Tenant) -> None:
    ledger, row = tenant.ledger, step.row
    if step.mends and step.mends.new:
        await _take(step.mends, tenant)
    if step.verb in NOTED:
        identity = step.present.identity if step.present else step.identity
        await ledger.note(
            step.key,
            NOTED[step.verb],
            identity=identity,
            before=step.before,
            after=step.after,
            text=step.why,
            identified=isinstance(row, Change) and row.resource.identified and not row.resource.shared,
        )
        return
    if not isinstance(row, Change):
        raise TypeError(f"{step.key} cannot be changed by us")
    act = {Verb.CREATE: Act.CREATE, Verb.REMOVE: Act.REMOVE}.get(step.verb, Act.UPDATE)
    followed = row.resource.identified and not row.resource.shared
    held = ledger.holdings.get(step.key)
    unanswered = held is not None and held.state is HoldingState.CREATING
    intent = await ledger.begin(step.key, act, before=step.before, after=step.after, identified=followed)
    # Once a call was sent its outcome is written down, even if the run is ended meanwhile.
    await to_its_end(_carry_out(step, row, tenant, act, intent, unanswered=unanswered))


async def _carry_out(step: Step, row: Change, tenant: Tenant, act: Act, intent: int, *, unanswered: bool) -> None:
    ledger, request_id, called = tenant.ledger, None, False
    try:
        request_id = await _call(step, row, tenant)
        called = True
        tenant.forget_reads()
        known = step.present.identity if step.present else None
        observed = await row.resource.observe(tenant, step.element, known)
        _expect(step, row, observed, ledger.holdings[step.key])
    except Superseded:
        answered = f"answered ({request_id})" if request_id is not None else "not known whether it was answered"
        await ledger.fail(intent, step.key, act, f"{answered}, not read back", unfinished=True)
        raise
    except FootprintError as error:
        refused = not called and (isinstance(error, TurnedAway) or not isinstance(error, Temporary))
        made: Image | None = None
        at_once = row.made_at_once or row.resource.shared
        if step.verb is Verb.CREATE and refused and at_once and not unanswered:
            made = {}  # what an earlier call asked for, and nobody answered, may still appear
        elif step.verb is Verb.CREATE and called and row.resource.shared:
            # An element of a list that others use too is ours only if we know that we put it there.
            made = step.after
        await ledger.fail(intent, step.key, act, str(error), unfinished=isinstance(error, Unfinished), made=made)
        if isinstance(error, Missing) and step.verb is Verb.REMOVE:
            return  # one answer may lag as one look may: the next looks decide
        raise
    present = observed if isinstance(observed, Present) else None
    await ledger.finish(
        intent,
        step.key,
        act,
        identity=present.identity if present else None,
        after=ledger.image(present.settings) if present else None,
        request_id=request_id,
    )
    if present:
        await _compare(step, row, tenant, present)


async def _call(step: Step, row: Change, tenant: Tenant) -> str:
    match step.verb, step.present:
        case Verb.CREATE, _:
            return await row.resource.create(tenant, step.element, step.desired or {})
        case Verb.REMOVE, Present() as present:
            return await row.resource.remove(tenant, step.element, present)
        case _, Present() as present:
            return await row.resource.update(tenant, step.element, present, step.changes or {})
    raise TypeError(f"{step.key}: {step.verb} needs an object")


def _expect(step: Step, row: Change, observed: Present | Absent, held: Holding) -> None:
    """Read-back: a success that left nothing, or left what should be gone, is not a success."""
    if step.verb is Verb.REMOVE:
        if isinstance(observed, Present):
            raise Temporary("still_there", f"{row.title} was removed but is still listed.")
    elif isinstance(observed, Absent):
        sentence = f"The platform accepted {row.title} but does not list it."
        if row.resource.visible_within > timedelta(0) or held.attempts < MAX_CREATIONS:
            raise Temporary("not_visible_yet", sentence + " The next run checks again.")
        raise Permanent("not_made", sentence + " Check the platform's service health, then reconcile again.")


async def _compare(step: Step, row: Change, tenant: Tenant, present: Present) -> None:
    # Asked again, because the write itself may have taught us something: a user who does not exist any more.
    expected = await row.resource.desired(tenant, step.element) or {}
    names = (step.desired if step.verb is Verb.CREATE else step.changes) or {}
    waiting = set_last(row, tenant) if step.verb is not Verb.COMPLETE else frozenset()
    wrong = {
        name: present.settings.get(name)
        for name, sent in names.items()
        if name not in waiting and present.settings.get(name) not in (sent, expected.get(name))
    }
    if wrong:
        now = "; ".join(f"{name} is {value!r}" for name, value in tenant.ledger.image(wrong).items())
        raise Permanent(
            "not_as_made", f"{row.title} was accepted, but reads back differently: {now}. {row.without}".strip()
        )
