"""Who wants to hear of which events, and the log of what each was told. Address and secrets are stored sealed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from shared.connections.events import Event, EventKind
from shared.deployment.sealing import Box
from shared.deployment.sealing import Sealed as SealedColumn
from shared.engine.ledger_feed import FeedPlace
from shared.foundation.errors import Refused
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, insert_new


class Form(StrEnum):
    """What is sent: the event as JSON, or a sentence that a chat's incoming webhook shows (Slack, Teams)."""

    STANDARD = "standard"
    CHAT = "chat"


class DeliveryState(StrEnum):
    """What has come of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    ABANDONED = "abandoned"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """One subscription, without what is sealed. An empty customer means all of them, no kinds mean all kinds."""

    id: str
    customer: str
    kinds: Sequence[EventKind]
    form: Form
    host: str
    made_by: str
    made_at: datetime
    failing_since: datetime | None
    sealed: bytes = field(repr=False)
    pushed_at: datetime | None = None
    pushed_connection: str = ""
    pushed_number: int = 0

    @property
    def pushed(self) -> FeedPlace:
        """Behind which entry of the ledgers it is told next; at first, behind those that were there before it."""
        return FeedPlace(
            at=self.pushed_at or self.made_at, connection=self.pushed_connection, number=self.pushed_number
        )

    def wants(self, event: Event) -> bool:
        """Whether an event is told here."""
        # A checkpoint is nobody's: a customer who asks for it by name keeps it against us.
        if event.kind is EventKind.ANCHOR and event.kind in self.kinds:
            return True
        return (not self.kinds or event.kind in self.kinds) and self.customer in ("", event.customer)


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """Where to post, and the secrets that sign: the newest first, each until a time or for good."""

    url: str = field(repr=False)
    secrets: list[tuple[str, str | None]] = field(repr=False)

    def good(self, now: datetime) -> list[str]:
        """The secrets that sign now."""
        return [one for one, until in self.secrets if until is None or datetime.fromisoformat(until) > now]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook."""

    webhook: str
    event: str
    at: datetime
    state: DeliveryState
    tries: list[dict[str, Any]]
    not_before: datetime | None


SEALED = SealedColumn(table=db.webhooks, about=lambda row: f"webhook/{row.id}", scope=None)


def sealed(box: Box, webhook: str, content: Sealed) -> bytes:
    """What is stored of an address and its secrets."""
    return box.seal(json.dumps(asdict(content)), about=f"webhook/{webhook}")


def opened(box: Box, webhook: Webhook) -> Sealed:
    """The address and the secrets."""
    content = json.loads(box.unseal(webhook.sealed, about=f"webhook/{webhook.id}"))
    return Sealed(url=content["url"], secrets=[(one, until) for one, until in content["secrets"]])


async def add(write: AsyncConnection, webhook: Webhook) -> None:
    """Keep a new one."""
    values = asdict(webhook) | {"kinds": [str(kind) for kind in webhook.kinds], "form": str(webhook.form)}
    await write.execute(sa.insert(db.webhooks).values(values))


async def reseal(write: AsyncConnection, webhook: Webhook, content: bytes) -> None:
    """Replace what is sealed."""
    await write.execute(sa.update(db.webhooks).where(db.webhooks.c.id == webhook.id).values(sealed=content))


async def every(read: AsyncConnection) -> list[Webhook]:
    """All of them, the oldest first."""
    rows = await read.execute(sa.select(db.webhooks).order_by(db.webhooks.c.made_at, db.webhooks.c.id))
    return [_webhook(row) for row in rows]


async def one(database: Database, webhook: str, customer: str | None) -> Webhook:
    """One that a customer's operators may see; None sees all. Raises Refused 404 `no_such_webhook`."""
    table = db.webhooks
    async with database.read() as read:
        row = (await read.execute(sa.select(table).where(table.c.id == webhook))).first()
    if row is None or customer not in (None, row.customer):
        raise Refused(404, "no_such_webhook", "There is no such webhook.")
    return _webhook(row)


async def remove(write: AsyncConnection, webhook: Webhook) -> None:
    """Forget one, with its log."""
    await write.execute(sa.delete(db.deliveries).where(db.deliveries.c.webhook == webhook.id))
    await write.execute(sa.delete(db.webhooks).where(db.webhooks.c.id == webhook.id))


