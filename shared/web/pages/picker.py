"""The picker of a policy's form: whom it names, by name with the id underneath, and those that a search finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.connections.record import Connection
from shared.flows.app import App
from shared.protection import directory, directory_search
from shared.web.pages.forms import one

Form = Mapping[str, list[str]]
KINDS: tuple[directory_search.Kind, ...] = ("groups", "users")
# More are shown by id, in a field; a policy may name thousands.
MAX_SHOWN, MAX_FOUND = 50, 8
# The parts of the form that pick: whose mail, and the exceptions.
PARTS = {"": "whom", "except_": "except_whom"}


@dataclass(kw_only=True)
class Picker:
    """One part of the form: who is named, and who was found. Each is its field, id, name and address."""

    text: str = ""
    domains: list[str] = field(default_factory=list)
    named: list[dict[str, Any]] = field(default_factory=list)
    found: list[dict[str, Any]] = field(default_factory=list)
    rest: dict[str, list[str]] = field(default_factory=dict)


async def pickers(app: App, connection: Connection, form: Form) -> dict[str, Picker]:
    """The pickers of a form as it was filled in; what was looked for is in the part that asked."""
    verified = [row["name"] for row in await directory.domains(app.database, connection.id) if row["verified"]]
    return {before: await _picker(app, connection, form, before, verified) for before in PARTS}


async def _picker(app: App, connection: Connection, form: Form, before: str, verified: list[str]) -> Picker:
    made = Picker(text=one(form, PARTS[before])[:253])
    made.domains = list(dict.fromkeys([*verified, *form.get(f"{before}domains", [])]))
    for kind in KINDS:
        name = before + kind
        ids = list(
            dict.fromkeys(part.strip() for value in form.get(name, []) for part in value.splitlines() if part.strip())
        )
        called = await directory_search.names(app.database, connection.id, kind, ids[:MAX_SHOWN])
        made.named += [{"field": name, "id": each, "name": called.get(each)} for each in ids[:MAX_SHOWN]]
        made.rest |= {name: ids[MAX_SHOWN:]} if ids[MAX_SHOWN:] else {}
        if made.text:
            rows, _ = await directory_search.page(
                app.database, connection.id, kind, made.text, after=None, most=MAX_FOUND
            )
            made.found += [{"field": name, **row} for row in rows if row["id"] not in ids]
    return made
