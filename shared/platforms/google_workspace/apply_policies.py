"""One message: read as far as the policies need it, held against them in their order, acted on by the first one.

What is to be done is written down first, then done, then ticked off. A run that dies in between leaves it to the next
run that reads the mailbox, which looks at the message before doing anything to it.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from shared.foundation.errors import FootprintError, Missing
from shared.foundation.telemetry import count
from shared.platforms.google_workspace import message_actions
from shared.platforms.google_workspace.api import GoogleRefused, Record
from shared.platforms.google_workspace.carry_out import MailboxRun, carry_out, gone, label, still_running
from shared.platforms.google_workspace.methods import MESSAGES_GET
from shared.protection import decisions, quarantine, set_aside
from shared.protection.decisions import NOTHING_TO_DO, UNINSPECTED, Decision, would
from shared.protection.inspection import scanner
from shared.protection.inspection.conditions import HEADERS, Finding
from shared.protection.inspection.inspect import inspect
from shared.protection.policies import Policy

log = logging.getLogger(__name__)

FIELDS = "id,labelIds,sizeEstimate,payload/headers"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The policy that means a message, if one does, and why; else the first that could not look into it."""

    policy: Policy | None = None
    findings: tuple[str, ...] = ()
    uninspected: Policy | None = None
    reported: tuple[tuple[Policy, tuple[str, ...]], ...] = ()
    """The policies before it that mean it and only report, each with why."""


async def judge_all(reading: MailboxRun, messages: Sequence[str]) -> None:
    """Hold messages against the policies, and act on each that one means, once."""
    if not reading.policies:
        return
    done = await decisions.decided(reading.context.database, reading.connection.id, reading.mailbox.user, messages)
    for message in messages:
        if message not in done:
            await _judge_alone(reading, message)


async def _judge_alone(reading: MailboxRun, message: str) -> None:
    """One message that Gmail refuses, or that we cannot read, keeps no other back."""
    context, user = reading.context, reading.mailbox.user
    try:
        await _judge(reading, message)
    except GoogleRefused as refused:
        why = refused.sentence
    except FootprintError:
        raise
    except Exception:
        log.exception("a message could not be read", extra={"user": user, "message_id": message})
        why = "Reading the message failed with an internal error, which the log describes."
    else:
        return
    item, name = f"{user}/{message}", f"{reading.mailbox.address}, message {message}"
    now = context.clock.now()
    await set_aside.note(context.database, reading.connection.id, "message", item, name, why, now)


async def _try_again(reading: MailboxRun) -> None:
    """Judge once more the messages of this mailbox that could not be judged, unless it is too soon."""
    database, connection, user = reading.context.database, reading.connection.id, reading.mailbox.user
    now = reading.context.clock.now()
    for one in await set_aside.listed(database, connection, "message"):
        owner, _, message = one.item.partition("/")
        if owner == user and one.not_before <= now:
            await judge_all(reading, [message])
            again = await set_aside.listed(database, connection, "message")
            if one in again:  # it did not fail once more
                await set_aside.clear(database, connection, "message", [one.item])


async def finish(reading: MailboxRun) -> None:
    """Do what was decided about messages of this mailbox and was not done, and read what could not be read."""
    database, connection, user = reading.context.database, reading.connection.id, reading.mailbox.user
    await _try_again(reading)
    now = reading.context.clock.now()
    full = {one.item for one in await set_aside.listed(database, connection, "label") if one.not_before > now}
    for message, action in await decisions.undone(database, connection, user):
        if action == "label" and user in full:
            continue
        try:
            labels = await message_actions.labels_of(reading.api, message)
        except Missing:
            await gone(reading, message, action)
            continue
        if message_actions.taken(action, labels, await label(reading)):
            if await decisions.done(database, connection, user, message, action):
                count("messages_acted_on", action=action)
        else:
            await carry_out(reading, message, action, labels)


