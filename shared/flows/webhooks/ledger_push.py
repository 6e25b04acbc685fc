"""The ledger for a SIEM that wants to be told: entries as OCSF, to each webhook that names the kind."""

import logging

from shared.connections import events
from shared.connections.events import EventKind
from shared.engine import ledger_feed, ocsf
from shared.engine.chain import LedgerEntry, Unreadable
from shared.engine.ledger_feed import FeedPlace
from shared.flows.app import App
from shared.flows.webhooks import store
from shared.flows.webhooks.store import Form, Webhook

log = logging.getLogger(__name__)

# Entries in one message, and messages made for one webhook at a time; the rest follows a minute later.
MAX_ENTRIES, MAX_MESSAGES = 100, 50


async def push(app: App) -> None:
    """Make messages of what the ledgers have got since the last ones. Doing it twice, late or at once does no harm."""
    async with app.database.read() as read:
        wanted = [one for one in await store.every(read) if EventKind.LEDGER in one.kinds]
    for webhook in wanted:
        if webhook.form is Form.STANDARD:
            await _push(app, webhook)


async def _push(app: App, webhook: Webhook) -> None:
    place, now = webhook.pushed, app.clock.now()
    for _ in range(MAX_MESSAGES):
        try:
            found = await ledger_feed.page(
                app.database, place, now=now, most=MAX_ENTRIES, customer=webhook.customer or None
            )
        except Unreadable as error:
            log.error(error.sentence, extra={"code": error.code, "webhook": webhook.id})  # noqa: TRY400 - told whole
            return
        if not found or not await _made(app, webhook, place, found):
            return
        place = _behind(found)


def _behind(found: list[LedgerEntry]) -> FeedPlace:
    return FeedPlace(at=found[-1].at, connection=found[-1].connection, number=found[-1].number)


async def _made(app: App, webhook: Webhook, place: FeedPlace, found: list[LedgerEntry]) -> bool:
    """One message, and where the next one begins; False if another process was first."""
    now, software = app.clock.now(), app.settings.brand.software
    content = {"events": [ocsf.event(one, software) for one in found]}
    async with app.database.write() as write:
        if not await store.move(write, webhook, place, _behind(found)):
            return False
        event = await events.emit(write, EventKind.LEDGER, now, content, customer=webhook.customer, offered=True)
        await store.offer(write, event, webhook.id, now)
    return True
