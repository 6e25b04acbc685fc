"""Witnesses in the console: who cosigns the checkpoints, how each answers, and the form that names another."""

import json
from collections.abc import Mapping

from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web.api import witnesses
from shared.web.http import Request, Response, checked, redirect
from shared.web.pages import shown
from shared.web.pages.forms import Errors, at_field, one, posted

FIELDS = ("url", "key", "customer")


async def page(app: App, request: Request) -> Response:
    """The list, with the form."""
    return await _page(app, request, {}, {})


async def create(app: App, request: Request) -> Response:
    """Name a witness; what is wrong is told at its field."""
    form = {name: one(posted(request), name) for name in FIELDS}
    try:
        await witnesses.create(app, request, checked(lambda: witnesses.NewWitness.model_validate(form)))
    except Refused as error:
        # What the library says of an empty field is about how long it is.
        told: Errors = dict.fromkeys((name for name in FIELDS[:2] if not form[name]), "Fill this in.")
        return await _page(app, request, form, told or _at_field(error))
    return redirect("/witnesses")


def _at_field(error: Refused) -> Errors:
    if error.code == "witness_key_not_valid":
        return {"key": error.sentence}
    return at_field(error, FIELDS[:2])


async def remove(app: App, request: Request) -> Response:
    """Ask a witness no more."""
    await witnesses.delete(app, request)
    return redirect("/witnesses")


async def _page(app: App, request: Request, form: Mapping[str, str], errors: Errors) -> Response:
    found = json.loads((await witnesses.every(app, request)).body)
    status = 400 if errors else 200
    return shown(app, request, "witnesses.html", status, **found, form=form, errors=errors, now=app.clock.now())
