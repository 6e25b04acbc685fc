"""Subscribing, unsubscribing, and giving a subscription a new secret."""

import base64
import os
from collections.abc import Sequence
from datetime import timedelta

from shared.connections.events import EventKind
from shared.deployment.sealing import DEPLOYMENT
from shared.flows.app import App
from shared.flows.webhooks import store
from shared.flows.webhooks.store import Form, Sealed, Webhook
from shared.foundation import outside
from shared.foundation.errors import Refused
from shared.storage.ids import new_id

# Each is posted to for every event, and a receiver that hangs is waited for: none of a customer's keeps others waiting.
MAX_WEBHOOKS = 20
# After a rotation the earlier secret signs as well for so long, so that a receiver misses nothing.
OVERLAP = timedelta(hours=24)


async def subscribe(
    app: App, url: str, kinds: Sequence[EventKind], *, customer: str, form: Form, actor: str
) -> tuple[Webhook, str]:
    """Add a webhook; returns it with its secret, which is shown this once.

    Raises Refused 400 `address_not_allowed` or 409 `too_many_webhooks`.
    """
    host, secret, now = outside.check(url), _new_secret(), app.clock.now()
    number, box = new_id(), await app.seal.box(DEPLOYMENT)
    made = Webhook(
        id=number,
        customer=customer,
        kinds=sorted(set(kinds)),
        form=form,
        host=host,
        made_by=actor,
        made_at=now,
        failing_since=None,
        sealed=store.sealed(box, number, Sealed(url=url, secrets=[(secret, None)])),
    )
    async with app.database.write() as write:
        if sum(one.customer == customer for one in await store.every(write)) >= MAX_WEBHOOKS:
            raise Refused(409, "too_many_webhooks", f"There are {MAX_WEBHOOKS} webhooks already. Delete one first.")
        await store.add(write, made)
    return made, secret


async def rotate(app: App, webhook: Webhook) -> str:
    """Give a webhook a new secret, and return it. For a day the earlier one signs as well."""
    now, secret, box = app.clock.now(), _new_secret(), await app.seal.box(DEPLOYMENT)
    content = store.opened(box, webhook)
    earlier = (content.good(now)[0], (now + OVERLAP).isoformat())
    renewed = Sealed(url=content.url, secrets=[(secret, None), earlier])
    async with app.database.write() as write:
        await store.reseal(write, webhook, store.sealed(box, webhook.id, renewed))
    return secret


async def replay(app: App, webhook: Webhook, event: str) -> None:
    """Deliver an event of the log once more. Raises Refused 404 `no_such_delivery`."""
    async with app.database.write() as write:
        if not await store.again(write, webhook, event, app.clock.now()):
            raise Refused(404, "no_such_delivery", "The log of this webhook has no such event.")


def _new_secret() -> str:
    """A secret as Standard Webhooks writes it: 24 to 64 bytes in base64 behind a prefix."""
    return f"whsec_{base64.b64encode(os.urandom(32)).decode()}"
