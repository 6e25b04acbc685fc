"""A page of the local machine only: move the clock, and be the customer's administrator in the simulated tenants."""

from collections.abc import Callable
from datetime import timedelta
from html import escape

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from infra.local.simulators import Simulators

MOVES = {"+1 minute": 60, "+1 hour": 3600, "+1 day": 86400}
ACTIONS = {
    "assign-role": "Assign the application the role Exchange Administrator",
    "unassign-role": "Take that role away",
    "remove-application": "Remove the application for good",
}


def routes(simulators: Simulators, move_clock: Callable[[timedelta], None]) -> list[Route]:
    """The page and its two forms. They exist on this machine only and are no part of the service."""

    async def show(_request: Request) -> Response:
        return HTMLResponse(_page(simulators))

    async def clock(request: Request) -> Response:
        form = await request.form()
        move_clock(timedelta(seconds=MOVES[str(form["by"])]))
        return RedirectResponse("/_local", status_code=303)

    async def act(request: Request) -> Response:
        form = await request.form()
        url = f"{simulators.control}/_sim/tenants/{form['tenant']}/admin"
        body = {"action": str(form["action"])}
        answer = await run_in_threadpool(httpx.post, url, json=body, trust_env=False)
        if answer.status_code >= 400:
            return HTMLResponse(f"<p>{escape(answer.json()['error'])}</p><p><a href='/_local'>Back</a></p>", 409)
        return RedirectResponse("/_local", status_code=303)

    return [
        Route("/_local", show),
        Route("/_local/clock", clock, methods=["POST"]),
        Route("/_local/act", act, methods=["POST"]),
    ]


def _page(simulators: Simulators) -> str:
    moves = "".join(f'<button name="by" value="{name}">{name}</button> ' for name in MOVES)
    tenants = "".join(
        f"<h2>{escape(one['name'])} <small>{escape(one['domain'])}</small></h2>"
        f"<form method='post' action='/_local/act'><input type='hidden' name='tenant' value='{one['id']}'>"
        + "".join(f"<button name='action' value='{action}'>{text}</button> " for action, text in ACTIONS.items())
        + f"</form><p><a href='{simulators.control}/_sim/tenants/{one['id']}/snapshot'>Everything in this tenant</a>"
        for one in simulators.tenants()
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>This machine</title>"
        "<meta name='viewport' content='width=device-width'><link rel='stylesheet' href='/style.css'></head><body>"
        "<header><a href='/'>Footprint</a> <span class='soft'>This machine</span></header><main>"
        f"<h1>Time</h1><p>It is {simulators.cloud.clock.now():%Y-%m-%d %H:%M} UTC.</p>"
        f"<form method='post' action='/_local/clock'>{moves}</form><h1>Administrators of the customers</h1>{tenants}"
        "</main></body></html>"
    )
