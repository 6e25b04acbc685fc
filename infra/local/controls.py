"""A page of the local machine only: move the clock, and be the customer's administrator in the simulated tenants."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from infra.local.simulators import Simulators
from shared.connections import search
from shared.connections.record import Connection
from shared.connections.search import Order, Wanted
from shared.connections.stages import Stage
from shared.engine.rows import ByAdministrator
from shared.flows.app import App
from shared.platforms.instructions import instruction
from shared.web.accounts import sign_in_link
from shared.web.http import PAGE_HEADERS

MOVES = {"+1 minute": 60, "+1 hour": 3600, "+1 day": 86400}


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked for: about which user, and for which connection with which words, if there is one."""

    app: App
    user: str
    connection: Connection | None
    words: Mapping[str, str]

    def value(self, key: str, label: str) -> str:
        """What our connection's administrator is told to type. Raises LookupError if there is no connection."""
        platform = self.app.platforms[self.known.platform]
        row = next(
            row for row in platform.rows(self.known.brand) if row.key == key and isinstance(row, ByAdministrator)
        )
        told = instruction(row, self.words, removal=False)
        return next(one.value for one in told.values if one.label == label)

    @property
    def known(self) -> Connection:
        """The connection. Raises LookupError if there is none."""
        if self.connection is None:
            raise LookupError("Make a connection for this organisation first; what is typed here is its own.")
        return self.connection


def _nothing(_wish: Wish) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Action:
    """One button: what it says, and what it asks of the simulators' control API."""

    text: str
    action: str = ""
    """The administrator's action; without one it is mail that comes in."""
    body: Callable[[Wish], dict[str, Any]] = _nothing


def _route(wish: Wish) -> dict[str, Any]:
    return {"name": wish.value("route", "Name"), "host": wish.value("route", "Single host")}


def _mail(sender: str, subject: str) -> Callable[[Wish], dict[str, Any]]:
    return lambda wish: {"to": wish.user, "from": sender, "subject": subject}


def _about_user(wish: Wish) -> dict[str, Any]:
    return {"user": wish.user}


# What each platform's administrators do, and where.
PLACES = {"microsoft365": "the Entra admin center", "google": "Google's Admin console, or with mail"}
ACTIONS: Mapping[str, Mapping[str, Action]] = {
    "microsoft365": {
        "assign-role": Action(text="Assign the role Exchange Administrator", action="assign-role"),
        "unassign-role": Action(text="Take that role away", action="unassign-role"),
        "delete-groups": Action(text="Delete its groups in the recycle bin for good", action="delete-groups-for-good"),
        "remove-application": Action(text="Remove the application for good", action="remove-application"),
    },
    "google": {
        "install-app": Action(text="Install the application for everyone", action="install-app"),
        "uninstall-app": Action(text="Uninstall the application", action="uninstall-app"),
        "authorise-delegation": Action(text="Grant the delegation by hand", action="authorise-delegation"),
        "remove-delegation": Action(text="Take the delegation away", action="remove-delegation"),
        "revoke-grant": Action(
            text="Withdraw the consent",
            action="revoke-grant",
            body=lambda wish: {"user": wish.known.administrator or ""},
        ),
        "add-route": Action(text="Add our mail route", action="add-route", body=_route),
        "remove-route": Action(
            text="Delete the mail route",
            action="remove-route",
            body=lambda wish: {"name": wish.value("route", "Name")},
        ),
        "add-gateway": Action(
            text="Enable our inbound gateway",
            action="add-gateway",
            body=lambda wish: {"ips": wish.value("gateway", "Gateway IPs").split(", ")},
        ),
        "remove-gateway": Action(text="Disable the inbound gateway", action="remove-gateway"),
        "add-rule": Action(
            text="Add our compliance rule", action="add-rule", body=lambda wish: {"name": wish.value("rule", "Name")}
        ),
        "disable-rule": Action(text="Switch the rule off", action="disable-rule"),
        "enable-rule": Action(text="Switch the rule on", action="enable-rule"),
        "delete-rule": Action(text="Delete the rule", action="delete-rule"),
        "risky-mail": Action(text="A risky message arrives", body=_mail("someone@risky.example", "You have won")),
        "harmless-mail": Action(text="A harmless message arrives", body=_mail("office@market.example", "Good morning")),
        "suspend-user": Action(text="Suspend the user", action="suspend-user", body=_about_user),
        "restore-user": Action(text="Restore the user", action="restore-user", body=_about_user),
    },
}


def routes(app: App, simulators: Simulators, move_clock: Callable[[timedelta], None]) -> list[Route]:
    """The page and its forms. They exist on this machine only and are no part of the service."""

    page = partial(_page, app, simulators)

    async def show(request: Request) -> Response:
        users = dict(request.query_params)
        return page(done=users.pop("done", ""), users=users)

    async def sign_in(request: Request) -> Response:
        if _from_elsewhere(request):
            return page("Open the console with the button on this page.", 400)
        return RedirectResponse(await sign_in_link(app), status_code=303)

    async def clock(request: Request) -> Response:
        by = MOVES.get((await _form(request)).get("by", ""))
        if by is None or _from_elsewhere(request):
            return page("The clock is moved with the buttons of this page only.", 400)
        move_clock(timedelta(seconds=by))
        return RedirectResponse("/_local", status_code=303)

    async def act(request: Request) -> Response:
        form = await _form(request)
        tenant = {one["id"]: one for one in simulators.tenants()}.get(form.get("tenant", ""))
        wanted = ACTIONS[tenant["platform"]].get(form.get("action", "")) if tenant else None
        if tenant is None or wanted is None or _from_elsewhere(request):
            return page("An administrator acts with the buttons of this page only.", 400)
        users = {tenant["id"]: form["user"]} if "user" in form else {}
        try:
            body = wanted.body(await _wish(app, tenant, form.get("user", "")))
        except LookupError as error:
            return page(str(error), 409, users)
        what, said = ("admin", {"action": wanted.action}) if wanted.action else ("mail", {})
        url = f"{simulators.control}/_sim/tenants/{tenant['id']}/{what}"
        answer = await run_in_threadpool(httpx.post, url, json={**said, **body}, trust_env=False)
        if answer.status_code >= 400:
            return page(str(answer.json()["error"]), 409, users)
        return RedirectResponse(f"/_local?{urlencode({**users, 'done': form['action']})}", status_code=303)

    return [
        Route("/_local", show),
        Route("/_local/clock", clock, methods=["POST"]),
        Route("/_local/act", act, methods=["POST"]),
        Route("/_local/sign-in", sign_in, methods=["POST"]),
    ]