async def move(write: AsyncConnection, webhook: Webhook, before: FeedPlace, to: FeedPlace) -> bool:
    """Note up to which entry of the ledgers a webhook is told; False if another process has moved it meanwhile."""
    table = db.webhooks
    was = sa.func.coalesce(table.c.pushed_at, table.c.made_at, type_=table.c.made_at.type) == before.at
    there = table.c.pushed_connection == before.connection, table.c.pushed_number == before.number
    mine = (table.c.id == webhook.id, was, *there)
    values = {"pushed_at": to.at, "pushed_connection": to.connection, "pushed_number": to.number}
    return bool((await write.execute(sa.update(table).where(*mine).values(values))).rowcount)


async def offer(write: AsyncConnection, event: Event, webhook: str, now: datetime) -> None:
    """Let an event be delivered, unless it is known there already."""
    row: dict[str, Any] = {
        "webhook": webhook,
        "event": event.id,
        "connection": event.connection,
        "at": event.at,
        "state": str(DeliveryState.WAITING),
        "tries": [],
        "not_before": now,
    }
    await write.execute(insert_new(write, db.deliveries).values(row))


async def due(database: Database, now: datetime, most: int) -> list[Delivery]:
    """The deliveries whose time has come, the one that has waited longest first."""
    table = db.deliveries
    query = sa.select(table).where(table.c.not_before <= now).order_by(table.c.not_before).limit(most)
    async with database.read() as read:
        return [_delivery(row) for row in await read.execute(query)]


async def log_of(database: Database, webhook: str, most: int) -> list[Delivery]:
    """The last deliveries of a webhook, the newest event first."""
    table = db.deliveries
    query = sa.select(table).where(table.c.webhook == webhook).order_by(table.c.at.desc(), table.c.event).limit(most)
    async with database.read() as read:
        return [_delivery(row) for row in await read.execute(query)]


async def claim(write: AsyncConnection, one: Delivery, until: datetime) -> bool:
    """Take a delivery for oneself until a time; False if somebody else has, or it is over."""
    table = db.deliveries
    mine = (table.c.webhook == one.webhook, table.c.event == one.event, table.c.not_before == one.not_before)
    return bool((await write.execute(sa.update(table).where(*mine).values(not_before=until))).rowcount)


async def note(
    write: AsyncConnection,
    one: Delivery,
    state: DeliveryState,
    tries: Sequence[dict[str, Any]],
    not_before: datetime | None,
) -> None:
    """Write down what came of an attempt."""
    table = db.deliveries
    mine = (table.c.webhook == one.webhook, table.c.event == one.event)
    values = {"state": str(state), "tries": list(tries), "not_before": not_before}
    await write.execute(sa.update(table).where(*mine).values(values))


async def mark(write: AsyncConnection, webhook: Webhook, failing_since: datetime | None) -> None:
    """Note since when a webhook has not taken anything."""
    await write.execute(
        sa.update(db.webhooks).where(db.webhooks.c.id == webhook.id).values(failing_since=failing_since)
    )


async def again(write: AsyncConnection, webhook: Webhook, event: str, now: datetime) -> bool:
    """Let an event be delivered once more, from the first pause on; False if it is not in the log."""
    table = db.deliveries
    mine = (table.c.webhook == webhook.id, table.c.event == event)
    values = {"state": str(DeliveryState.WAITING), "tries": [], "not_before": now}
    return bool((await write.execute(sa.update(table).where(*mine).values(values))).rowcount)


async def forget_old(write: AsyncConnection, before: datetime) -> None:
    """Delete the log of events that happened before a time."""
    await write.execute(sa.delete(db.deliveries).where(db.deliveries.c.at < before))


def _webhook(row: Any) -> Webhook:
    kinds = [EventKind(kind) for kind in row.kinds]
    return Webhook(**{**row._mapping, "kinds": kinds, "form": Form(row.form)})


def _delivery(row: Any) -> Delivery:
    return Delivery(
        webhook=row.webhook,
        event=row.event,
        at=row.at,
        state=DeliveryState(row.state),
        tries=row.tries,
        not_before=row.not_before,
    )
