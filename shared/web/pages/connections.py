"""All connections at a glance, and the form that makes one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.connections import search
from shared.connections.search import Wanted
from shared.flows.app import App
from shared.flows.grant import NewConnection
from shared.foundation.errors import Refused
from shared.foundation.schedule import SYNC_AT, Site
from shared.web.api import actions as acts
from shared.web.api import connections as overview
from shared.web.http import Request, Response, redirect
from shared.web.pages import shown
from shared.web.pages.forms import Errors, at_field, made, one, posted, said

# Often enough for somebody who looks on, and no more.
REFRESH_SECONDS = 30
SITES: Mapping[str, str] = {
    Site.EU: "Europe",
    Site.UK: "United Kingdom",
    Site.CA: "Canada",
    Site.US: "United States",
    Site.JP: "Japan",
    Site.ANZ: "Australia and New Zealand",
    Site.SG: "Singapore",
    Site.IN: "India",
}
FIELDS = ("platform", "modes", "site", "name", "tenant", "customer", "repair_drift")


async def index(app: App, request: Request) -> Response:
    """Connections, with how many there are of each kind."""
    asked = dict(said(request).query)
    query = replace(request, query={"order": "needs", **asked}).parameters(overview.Filter)
    found = await overview.page_of(app, request, query)
    first = not asked.pop("cursor", "")
    return shown(
        app,
        request,
        "index.html",
        connections=found["connections"],
        asked=asked,
        first=first,
        next={**asked, "cursor": found["next"]} if found["next"] else None,
        counts=await search.count(app.database, Wanted(customer=request.actor.customer)),
        platforms=app.platforms.titles,
        sites=_sites(app),
        again=REFRESH_SECONDS,
    )


def _sites(app: App) -> dict[str, str]:
    return {str(site): SITES[site] for site in app.settings.sites}


async def new(app: App, request: Request) -> Response:
    """The form for a new connection."""
    return _form(app, request, {"repair_drift": ["no"]}, {})


async def create(app: App, request: Request) -> Response:
    """Make a connection as the form says; what is wrong with it is told at its field."""
    form, errors = posted(request), Errors()
    new = made(lambda: NewConnection.model_validate(_typed(app, form)), errors)
    if new is not None:
        try:
            created = await acts.make(app, request, new)
        except Refused as error:
            errors |= at_field(error, FIELDS)
        else:
            return redirect(f"/connections/{created.connection_id}")
    return _form(app, request, form, errors)


def _typed(app: App, form: Mapping[str, list[str]]) -> dict[str, Any]:
    platform = one(form, "platform")
    offers = platform in app.platforms and app.platforms[platform].modes
    return {
        "platform": platform,
        "site": one(form, "site"),
        "name": one(form, "name"),
        "customer": one(form, "customer"),
        "tenant": one(form, "tenant") or None,
        "modes": [mode for mode in form.get("modes", ()) if mode] if offers else None,
        "repair_drift": one(form, "repair_drift") == "yes",
    }


def _form(app: App, request: Request, form: Mapping[str, list[str]], errors: Errors) -> Response:
    return shown(
        app,
        request,
        "new.html",
        400 if errors else 200,
        form=form,
        errors=errors,
        platforms=[app.platforms[name] for name in app.platforms],
        sites=_sites(app),
        sync_at=SYNC_AT,
    )
