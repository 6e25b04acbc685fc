"""Azure Functions: one function for each route, timer and queue. Translates, and nothing else."""

import gc
import logging
import os
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

# What is imported lives as long as the process: to look for garbage in it, again and again, takes a quarter of a
# cold start. From the first invocation on it is looked for, though not in what was there before.
gc.disable()

import azure.functions as func  # noqa: E402 - after the line above, which is for its sake too

from shared.deployment.queues import POISON, QUEUES  # noqa: E402
from shared.foundation.schedule import TIMERS, Timer  # noqa: E402
from shared.web.routes import ROUTES, Route  # noqa: E402

if TYPE_CHECKING:
    from shared.flows.app import App
# The host's own storage account, which carries our queues as well.
STORAGE = "AzureWebJobsStorage"
# Those for the internet, those that work, or all.
FUNCTIONS = os.environ.get("FOOTPRINT_FUNCTIONS", "all")
# An empty route would mean the function's own name, so the console's front page has one that nothing matches.
ROOT = "{nothing:maxlength(0)?}"

# Routes guard themselves. A function key would be asked for in `code`, which sign-in callbacks use as well.
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@cache
def service() -> "App":
    """The app of this process, built at its first invocation."""
    from shared.service import start

    started = start()
    if started.settings.queue != "azure-storage":
        logging.error("FOOTPRINT_QUEUE is %s: nothing on this host delivers such jobs", started.settings.queue)
    return started


def _serve(route: Route) -> Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]:
    async def serve(req: func.HttpRequest) -> func.HttpResponse:
        from shared.web.dispatch import answer
        from shared.web.http import received

        request = received(
            str(req.method),
            # The host hands over the path's parts already split; they are put back where they were.
            route.path.format(**req.route_params),
            # Its own reading of the query loses what is empty and joins what is given twice.
            urlsplit(req.url).query,
            {name.lower(): value for name, value in req.headers.items()},
            req.get_body(),
        )
        response = await answer(service(), request)
        return func.HttpResponse(response.body, status_code=response.status, headers=dict(response.headers))

    return serve


def _methods(route: Route) -> list[str]:
    return ["GET", "HEAD"] if route.method == "GET" else [route.method]


def _fire(timer: Timer) -> Callable[[func.TimerRequest], Awaitable[None]]:
    async def fire(due: func.TimerRequest) -> None:  # noqa: ARG001 - bound by its name
        from shared.flows import timers

        await timers.fire(service(), timer)

    return fire


def _run() -> Callable[[func.QueueMessage], Awaitable[None]]:
    async def run(message: func.QueueMessage) -> None:
        from shared.flows import jobs

        await jobs.deliver(service(), message.get_body().decode("utf-8", "replace"))

    return run


def _give_up() -> Callable[[func.QueueMessage], Awaitable[None]]:
    async def give_up(message: func.QueueMessage) -> None:
        from shared.flows import jobs

        await jobs.give_up(service(), message.get_body().decode("utf-8", "replace"))

    return give_up


def _named(queue: str) -> str:
    return queue.removeprefix("footprint-").replace("-", "_")


for _route in ROUTES if FUNCTIONS != "private" else ():
    app.function_name(_route.name)(
        app.route(route=_route.path.lstrip("/") or ROOT, methods=_methods(_route), trigger_arg_name="req")(
            _serve(_route)
        )
    )

for _timer in TIMERS if FUNCTIONS != "public" else ():
    # Azure's schedules begin with the seconds.
    app.function_name(_timer.name.replace("-", "_"))(
        app.timer_trigger(arg_name="due", schedule=f"0 {_timer.cron()}", run_on_startup=False)(_fire(_timer))
    )

for _queue in QUEUES if FUNCTIONS != "public" else ():
    app.function_name(f"run_{_named(_queue)}")(
        app.queue_trigger(arg_name="message", queue_name=_queue, connection=STORAGE)(_run())
    )
    app.function_name(f"give_up_{_named(_queue)}")(
        app.queue_trigger(arg_name="message", queue_name=_queue + POISON, connection=STORAGE)(_give_up())
    )
