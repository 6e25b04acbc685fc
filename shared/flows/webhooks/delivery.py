"""Telling: each event is offered to each subscriber, then posted again and again until it is taken or given up.

The form is that of Standard Webhooks (standardwebhooks.com): `webhook-id`, `webhook-timestamp` and `webhook-signature`,
an HMAC-SHA256 of id, time and body under each secret that is good now. What was taken may come twice, under one id.
"""

import base64
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from shared.connections import events
from shared.connections.events import Event
from shared.deployment.sealing import DEPLOYMENT
from shared.flows.app import App
from shared.flows.webhooks import contact_mail, ledger_push, store
from shared.flows.webhooks.store import Delivery, DeliveryState, Form, Sealed, Webhook
from shared.foundation import outside
from shared.foundation.concurrency import each
from shared.foundation.errors import FootprintError

log = logging.getLogger(__name__)

# Pauses after each attempt that failed; after the last of them it is given up, some three days after the event.
PAUSES = (
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
# Longer than an attempt takes: a process that died in it has its deliveries taken up by another.
TAKEN_FOR = timedelta(minutes=2)
MAX_OFFERED_AT_ONCE = 500
MAX_SENT_AT_ONCE = 400


@dataclass(frozen=True, kw_only=True)
class Target:
    """A webhook with what is sealed of it."""

    webhook: Webhook
    sealed: Sealed


async def tell(app: App) -> None:
    """Offer what has happened, and post what is due. Doing it twice, late or at once does no harm."""
    await ledger_push.push(app)
    await _offer(app)
    due = await store.due(app.database, app.clock.now(), MAX_SENT_AT_ONCE)
    if not due:
        return
    box = await app.seal.box(DEPLOYMENT)
    async with app.database.read() as read:
        targets = {one.id: Target(webhook=one, sealed=store.opened(box, one)) for one in await store.every(read)}
        known = await events.some(read, [one.event for one in due])

    async def deliver(one: Delivery) -> None:
        event, target = known.get(one.event), targets.get(one.webhook)
        if event is not None and target is not None:
            await _deliver(app, one, target.webhook, partial(_posted, app, target, event))
        elif event is not None and one.webhook == contact_mail.CONTACTS:
            await _deliver(app, one, None, partial(_mailed, app, event))

    await each(due, deliver)


async def post_unrecorded(app: App, event: Event, *, but: Set[str]) -> set[str]:
    """Post an event once to each webhook that wants it, `but` some, while nothing can be written; who has taken it."""
    box = await app.seal.box(DEPLOYMENT)
    async with app.database.read() as read:
        wanted = [one for one in await store.every(read) if one.wants(event) and one.id not in but]
    taken = set[str]()

    async def post(webhook: Webhook) -> None:
        _, why = await _posted(app, Target(webhook=webhook, sealed=store.opened(box, webhook)), event)
        if not why:
            taken.add(webhook.id)

    await each(wanted, post)
    return taken


async def _offer(app: App) -> None:
    offered = MAX_OFFERED_AT_ONCE
    while offered == MAX_OFFERED_AT_ONCE:
        now = app.clock.now()
        async with app.database.write() as write:
            found = await events.to_offer(write, MAX_OFFERED_AT_ONCE)
            wanted = await store.every(write) if found else []
            for event in found:
                for webhook in wanted:
                    if webhook.wants(event):
                        await store.offer(write, event, webhook.id, now)
                if contact_mail.wanted(app, event):
                    await store.offer(write, event, contact_mail.CONTACTS, now)
        offered = len(found)


async def _deliver(
    app: App, one: Delivery, webhook: Webhook | None, attempt: Callable[[], Awaitable[tuple[int | None, str]]]
) -> None:
    """Make an attempt, unless another process makes it, and note what came of it."""
    now = app.clock.now()
    async with app.database.write() as write:
        if not await store.claim(write, one, now + TAKEN_FOR):
            return
    status, why = await attempt()
    now = app.clock.now()
    tries = [*one.tries, {"at": now.isoformat(), "status": status, "why": why}]
    taken = not why
    state, again = DeliveryState.DELIVERED, None
    if not taken:
        given_up = len(tries) > len(PAUSES)
        state, again = (
            (DeliveryState.ABANDONED, None) if given_up else (DeliveryState.WAITING, now + PAUSES[len(tries) - 1])
        )
    async with app.database.write() as write:
        await store.note(write, one, state, tries, again)
        if webhook is not None:
            await store.mark(write, webhook, None if taken else webhook.failing_since or now)
    if state is DeliveryState.ABANDONED:
        host = app.settings.smtp.host if webhook is None else webhook.host
        log.error(
            "delivery abandoned after days without an answer",
            extra={"code": "webhook_abandoned", "webhook": one.webhook, "event": one.event, "host": host},
        )


async def _mailed(app: App, event: Event) -> tuple[None, str]:
    return None, await contact_mail.mailed(app, event)


async def _posted(app: App, target: Target, event: Event) -> tuple[int | None, str]:
    """The status of the answer, if there was one, and why it was not taken; empty if it was."""
    now = app.clock.now()
    body = _body(app, target.webhook.form, event)
    headers = signed(target.sealed.good(now), event.id, now, body) | {"Content-Type": "application/json"}
    try:
        status = await outside.post(app.wire, target.sealed.url, headers, body, app.settings.webhooks.inside)
    except FootprintError as error:
        return None, error.sentence
    return status, "" if 200 <= status < 300 else f"The receiver returned {status}."


def signed(secrets: Sequence[str], message: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers by which a receiver knows that a message is ours, whole and new."""
    moment = str(int(now.timestamp()))
    content = f"{message}.{moment}.".encode() + body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    signatures = [base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys]
    return {
        "webhook-id": message,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{one}" for one in signatures),
    }


def _body(app: App, form: Form, event: Event) -> bytes:
    links = _links(app, event)
    if form is Form.CHAT:
        return json.dumps({"text": " ".join([_told(event), *links.values()])}).encode()
    content = {"type": str(event.kind), "timestamp": event.at.isoformat(), "data": event.content | links}
    return json.dumps(content).encode()


def _links(app: App, event: Event) -> dict[str, str]:
    url, links = app.settings.public_url, dict[str, str]()
    if event.connection is not None:
        links["url"] = f"{url}/connections/{event.connection}"
    elif "check" in event.content:
        links["url"] = f"{url}/health"
    if event.content.get("reason"):
        links["runbook"] = f"{url}/runbook/{event.content['reason']}"
    return links


def _told(event: Event) -> str:
    """An event as a sentence."""
    name = event.content.get("name", "This deployment")
    what = event.content.get("sentence") or str(event.kind).replace(".", " ")
    return f"{name}: {what}"
