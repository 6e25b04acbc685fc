"""Webhooks: who is told of what happens. An account of one customer sees and makes those of its customer only."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from shared.connections.events import EventKind
from shared.flows import grant
from shared.flows.app import App
from shared.flows.webhooks import store, subscriptions
from shared.flows.webhooks.store import Delivery, DeliveryState, Form, Webhook
from shared.foundation.errors import Refused
from shared.web.api import refuses
from shared.web.api.actions import NOTED, Noted
from shared.web.http import Accepted, Created, Json, Nothing, Request, Strict, accepted, as_json, created
from shared.web.schema import When, example

# How much of a webhook's log is shown.
MAX_DELIVERIES = 200


class NewWebhook(Strict):
    """Who is to be told of what."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://hooks.example.com/footprint", "kinds": ["connection.attention"]}]
        }
    )

    url: str = Field(min_length=1, max_length=2000, description="an https address on the internet")
    kinds: list[EventKind] = Field([], max_length=len(EventKind), description="which events; none means all")
    customer: str = Field(
        "", max_length=120, pattern=grant.LINE, description="of whose connections; empty means of all customers"
    )
    form: Form = Field(
        Form.STANDARD, description="`standard`: the event as JSON; `chat`: a sentence, for Slack and Teams"
    )


EXAMPLE: dict[str, Any] = {
    "id": "5f0c1d9be7a84c0f9a3be1f0c2d4a6b8",
    "host": "hooks.example.com",
    "kinds": ["connection.attention"],
    "customer": "",
    "form": "standard",
    "made_by": "olga@example.com",
    "made_at": "2026-11-24T09:14:31+00:00",
    "failing_since": None,
}


@example(EXAMPLE)
class WebhookJson(TypedDict):
    """A webhook, without its address and its secrets."""

    id: str
    host: str
    kinds: list[EventKind]
    customer: str
    form: Form
    made_by: str
    made_at: When
    failing_since: Annotated[When | None, Field(description="since when it has taken nothing")]


@example(EXAMPLE | {"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"})
class MadeWebhook(WebhookJson):
    """A new webhook with its secret, which is shown this once."""

    secret: str


class WebhookList(TypedDict):
    """All webhooks."""

    webhooks: list[WebhookJson]


class NewSecret(TypedDict):
    """A webhook's new secret, which is shown this once. The earlier one signs as well for a day."""

    secret: str


class DeliveryJson(TypedDict):
    """An event on its way to a webhook, or at its end."""

    event: str
    at: When
    state: DeliveryState
    tries: Annotated[list[dict[str, Any]], Field(description="each attempt: when, the status, and why not")]
    not_before: Annotated[When | None, Field(description="when it is tried next")]


class DeliveryList(TypedDict):
    """The last deliveries of a webhook, the newest event first."""

    deliveries: list[DeliveryJson]


@refuses("400 address_not_allowed", "403 another_customer", "409 too_many_webhooks", "502")
async def create(app: App, request: Request, body: NewWebhook) -> Created[MadeWebhook]:
    """Tell an address of what happens, by signed webhooks (standardwebhooks.com). Answers with the secret, once."""
    mine = request.actor.customer
    if mine is not None and body.customer not in ("", mine):
        raise Refused(403, "another_customer", "customer: you make webhooks of your own customer only.")
    webhook, secret = await subscriptions.subscribe(
        app,
        body.url,
        body.kinds,
        customer=body.customer if mine is None else mine,
        form=body.form,
        actor=request.actor.name,
    )
    return created({**_shown(webhook), "secret": secret})


async def every(app: App, request: Request) -> Json[WebhookList]:
    """The webhooks, oldest first."""
    async with app.database.read() as read:
        found = await store.every(read)
    mine = request.actor.customer
    return as_json({"webhooks": [_shown(one) for one in found if mine in (None, one.customer)]})


@refuses("404 no_such_webhook")
async def delete(app: App, request: Request) -> Nothing:
    """Delete a webhook and its log. What is on its way is not delivered any more."""
    webhook = await _one(app, request)
    async with app.database.write() as write:
        await store.remove(write, webhook)
    return Nothing(status=204)


@refuses("404 no_such_webhook", "502")
async def rotate(app: App, request: Request) -> Accepted[NewSecret]:
    """Give a webhook a new secret. For a day both sign, so that the receiver can change over."""
    return accepted({"secret": await subscriptions.rotate(app, await _one(app, request))})


@refuses("404 no_such_webhook")
async def deliveries(app: App, request: Request) -> Json[DeliveryList]:
    """The last deliveries of a webhook, with each attempt."""
    webhook = await _one(app, request)
    found = await store.log_of(app.database, webhook.id, MAX_DELIVERIES)
    return as_json({"deliveries": [_delivery(one) for one in found]})


@refuses("404 no_such_webhook", "404 no_such_delivery")
async def replay(app: App, request: Request) -> Accepted[Noted]:
    """Deliver an event once more, under the same id."""
    await subscriptions.replay(app, await _one(app, request), request.args["event"])
    return accepted(NOTED)


async def _one(app: App, request: Request) -> Webhook:
    return await store.one(app.database, request.args["webhook"], request.actor.customer)


def _shown(webhook: Webhook) -> WebhookJson:
    return {
        "id": webhook.id,
        "host": webhook.host,
        "kinds": list(webhook.kinds),
        "customer": webhook.customer,
        "form": webhook.form,
        "made_by": webhook.made_by,
        "made_at": webhook.made_at.isoformat(),
        "failing_since": webhook.failing_since.isoformat() if webhook.failing_since else None,
    }


def _delivery(one: Delivery) -> DeliveryJson:
    return {
        "event": one.event,
        "at": one.at.isoformat(),
        "state": one.state,
        "tries": one.tries,
        "not_before": one.not_before.isoformat() if one.not_before else None,
    }
