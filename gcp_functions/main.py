"""Google Cloud Functions: three entry points, for browsers, for queues and for schedules. Translates, and nothing else.

On one machine functions-framework serves this very module.
"""

import asyncio
import gc
from functools import cache
from typing import TYPE_CHECKING

# What is imported lives as long as the process: to look for garbage in it, again and again, takes a quarter of a
# cold start. From the first invocation on it is looked for, though not in what was there before.
gc.disable()

import functions_framework.aio  # noqa: E402 - after the line above, which is for its sake too
from starlette.requests import Request as Incoming  # noqa: E402
from starlette.responses import Response as Outgoing  # noqa: E402

from shared.foundation.schedule import TIMERS  # noqa: E402

if TYPE_CHECKING:
    from shared.flows.app import App


@cache
def app() -> "App":
    """The app of this process, built at the first request."""
    from shared.service import start

    return start()


async def _told(answer: Outgoing) -> Outgoing:
    """The answer, after what is measured has been sent: between requests the machine has no time for it."""
    from shared.foundation import telemetry

    await asyncio.to_thread(telemetry.flush)
    return answer


@functions_framework.aio.http
async def http(incoming: Incoming) -> Outgoing:
    """Every route."""
    from shared.web import bodies
    from shared.web.dispatch import answer, largest_body

    request = await bodies.incoming(
        incoming.method,
        # As the server has them: the address that is made of them leaves line breaks out.
        incoming.scope["path"],
        incoming.scope["query_string"].decode("latin-1"),
        {name.lower(): value for name, value in incoming.headers.items()},
        incoming.stream(),
        largest_body(incoming.method, incoming.scope["path"]),
    )
    response = await answer(app(), request)
    return await _told(Outgoing(response.body, response.status, dict(response.headers)))


@functions_framework.aio.http
async def job(incoming: Incoming) -> Outgoing:
    """A task of a queue: 204 once it is done, anything else has it come again."""
    from shared.deployment.queues import MAX_MESSAGE_CHARS
    from shared.flows import jobs
    from shared.foundation.errors import Refused
    from shared.web import bodies

    if not await _is_ours(incoming, str(app().settings.cloud_tasks.job_url)):
        return Outgoing("Only this deployment's queues call here.\n", 401)
    try:
        body = await bodies.read(incoming.headers, incoming.stream(), MAX_MESSAGE_CHARS)
    except Refused as refused:
        return Outgoing(f"{refused.sentence}\n", refused.status, {"Connection": "close"})
    await jobs.deliver(app(), body.decode("utf-8", "replace"))
    return await _told(Outgoing(status_code=204))


@functions_framework.aio.http
async def schedule(incoming: Incoming) -> Outgoing:
    """A timer's time has come; its name is the path."""
    from shared.flows import timers

    if not await _is_ours(incoming, str(app().settings.cloud_tasks.schedule_url)):
        return Outgoing("Only this deployment's schedules call here.\n", 401)
    name = incoming.url.path.strip("/").rpartition("/")[2]
    timer = next((timer for timer in TIMERS if timer.name == name), None)
    if timer is None:
        return Outgoing("There is no such timer.\n", 404)
    await timers.fire(app(), timer)
    return await _told(Outgoing(status_code=204))


async def _is_ours(incoming: Incoming, audience: str) -> bool:
    from shared.deployment.identity import is_account

    settings = app().settings
    return await is_account(
        app().issuers,
        incoming.headers.get("authorization", ""),
        settings.cloud_tasks.account,
        certs_url=settings.cloud_tasks.certs_url,
        audience=audience,
    )
