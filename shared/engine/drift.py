"""Drift graded by what it does to mail: the platform's model is laid over the steps of a plan.

Objects of the customer's that harm our mail get steps of their own, which are reported and never carried out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.connections.choices import Choice, Way
from shared.engine.concerns import UNTOLD, covers
from shared.engine.effects import FOREIGN, Drift
from shared.engine.rows import Row
from shared.engine.steps import Step, Tenant, Verb, known

TOLD_OR_MADE = frozenset({Verb.DRIFT, Verb.CREATE, Verb.COMPLETE})


async def graded(rows: Sequence[Row], tenant: Tenant, steps: Sequence[Step]) -> list[Step]:
    """The steps of a running connection, with what drift does to mail, where the platform has a model of that."""
    found = await tenant.mail_drift()
    if found is None:
        return list(steps)
    drifts = {one.key: one for one in found if one.harms}
    models = tenant.modelled
    told: list[Step] = []
    for step in steps:
        drift = drifts.get(step.key)
        if step.verb is Verb.ADOPT and drift is not None:
            continue  # it is as we set it, and still not as it should be
        if step.verb is Verb.DRIFT and step.row.key in models:
            told.append(_graded(step, tenant, drift or _harmless(step)))
        elif step.mends is not None and step.row.key in models:
            told.append(replace(step, mends=_graded(step.mends, tenant, drift or _harmless(step))))
        else:
            told.append(step)
    told = await _unless_harmful(told, tenant)
    # What this very plan makes again needs no alarm beside it.
    seen = {step.key for step in told if step.verb in TOLD_OR_MADE or step.mends is not None}
    return told + _others(rows, tenant, {key: one for key, one in drifts.items() if key not in seen})


async def _unless_harmful(steps: Sequence[Step], tenant: Tenant) -> list[Step]:
    """The steps, with repairs that would do harm turned into reports. They are judged again after each other step."""
    repairs = [step.key for step in steps if step.mends is not None]
    harms = await tenant.repair_harms(repairs) if repairs else {}
    return [_held_back(step.mends, harms[step.key]) if step.mends and step.key in harms else step for step in steps]


def _held_back(drift: Step, harm: str) -> Step:
    return replace(drift, why=f"{drift.why}. Not repaired, because then {harm}")


def _harmless(step: Step) -> Drift:
    return Drift(key=step.key, title=step.row.title, done="was changed by someone else", harms=())


def _graded(step: Step, tenant: Tenant, drift: Drift) -> Step:
    if step.row.key != FOREIGN:
        drift = replace(drift, title=step.row.title)  # our names for what is ours, whatever it is called now
    held, after = tenant.ledger.holdings.get(step.key), {**(step.after or {}), **drift.image}
    return replace(step, why=drift.why, after=after, drift=drift, new=held is None or held.drift != after)


def _others(rows: Sequence[Row], tenant: Tenant, drifts: Mapping[str, Drift]) -> list[Step]:
    """Steps for what no row notices: our objects where only the mail tells, the customer's, and theirs repaired."""
    holdings = tenant.ledger.holdings
    ours = {item.key: item for item in known(rows, tenant.ledger)}
    steps = []
    for key, drift in drifts.items():
        row = Row(key=FOREIGN, title=drift.title, why="decides the way of mail", accounts_for=())
        step = ours[key].step(Verb.DRIFT, "") if key in ours else Step(row=row, key=key, verb=Verb.DRIFT, why="")
        steps.append(_graded(step, tenant, drift))
    for key, held in holdings.items():
        if key.startswith(FOREIGN + "/") and held.drift is not None and key not in drifts:
            row = Row(key=FOREIGN, title="Mail flow", why="decides the way of mail", accounts_for=())
            steps.append(Step(row=row, key=key, verb=Verb.FORGET, why="does not harm mail any more", before=held.drift))
    return steps


def repairs(key: str, choices: Mapping[str, Choice], *, otherwise: bool) -> bool:
    """Whether an object is repaired: as an operator has decided for it, or else as its connection does."""
    return choices[key].way is Way.REPAIR if key in choices else otherwise


def accepted(steps: Sequence[Step], choices: Mapping[str, Choice]) -> list[Step]:
    """The steps, with what somebody has accepted marked; what does more harm than was accepted is told again."""
    told = []
    for step in steps:
        one = choices.get(step.key) if step.verb is Verb.DRIFT else None
        effect = (step.after or {}).get("effect", [UNTOLD])
        if one is not None and one.way is Way.ACCEPT and covers(one.effect, effect):
            until = f" until {one.until:%Y-%m-%d %H:%M} UTC" if one.until else ""
            why = f"{step.why} (accepted by {one.actor}{until}: {one.reason})"
            told.append(replace(step, accepted=True, why=why))
        else:
            told.append(step)
    return told