def exports(app: App, simulators: Simulators) -> str:
    """What a shell is told of this machine, with a token that is good for an hour."""
    return f"export FOOTPRINT_URL={app.settings.public_url} FOOTPRINT_TOKEN={simulators.operator_token(role='admin')}"


async def _wish(app: App, tenant: Mapping[str, str], user: str) -> Wish:
    connection = await _connection(app, tenant)
    words = await app.platforms[connection.platform].words(connection) if connection else {}
    return Wish(app=app, user=user, connection=connection, words=words)


async def _connection(app: App, tenant: Mapping[str, str]) -> Connection | None:
    """The tenant's connection; an open one before a closed one, a newer one before an older one."""
    wanted = Wanted(platform=tenant["platform"])
    found, _ = await search.page(app.database, wanted, Order.NEWEST, after=None, most=1000)
    mine = [one for one in found if (one.tenant or one.expected_tenant) in (tenant["id"], tenant["domain"])]
    return max(mine, key=lambda one: (one.stage is not Stage.CLOSED, one.created_at), default=None)


async def _form(request: Request) -> dict[str, str]:
    # Starlette's own parser wants a package that nothing else here needs.
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))


def _from_elsewhere(request: Request) -> bool:
    """Any page in the same browser could post here; only this one does so from this origin."""
    return request.headers.get("origin", "").partition("://")[2] not in ("", request.headers.get("host"))


def _page(
    app: App,
    simulators: Simulators,
    told: str = "",
    status: int = 200,
    users: Mapping[str, str] | None = None,
    *,
    done: str = "",
) -> Response:
    moves = "".join(f'<button name="by" value="{name}">{name}</button>' for name in MOVES)
    card = f"<p class='card attention' role='alert'>{escape(told)}</p>" if told else ""
    if act := next((some[done] for some in ACTIONS.values() if done in some), None):
        card += f"<p class='card ok' role='status'>Done: {escape(act.text)}.</p>"
    tenants = "".join(_tenant(simulators, one, (users or {}).get(one["id"])) for one in simulators.tenants())
    page = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>This machine</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<link rel='icon' href='/icon.svg'><link rel='stylesheet' href='/style.css'></head><body>"
        "<header class='top'><div><a class='brand' href='/'><img src='/icon.svg' alt='' width='22' height='22'>"
        "Footprint</a> <span class='soft'>This machine</span></div></header><main>"
        f"<h1>Simulator controls</h1>{card}<h2>Time</h2>"
        f"<p>For the service and for the platforms alike it is {simulators.cloud.clock.now():%d %b %Y, %H:%M} UTC.</p>"
        f"<form method='post' action='/_local/clock' class='actions'>{moves}</form>"
        "<h2>Open console</h2><p>A session ends after an hour without use, by the clock above.</p>"
        "<form method='post' action='/_local/sign-in'><button class='first'>Sign in to the console</button></form>"
        "<details><summary>For the command line, good for an hour</summary>"
        f"<pre tabindex='0'>{escape(exports(app, simulators))}</pre></details>"
        f"<h2>Act as customer admin</h2>{tenants}</main></body></html>"
    )
    return HTMLResponse(page, status, headers=PAGE_HEADERS)


def _tenant(simulators: Simulators, one: Mapping[str, str], user: str | None) -> str:
    actions = ACTIONS[one["platform"]]
    buttons = "".join(
        f"<button name='action' value='{key}'>{escape(act.text)}</button>" for key, act in actions.items()
    )
    everything = f"{simulators.control}/_sim/tenants/{one['id']}/snapshot"
    return (
        f"<section class='card'><strong>{escape(one['name'])}</strong>"
        f" <span class='soft'>{escape(one['domain'])}: what a person does in {escape(PLACES[one['platform']])}</span>"
        f"<form method='post' action='/_local/act'>"
        f"<input type='hidden' name='tenant' value='{escape(one['id'])}'>{_about(simulators, one, user)}"
        f"<div class='actions'>{buttons}</div></form>"
        f"<p><a href='{escape(everything)}'>Tenant snapshot (JSON)</a></p></section>"
    )


def _about(simulators: Simulators, one: Mapping[str, str], user: str | None) -> str:
    """The field for the user whom mail and suspension are about, where there is such a thing."""
    customer = simulators.google.customer(one["id"])
    if customer is None:
        return ""
    receiving = (
        record["primaryEmail"]
        for record in customer.users.values()
        if record["isMailboxSetup"] and not (record["suspended"] or record["archived"] or record["isAdmin"])
    )
    shown = user if user is not None else next(receiving, "")
    field = f"user-{one['id']}"
    return f"<p><label for='{field}'>For the user</label><input id='{field}' name='user' value='{escape(shown)}'></p>"
