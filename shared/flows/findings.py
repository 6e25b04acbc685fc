"""What is found in the way of a tenant's mail, before a grant and while running, and what operators say about each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from shared.connections import choices, preflight, record
from shared.connections.choices import Choice, Way
from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.deployment.queues import Job
from shared.engine import books, chain
from shared.engine.books import UNKNOWN
from shared.engine.concerns import UNTOLD, concern
from shared.engine.effects import FOREIGN
from shared.engine.ledger import holdings_of
from shared.flows.app import App
from shared.foundation.errors import Refused


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing in the way of mail, and what was said about it.

    `found` is when: before anything was made, or while running. Where it `waits` nothing is made yet because of it.
    """

    key: str
    found: Literal["before", "running"]
    told: str
    advice: str
    effect: Sequence[str]
    waits: bool
    choice: Choice | None


# What is not used for so long is told; its key begins so.
UNUSED_AFTER, UNUSED = timedelta(days=30), "unused/"
ADVICE_OURS = "The object is ours: repair it, only report it, or accept it."
ADVICE_UNKNOWN = "The application's credential may be stolen: replace the credential, undo the change, then accept."
ADVICE_UNUSED = "Ask the customer's administrator to take the permission away, or accept it if it will be used."
ADVICE_THEIRS = "The object is the customer's: speak with their administrator, or accept it."


async def listed(app: App, connection: Connection) -> list[Finding]:
    """Everything that was found and not put right, the oldest first; what is accepted is among them."""
    said = await choices.standing(app.database, connection.id, app.clock.now())
    running = connection.stage >= Stage.RUN
    last = await preflight.find(app.database, connection.id)
    before = [
        Finding(
            key=one.key,
            found="before",
            told=one.told,
            advice=one.advice,
            effect=one.effect,
            waits=one.waits and not running,
            choice=said.get(one.key),
        )
        for one in map(concern, last.concerns if last else ())
    ]
    holdings = await holdings_of(app.database, connection.id)
    drifted = [
        Finding(
            key=key,
            found="running",
            told=f"{(held.drift or {}).get('told') or f'“{key}” was changed by someone else'}.",
            advice=ADVICE_THEIRS if key.startswith(FOREIGN + "/") else ADVICE_OURS,
            effect=(held.drift or {}).get("effect") or [UNTOLD],
            waits=False,
            choice=said.get(key),
        )
        for key, held in holdings.items()
        if held.drift and (held.drift.get("effect") or "effect" not in held.drift)
    ]
    now = {one.key for one in drifted}
    strange = await books.unknown(app.database, connection.id, connection.generation)
    unknown = [
        Finding(
            key=key,
            found="running",
            told=f"The customer's own log says that our application did what our ledger does not have: {text}.",
            advice=ADVICE_UNKNOWN,
            effect=[],
            waits=False,
            choice=said.get(key),
        )
        for key, text in strange.items()
    ]
    return [one for one in before if one.key not in now] + drifted + unknown + await _unused(app, connection, said)


async def _unused(app: App, connection: Connection, said: Mapping[str, Choice]) -> list[Finding]:
    """The permissions that a connection has had for long, and that no call of its log has used."""
    since = app.clock.now() - UNUSED_AFTER
    logged = app.settings.retention.operations >= UNUSED_AFTER
    if connection.stage is not Stage.RUN or connection.stage_since > since or not logged:
        return []
    found = await app.platforms[connection.platform].unused(connection, since)
    return [
        Finding(
            key=UNUSED + one.name,
            found="running",
            told=f"No call has used the permission {one.name} for {UNUSED_AFTER.days} days. Its purpose: {one.why}.",
            advice=ADVICE_UNUSED,
            effect=[],
            waits=False,
            choice=said.get(UNUSED + one.name),
        )
        for one in found
    ]


async def choose(
    app: App,
    connection: Connection,
    keys: Sequence[str],
    *,
    way: Way,
    reason: str,
    until: datetime | None,
    actor: str,
) -> None:
    """Note what somebody says about some findings, and act on it. Raises Refused, and changes nothing.

    An acceptance covers what a finding does now: if it comes to do more, it is told anew.
    """
    now = app.clock.now()
    if until is not None and until <= now:
        raise Refused(400, "until_is_past", "until: name a time that is still to come.")
    findings = {one.key: one for one in await listed(app, connection)}
    for key in keys:
        if key not in findings:
            raise Refused(404, "no_such_finding", f"There is no finding “{key[:120]}” any more. Reload the findings.")
        if way is not Way.ACCEPT and findings[key].found == "before":
            raise Refused(409, "not_possible_yet", "What is found before a grant can only be accepted.")
        if way is Way.REPAIR and key.startswith((FOREIGN + "/", UNKNOWN, UNUSED)):
            raise Refused(409, "not_ours", "Only the customer's administrator changes this object.")
    async with app.database.write() as write:
        for key in dict.fromkeys(keys):
            effect = findings[key].effect
            await choices.put(
                write, connection.id, key, way=way, effect=effect, reason=reason, actor=actor, now=now, until=until
            )
            after = {"reason": reason, "until": until.isoformat() if until else None, "effect": list(effect)}
            await chain.order(write, connection, now, actor, f"{way}: {reason}", key=key, after=after, runs=True)
        await record.update(write, connection.id, not_before=now)
    await app.queue.send(Job(name="advance", connection_id=connection.id), now)


async def withdraw(app: App, connection: Connection, identifier: str, actor: str) -> None:
    """What was said about a finding holds no more: it is told anew at the next look, which follows at once."""
    now = app.clock.now()
    said = await choices.standing(app.database, connection.id, now)
    one = next((choice for choice in said.values() if choice.id == identifier), None)
    if one is None:
        raise Refused(404, "no_such_choice", "No decision has this id, or the decision has ended.")
    async with app.database.write() as write:
        await choices.forget(write, connection.id, key=one.key)
        before = {"reason": one.reason, "by": one.actor}
        await chain.order(write, connection, now, actor, f"no longer: {one.way}", key=one.key, before=before, runs=True)
    await app.queue.send(Job(name="advance", connection_id=connection.id), now)
