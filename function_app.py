"""Azure Functions: one function for each route and each timer. Translates, and nothing else."""

from collections.abc import Awaitable, Callable
from functools import cache

import azure.functions as func

from shared.jobs import TIMERS, Timer, deliver_due
from shared.platform import App
from shared.service import build
from shared.settings import Settings
from shared.web.messages import Request
from shared.web.routes import ROUTES, Route, answer

# Routes guard themselves. A function key would be asked for in `code`, which sign-in callbacks use as well.
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@cache
def service() -> App:
    """The app of this process, built at its first invocation."""
    return build(Settings())


def _serve(route: Route) -> Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]:
    async def serve(req: func.HttpRequest) -> func.HttpResponse:
        request = Request(
            method=str(req.method),
            # The host hands over the path's parts already split; they are put back where they were.
            path=route.path.format(**req.route_params),
            query=dict(req.params),
            headers={name.lower(): value for name, value in req.headers.items()},
            body=req.get_body(),
        )
        response = await answer(service(), request)
        return func.HttpResponse(response.body, status_code=response.status, headers=dict(response.headers))

    return serve


def _fire(timer: Timer) -> Callable[[func.TimerRequest], Awaitable[None]]:
    async def fire(due: func.TimerRequest) -> None:  # noqa: ARG001 - bound by its name
        await timer.send(service())

    return fire


for _route in ROUTES:
    app.function_name(_route.name)(
        app.route(route=_route.path.lstrip("/"), methods=[_route.method], trigger_arg_name="req")(_serve(_route))
    )

for _timer in TIMERS:
    app.function_name(_timer.name.replace("-", "_"))(
        app.timer_trigger(arg_name="due", schedule=_timer.cron(), run_on_startup=False)(_fire(_timer))
    )


@app.function_name("deliver")
@app.timer_trigger(arg_name="due", schedule="*/10 * * * * *", run_on_startup=False, use_monitor=False)
async def deliver(due: func.TimerRequest) -> None:  # noqa: ARG001 - bound by its name
    """Run the jobs that are due in the embedded queue."""
    await deliver_due(service())
