"""A connection's settings: the form that edits them, and what it takes."""

from collections.abc import Mapping

from shared.connections.stages import Stage
from shared.flows.app import App
from shared.flows.edit import Edit
from shared.foundation.errors import Refused
from shared.web.api import edits
from shared.web.http import Request, Response
from shared.web.pages import framed
from shared.web.pages.connections import sites_of
from shared.web.pages.forms import Errors, at_field, lines, made, one, posted

FIELDS = ("name", "customer", "site", "repair_drift", "contacts")


async def page(app: App, request: Request) -> Response:
    """The settings as they are."""
    connection = request.connection
    form = {
        "name": [connection.name],
        "customer": [connection.customer],
        "site": [str(connection.site)],
        "repair_drift": ["yes" if connection.repairs_drift else "no"],
        "contacts": list(connection.contacts),
    }
    return _form(app, request, form, {})


async def put(app: App, request: Request) -> Response | None:
    """Save what the form says."""
    form, errors = posted(request), Errors()
    customer = one(form, "customer") if request.actor.customer is None else None
    wanted = made(
        lambda: Edit.model_validate(
            {
                "name": one(form, "name"),
                "customer": customer,
                "site": one(form, "site") or None,
                "repair_drift": one(form, "repair_drift") == "yes",
                "contacts": lines(form, "contacts"),
            }
        ),
        errors,
    )
    if wanted is None:
        return _form(app, request, {**form, "contacts": lines(form, "contacts")}, errors)
    try:
        await edits.change(app, request, wanted)
    except Refused as error:
        return _form(app, request, {**form, "contacts": lines(form, "contacts")}, at_field(error, FIELDS))
    return None


def _form(app: App, request: Request, form: Mapping[str, list[str]], errors: Errors) -> Response:
    return framed(
        app,
        request,
        "settings",
        400 if errors else 200,
        form=form,
        errors=errors,
        sites=sites_of(app),
        moves=request.connection.stage is Stage.NEW,
    )
