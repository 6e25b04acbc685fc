"""Whether the deployment does its work, for a monitor outside."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from shared.flows import deployment_alerts, health
from shared.flows import metrics as numbers
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web.api import refuses
from shared.web.http import DATA_HEADERS, Json, Request, Text, as_json
from shared.web.schema import example


@example({"status": "ready", "checks": {"database": "writable", "revision": "0017", "queue": 0}})
class Ready(TypedDict):
    """Nothing is wrong."""

    status: Literal["ready"]
    checks: Annotated[dict[str, Any], Field(description="each check, and its result; times in seconds")]


@refuses("503 not_ready")
async def ready(app: App, _request: Request) -> Json[Ready]:
    """Whether the deployment does its work: database, revision, keys, timers, queue, syncs, mailbox subscriptions."""
    found = await health.checks(app)
    wrong = [one.wrong for one in found.values() if one.wrong]
    if wrong:
        await deployment_alerts.stand_in(app, found)
        raise Refused(503, "not_ready", " ".join(wrong))
    return as_json({"status": "ready", "checks": {name: one.now for name, one in found.items()}})


@refuses("403 another_customer")
async def metrics(app: App, request: Request) -> Text:
    """What customers would feel, in numbers, as Prometheus reads them. For accounts that see all customers."""
    if request.actor.customer is not None:
        raise Refused(403, "another_customer", "Metrics are of all customers: use an account that sees all of them.")
    body = numbers.prometheus(await numbers.gauges(app))
    return Text(headers={**DATA_HEADERS, "Content-Type": "text/plain; version=0.0.4; charset=utf-8"}, body=body)