async def _judge(reading: MailboxRun, message: str) -> None:
    try:
        found = await reading.api.call(
            MESSAGES_GET,
            {"id": message},
            params={"format": "metadata", "metadataHeaders": list(HEADERS), "fields": FIELDS},
        )
        judgement = await _judged(reading, found)
    except Missing:
        return  # deleted meanwhile
    reading.tally.scanned += 1
    policy = judgement.policy or judgement.uninspected
    if policy is None and not judgement.reported:
        return
    # Revoked meanwhile: nothing more is done in anybody's mailbox.
    await still_running(reading)
    what = tuple(policy.actions) if policy and judgement.policy else (UNINSPECTED,) if policy else ()
    decided = [
        Decision(
            user=reading.mailbox.user,
            message=message,
            policy=one.name,
            actions=tuple(would(action, one.name) for action in one.actions),
            findings=why,
        )
        for one, why in judgement.reported
    ]
    if policy:
        findings = judgement.findings
        user = reading.mailbox.user
        decided.append(Decision(user=user, message=message, policy=policy.name, actions=what, findings=findings))
    if not await _write_down(reading, decided, found):
        return
    acts = sorted(set(what) - NOTHING_TO_DO)
    reading.tally.acted += bool(acts)
    for action in acts:  # the label first, for it is put on where it lies
        await carry_out(reading, message, action, found.get("labelIds", []))


async def _judged(reading: MailboxRun, found: Record) -> Judgement:
    """By headers alone as long as they are enough; a message is fetched whole for the first policy that needs it."""
    headers = [(str(one["name"]), str(one["value"])) for one in (found.get("payload") or {}).get("headers", [])]
    simple = _until_content(reading.policies)
    judgement = await _first(reading, headers, simple, Judgement())
    rest = reading.policies[len(simple) :]
    if judgement.policy or not rest:
        return judgement
    size = int(found.get("sizeEstimate", 0))
    if size > message_actions.MAX_MESSAGE_BYTES:
        return await _first(reading, headers, rest, judgement)
    async with reading.context.memory.room(message_actions.memory_of(size)):
        whole = await message_actions.content(reading.api, found["id"])
        return await _first(reading, whole, rest, judgement, Scanned(reading, found["id"], whole))


def _until_content(policies: Sequence[Policy]) -> Sequence[Policy]:
    number = next((n for n, one in enumerate(policies) if one.conditions.needs_content), len(policies))
    return policies[:number]


class Scanned:
    """The scanner's opinion of one message, for which it is asked once at most."""

    def __init__(self, reading: MailboxRun, message: str, whole: bytes) -> None:
        self._reading, self._message, self._whole = reading, message, whole
        self._asked: list[Finding | None] = []

    async def __call__(self) -> Finding | None:
        if not self._asked:
            context, about = self._reading.context, f"{self._reading.connection.id} {self._message}"
            self._asked.append(await scanner.opinion(context.wire, context.settings.scanner, self._whole, about))
        return self._asked[0]


async def _unseen() -> Finding:
    return Finding(kind="incomplete", why="The message is too large to be scanned.")


async def _first(
    reading: MailboxRun,
    message: bytes | list[tuple[str, str]],
    policies: Sequence[Policy],
    so_far: Judgement,
    ask: Callable[[], Awaitable[Finding | None]] = _unseen,
) -> Judgement:
    """What the first of some policies that means a message makes of it."""
    for policy in policies:
        kinds = {one.kind for one in await inspect(message, policy.conditions, reading.known, ask)}
        why = tuple(sorted(kinds - {"incomplete"}))
        if why and policy.report_only:
            so_far = replace(so_far, reported=(*so_far.reported, (policy, why)))
        elif why:
            return replace(so_far, policy=policy, findings=why, uninspected=None)
        elif kinds and so_far.uninspected is None:
            so_far = replace(so_far, uninspected=policy)
    return so_far


async def _write_down(reading: MailboxRun, decided: Sequence[Decision], found: Record) -> bool:
    """False if another reader was quicker, who then does it."""
    context, connection, now = reading.context, reading.connection.id, reading.context.clock.now()
    quarantined = next((one for one in decided if "quarantine" in one.actions), None)
    box = await context.seal.box(connection) if quarantined else None
    async with context.database.write() as write:
        new = await decisions.decide(write, connection, decided, now)
        if new and quarantined is not None and box is not None:
            first = {one["name"].lower(): str(one["value"]) for one in reversed(found["payload"]["headers"])}
            await quarantine.add(
                write,
                box,
                connection,
                quarantined,
                address=reading.mailbox.address,
                sender=first.get("from", ""),
                subject=first.get("subject", ""),
                labels=found.get("labelIds", []),
                now=now,
            )
    if new:
        count("messages_inspected")
    return new
