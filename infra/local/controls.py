"""A page of the local machine only: move the clock, and be the customer's administrator in the simulated tenants."""

from collections.abc import Callable
from datetime import timedelta
from html import escape
from urllib.parse import parse_qsl

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from infra.local.simulators import Simulators
from shared.web.messages import PAGE_HEADERS

MOVES = {"+1 minute": 60, "+1 hour": 3600, "+1 day": 86400}
ACTIONS = {
    "assign-role": "Assign the role Exchange Administrator",
    "unassign-role": "Take that role away",
    "remove-application": "Remove the application for good",
}


def routes(simulators: Simulators, move_clock: Callable[[timedelta], None]) -> list[Route]:
    """The page and its two forms. They exist on this machine only and are no part of the service."""

    async def show(_request: Request) -> Response:
        return _page(simulators)

    async def clock(request: Request) -> Response:
        by = MOVES.get((await _form(request)).get("by", ""))
        if by is None or _from_elsewhere(request):
            return _page(simulators, "The clock is moved with the buttons of this page only.", 400)
        move_clock(timedelta(seconds=by))
        return RedirectResponse("/_local", status_code=303)

    async def act(request: Request) -> Response:
        form = await _form(request)
        tenant, action = form.get("tenant", ""), form.get("action", "")
        known = {one["id"] for one in simulators.tenants()}
        if tenant not in known or action not in ACTIONS or _from_elsewhere(request):
            return _page(simulators, "An administrator acts with the buttons of this page only.", 400)
        url = f"{simulators.control}/_sim/tenants/{tenant}/admin"
        answer = await run_in_threadpool(httpx.post, url, json={"action": action}, trust_env=False)
        if answer.status_code >= 400:
            return _page(simulators, str(answer.json()["error"]), 409)
        return RedirectResponse("/_local", status_code=303)

    return [
        Route("/_local", show),
        Route("/_local/clock", clock, methods=["POST"]),
        Route("/_local/act", act, methods=["POST"]),
    ]


async def _form(request: Request) -> dict[str, str]:
    # Starlette's own parser wants a package that nothing else here needs.
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def _from_elsewhere(request: Request) -> bool:
    """Any page in the same browser could post here; only this one does so from this origin."""
    return request.headers.get("origin", "").partition("://")[2] not in ("", request.headers.get("host"))


def _page(simulators: Simulators, told: str = "", status: int = 200) -> Response:
    moves = "".join(f'<button name="by" value="{name}">{name}</button>' for name in MOVES)
    card = f"<p class='card' role='alert'>{escape(told)}</p>" if told else ""
    page = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>This machine</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<link rel='stylesheet' href='/style.css'></head><body>"
        "<header><a href='/'>Footprint</a> <span class='soft'>This machine</span></header><main>"
        f"<h1>Clock and administrators</h1>{card}<h2>Time</h2>"
        f"<p>For the service and for Microsoft alike it is {simulators.cloud.clock.now():%Y-%m-%d %H:%M} UTC.</p>"
        f"<form method='post' action='/_local/clock' class='actions'>{moves}</form>"
        "<h2>Administrators of the customers</h2><p>What a person would do in the Entra admin center.</p>"
        f"{''.join(_tenant(simulators, one) for one in simulators.tenants())}</main></body></html>"
    )
    return HTMLResponse(page, status, headers=PAGE_HEADERS)


def _tenant(simulators: Simulators, one: dict[str, str]) -> str:
    buttons = "".join(f"<button name='action' value='{action}'>{text}</button>" for action, text in ACTIONS.items())
    everything = f"{simulators.control}/_sim/tenants/{one['id']}/snapshot"
    return (
        f"<section class='card'><strong>{escape(one['name'])}</strong>"
        f" <span class='soft'>{escape(one['domain'])}</span>"
        f"<form method='post' action='/_local/act' class='actions'>"
        f"<input type='hidden' name='tenant' value='{escape(one['id'])}'>{buttons}</form>"
        f"<a href='{escape(everything)}'>Everything in this tenant</a></section>"
    )
