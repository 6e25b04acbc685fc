"""The deployment in the console: its settings, read-only and without secrets, its health, and its documentation."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from sqlalchemy import make_url

from shared.flows import health
from shared.flows.app import App
from shared.foundation.errors import Refused
from shared.web.compression import packed
from shared.web.http import Request, Response
from shared.web.pages import SLOW_REFRESH_SECONDS, shown
from shared.web.pages.runbook import entries

# Who may stand in an address, with a password.
USER = re.compile(r"(?<=//)[^/@\s]*@")
CHECKS: Mapping[str, str] = {
    "database": "Database",
    "revision": "Database revision",
    "data_key": "Master key",
    "timers": "Timers, by their last end",
    "queue": "Age of the oldest due job",
    "connections": "Age of the oldest due run",
    "syncs": "Overdue daily syncs",
    "watches": "Lapsed mailbox subscriptions",
}
IN_SECONDS = frozenset({"queue", "connections"})


class Shown(TypedDict):
    """One setting."""

    name: str
    value: str
    set: bool
    meaning: str


async def settings(app: App, request: Request) -> Response:
    """What the environment sets, and what is left at its default. A secret is only told to be set."""
    if request.actor.customer is not None:
        raise Refused(403, "another_customer", "Settings are of all customers: use an account that sees all of them.")
    groups: dict[str, list[Shown]] = {}
    for one in listed("FOOTPRINT_", app.settings):
        part = one["name"].removeprefix("FOOTPRINT_").partition("__")
        groups.setdefault(part[0] if part[1] else "", []).append(one)
    return packed(request, shown(app, request, "deployment.html", groups=groups))


def listed(prefix: str, model: BaseModel) -> Iterator[Shown]:
    """Each setting as it may be shown, by its name in the environment."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from listed(f"{prefix}{name.upper()}__", value)
        else:
            given = name in model.model_fields_set
            told = _told(name, field, value)
            yield {"name": f"{prefix}{name.upper()}", "value": told, "set": given, "meaning": field.description or ""}


def _told(name: str, field: FieldInfo, value: Any) -> str:
    """A value as it may be shown: of a secret that there is one, of an address nobody who signs in there."""
    if value in (None, "", [], {}):
        return "not set"
    if isinstance(value, SecretStr) or not field.repr:
        return "set, not shown"
    if name == "database_url":
        url = make_url(value)
        return f"{url.drivername}, {url.host or 'this machine'}, {url.database}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    elif isinstance(value, dict):
        plain = {str(key): one.model_dump(mode="json") for key, one in value.items()}
        value = json.dumps(plain, ensure_ascii=False)
    return USER.sub("…@", str(value))


async def status(app: App, request: Request) -> Response:
    """What `/api/health/ready` says, for people."""
    found = await health.checks(app)
    now = app.clock.now()
    return shown(
        app,
        request,
        "health.html",
        checks=found,
        titles=CHECKS,
        seconds=IN_SECONDS,
        now=now,
        again=SLOW_REFRESH_SECONDS,
    )


async def documentation(app: App, request: Request) -> Response:
    """The keys, the API, and what each code means."""
    wanted = request.query.get("q", "").strip()[:100]
    words = wanted.lower().split()
    found = {
        name: code
        for name, code in entries(app).items()
        if all(word in f"{name} {name.replace('_', ' ')} {code.means}".lower() for word in words)
    }
    return packed(request, shown(app, request, "documentation.html", codes=found, wanted=wanted))
