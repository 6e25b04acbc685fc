"""The runbook: what each code means, how it shows, what to do, what happens by itself. It tells of no customer."""

from collections.abc import Mapping
from importlib import import_module

from shared.flows.app import App
from shared.foundation.codes import Code
from shared.foundation.errors import Refused
from shared.web.http import Request, Response
from shared.web.pages import page

# The rooms whose codes reach a reader of these pages; a platform tells its own.
ROOMS = (
    "shared.foundation.codes",
    "shared.flows.codes",
    "shared.flows.marked_codes",
    "shared.flows.witness_codes",
    "shared.flows.refusals",
    "shared.web.codes",
)


def entries(app: App) -> Mapping[str, Code]:
    """Every code by name, in the words of this deployment's brand."""
    found = [one for room in ROOMS for one in import_module(room).CODES]
    found += [one for platform in app.platforms.values() for one in platform.codes()]
    name = app.settings.brand.software
    return {one.name: one.called(name) for one in sorted(found, key=lambda one: one.name)}


async def index(app: App, _request: Request) -> Response:
    """Every code with what it means."""
    return page(app, "runbook.html", title="Runbook", codes=entries(app), one=None)


async def one(app: App, request: Request) -> Response:
    """One code."""
    found = entries(app).get(request.args["code"])
    if found is None:
        raise Refused(404, "no_such_page", "The runbook has no such code.")
    return page(app, "runbook.html", title=found.name, codes={}, one=found)
