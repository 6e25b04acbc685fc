"""Search from anywhere: each kind of thing is found, and nobody finds another customer's."""

from shared.protection import directory
from shared.web.actors import Actor, Role
from tests.harness.pages import OLGA, Page, asked, see
from tests.harness.world import FABRIKAM, World

NINA = Actor(name="nina@northwind.example", role=Role.VIEWER, customer="northwind")


def _found(page: Page) -> set[str]:
    """Where the finds lead."""
    return {one["href"] for one in page.all("a") if "data-key" not in one} - {"/", "#main"}


async def _see(world: World, text: str, actor: Actor = OLGA) -> Page:
    return await see(world, f"/search?q={text}", actor, accept_encoding="gzip")


async def test_each_kind_of_thing_is_found(world: World) -> None:
    mine = await world.create(customer="northwind")
    domain = {"name": "mail.harbour.example", "verified": True, "accepted": True}
    await directory.put_domains(world.app.database, mine.id, [domain], [])
    assert f"/connections/{mine.id}" in _found(await _see(world, mine.name[:4].lower()))
    assert "/connections?customer=northwind" in _found(await _see(world, "NORTHW"))
    harbour = await _see(world, "harbour")
    assert ("mail.harbour.example" in harbour.text, _found(harbour)) == (True, {f"/connections/{mine.id}"})
    assert {"/batches", "/runbook/no_such_batch"} <= _found(await _see(world, "batch"))
    assert "/settings#FOOTPRINT_PUBLIC_URL" in _found(await _see(world, "public+url"))
    assert {"/documentation", "/api/openapi.json"} <= _found(await _see(world, "document"))
    assert "/runbook/no_such_connection" in _found(await _see(world, "no+such+connection"))
    assert "Nothing matches “zzzz”" in (await _see(world, "zzzz")).text
    assert "Nothing matches “%”" in (await _see(world, "%25")).text
    assert "Type a part" in (await _see(world, "")).text


async def test_an_account_of_one_customer_finds_only_what_is_that_ones(world: World) -> None:
    await world.create(customer="northwind")
    other = await world.create(FABRIKAM, customer="fabrikam")
    domain = {"name": "mail.harbour.example", "verified": True, "accepted": True}
    await directory.put_domains(world.app.database, other.id, [domain], [])
    for text in ("fabrikam", "harbour", other.id, "FOOTPRINT_PUBLIC"):
        assert not _found(await _see(world, text, NINA)), text
    assert (await asked(world, "GET", f"/search?q={'x' * 300}", OLGA)).status == 400


async def test_the_keys_lead_to_the_search(world: World) -> None:
    page = await see(world, "/", OLGA)
    (form,) = page.all("form", role="search")
    assert form["action"] == "/search"
