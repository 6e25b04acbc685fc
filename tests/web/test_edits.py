"""A connection is edited by the API, the console and the command line; each change is in the ledger."""

import json
from typing import Any

from shared.engine import chain
from shared.foundation.schedule import Site
from shared.web.actors import Actor, Role
from shared.web.http import Response
from tests.harness.pages import OLGA, VICTOR, Page, asked, press, pressed, see
from tests.harness.world import World


async def _patch(world: World, connection: str, actor: Actor = OLGA, /, **fields: Any) -> Response:
    more = {"content_type": "application/json"}
    return await asked(world, "PATCH", f"/api/connections/{connection}", actor, json.dumps(fields).encode(), **more)


async def _notes(world: World, connection: Any) -> list[tuple[str | None, Any, Any]]:
    found = [one async for one in chain.entries(world.app.database, connection.id)]
    return [(one.note, one.before, one.after) for one in found if str(one.note).endswith("changed")]


async def test_what_is_edited_is_in_the_ledger_and_nothing_else_changes(world: World) -> None:
    new = await world.create(customer="northwind")
    edited = await _patch(world, new.id, name="Renamed", contacts=["it@contoso.com", "it@contoso.com"], site="us")
    assert edited.status == 200
    shown = json.loads(edited.body)
    assert (shown["name"], shown["contacts"], shown["site"]) == ("Renamed", ["it@contoso.com"], "us")
    assert (await _patch(world, new.id, name="Renamed", customer=None)).status == 200  # as it is already
    assert await _notes(world, new) == [
        ("name changed", {"name": new.name}, {"name": "Renamed"}),
        ("site changed", {"site": str(new.site)}, {"site": "us"}),
        ("contacts changed", {"contacts": 0}, {"contacts": 1}),
    ]
    now = await world.connection(new.id)
    assert (now.customer, now.repairs_drift, now.generation) == (new.customer, new.repairs_drift, new.generation)


async def test_what_cannot_be_edited_is_refused_and_changes_nothing(world: World) -> None:
    running = await world.connect()
    for fields, status, code in (
        ({"site": "us", "name": "Not kept"}, 409, "site_in_use"),
        ({"contacts": ["not an address"]}, 400, "not_valid"),
        ({"name": ""}, 400, "not_valid"),
        ({"tenant": "other"}, 400, "not_valid"),
    ):
        refused = await _patch(world, running.id, **fields)
        assert (refused.status, json.loads(refused.body)["code"]) == (status, code), fields
    theirs = Actor(name="nina@northwind.example", role=Role.OPERATOR, customer=running.customer)
    assert (await _patch(world, running.id, theirs, customer="another")).status == 403
    assert (await _patch(world, running.id, VICTOR, name="Victor's")).status == 403
    now = await world.connection(running.id)
    assert (now.name, now.site, await _notes(world, running)) == (running.name, running.site, [])


async def test_the_form_saves_and_says_what_is_wrong_at_its_field(world: World) -> None:
    new = await world.create(customer="northwind")
    base = f"/connections/{new.id}"
    form = {"name": "By form", "customer": "fabrikam", "site": str(Site.US), "repair_drift": "yes"}
    wrong = await press(world, f"{base}/put-settings", OLGA, **form, contacts="it@contoso.com\nnobody")
    assert (wrong.status, "Line 2" in Page(wrong).text) == (400, True)
    assert await pressed(world, f"{base}/put-settings", OLGA, **form, contacts="it@contoso.com") == f"{base}/settings"
    now = await world.connection(new.id)
    assert (now.name, now.customer, now.site, now.repairs_drift, now.contacts) == (
        "By form",
        "fabrikam",
        Site.US,
        True,
        ("it@contoso.com",),
    )
    await pressed(world, f"{base}/revoke")
    closed = await see(world, f"{base}/settings")
    assert closed.posts() == []
    assert (await world.connection(new.id)).contacts == ()
    assert (await _patch(world, new.id, name="Late")).status == 409
