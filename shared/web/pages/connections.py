"""The list of connections, and the form that creates one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from shared.connections import search
from shared.connections.search import Wanted
from shared.connections.stages import Stage
from shared.connections.status import Status
from shared.flows.app import App
from shared.flows.grant import NewConnection
from shared.foundation.errors import Refused
from shared.foundation.schedule import SYNC_AT, Site
from shared.platforms.rows import dispensable
from shared.web.api import actions, connections
from shared.web.compression import packed
from shared.web.http import Request, Response, redirect
from shared.web.pages import STATUSES, shown
from shared.web.pages.batches import TITLES
from shared.web.pages.forms import Errors, at_field, made, one, posted, said
from shared.web.pages.leaves import Leaf
from shared.web.views.connections import connection_view

# Often enough for somebody who looks on, and no more.
REFRESH_SECONDS = 30
PER_PAGE = 100
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
FIELDS = ("platform", "modes", "site", "name", "tenant", "customer", "leave_out", "repair_drift")


class Listing(connections.Filter):
    """Which connections, in which order, and which page of them."""

    sort: Literal["status", "name", "customer", "platform", "site", "since", "synced"] = "status"
    desc: bool = False
    page: int = Field(1, ge=1, le=10_000)


async def index(app: App, request: Request) -> Response:
    """A page of the list, by what is looked for. Closed connections are in the archive."""
    asked = dict(said(request).query)
    query = replace(request, query=asked).parameters(Listing)
    mine = Wanted(customer=request.actor.customer)
    wanted = connections.wanted(request, query)
    if query.archived is None and Stage.CLOSED.name.lower() not in (query.stage, query.status):
        wanted = replace(wanted, archived=False)
    counts = await search.count(app.database, mine)
    many = int((await search.count(app.database, wanted))["all"])
    leaf = Leaf.of(query.page, many, PER_PAGE)
    found = await search.numbered(
        app.database, wanted, sort=query.sort, descending=query.desc, page=leaf.number, size=PER_PAGE
    )
    asked.pop("page", None)
    page_of_list = shown(
        app,
        request,
        "index.html",
        connections=[connection_view(app, one) for one in found],
        asked=asked,
        sort=query.sort,
        descending=query.desc,
        leaf=leaf,
        counts=counts,
        closed=counts["status"][Status.CLOSED],
        archived=bool(wanted.archived),
        facets=_facets(app, counts),
        platforms=app.platforms.titles,
        operations=TITLES,
        now=app.clock.now(),
        again=REFRESH_SECONDS,
    )
    return packed(request, page_of_list)


def _facets(app: App, counts: Mapping[str, Any]) -> list[tuple[str, str, list[tuple[str, str, int]]]]:
    """What the list is narrowed by: each with its values that occur, and how often."""
    titles: Mapping[str, Mapping[str, str]] = {
        "status": STATUSES,
        "platform": app.platforms.titles,
        "site": {str(site): title for site, title in SITES.items()},
        "customer": {name: name for name in counts["customer"] if name},
    }
    facets = []
    for name, some in titles.items():
        options = [(key, text, int(counts[name][key])) for key, text in some.items() if counts[name].get(key)]
        facets.append((name, name.capitalize(), options))
    return facets


def sites_of(app: App) -> dict[str, str]:
    """The sites that the deployment serves, as people read them."""
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
            created = await actions.make(app, request, new)
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
        "leave_out": [key for key in form.get(f"leave_out_of_{platform}", ()) if key],
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
        dispensable={name: dispensable(app.platforms[name].rows(app.settings.brand)) for name in app.platforms},
        sites=sites_of(app),
        sync_at=SYNC_AT,
    )
