"""One tenant, one customer: a tenant of one customer's is never another's, unless an operator of all moves it."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.engine import chain
from shared.flows import consent
from shared.flows.webhooks import delivery
from shared.storage import tables as db
from tests.flows.reports.mail_server import Post, mail_server
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.invited import COOKIE, arrives, signed_in
from tests.harness.world import CONTOSO, FABRIKAM, World


async def notes(world: World, connection: Connection) -> str:
    """Everything that stands in a connection's ledger in words."""
    return "\n".join([str(one.note) async for one in chain.entries(world.app.database, connection.id)])


async def moved_to(world: World, other: Connection) -> None:
    """An operator of all customers lets a connection take the tenant of another customer."""
    body, token = {"tenant": world.tenant_id()}, world.sims.operator_token("anna", "admin")
    assert (await ask(world, "POST", f"/api/connections/{other.id}/move", token=token, body=body)).status == 202


@pytest.mark.hazard(43)
@pytest.mark.parametrize("named", [None, CONTOSO])
@pytest.mark.parametrize("closed", [False, True])
async def test_even_its_own_administrator_gives_a_tenant_to_no_other_customer(
    world: World, named: str | None, *, closed: bool
) -> None:
    """A thief who has an administrator open the wrong link, running or closed long ago."""
    theirs = await world.connect(CONTOSO, customer="contoso")
    if closed:
        theirs = await world.leave(theirs)
    before, other = world.snapshot(), await world.create(named, customer="mallory")
    found = await arrives(world, await signed_in(world, other))
    assert (found.status, b"tenant_of_another_customer" in found.body) == (409, True)
    await world.pass_time(timedelta(hours=2))
    assert (await world.connection(other.id)).tenant is None
    assert world.snapshot() == before
    # Both are told of it.
    assert "refused a tenant" in await notes(world, other)
    assert "another customer's connection: refused a tenant" in await notes(world, theirs)


async def test_modes_do_not_part_two_customers(world: World) -> None:
    await google.connect(world, modes=["api"], customer="orchard")
    other = await google.create(world, modes=["inline"], customer="mallory")
    browser = await world.opens(other)
    back = google.decide(await consent.platform_url(world.app, other, browser))
    held = await ask(world, "GET", f"{back.path}?{back.query.decode()}", cookie=f"{COOKIE}={browser}")
    assert held.status == 409
    assert (await world.connection(other.id)).administrator is None


async def test_an_operator_of_all_customers_moves_a_tenant(world: World) -> None:
    theirs = await world.leave(await world.connect(CONTOSO, customer="contoso"))
    other = await world.create(None, customer="fabrikam")
    path, body = f"/api/connections/{other.id}/move", {"tenant": world.tenant_id()}
    confined = world.sims.operator_token("fred", "admin", "fabrikam")
    everyone = world.sims.operator_token("anna", "admin")
    assert (await ask(world, "POST", path, token=confined, body=body)).status == 403
    assert (await ask(world, "POST", path, token=everyone, body={"tenant": world.tenant_id(FABRIKAM)})).status == 404
    assert (await ask(world, "POST", path, token=everyone, body=body)).status == 202
    async with world.app.database.read() as read:
        told = (await read.execute(sa.select(db.events).where(db.events.c.kind == "connection.moved"))).one()
    assert (told.customer, told.content["connection"], told.content["actor"]) == ("contoso", theirs.id, "anna")
    # It binds nothing by itself.
    assert (await world.connection(other.id)).tenant is None
    await world.consent(other)
    world.admin("assign-role")
    assert (await world.until(other, Stage.RUN)).tenant == world.tenant_id()
    assert "moved here from another customer" in await notes(world, other)
    assert f"moved to another customer's connection {other.id}" in await notes(world, theirs)
    seen = await ask(world, "GET", f"/api/connections/{theirs.id}", token=confined)
    assert seen.status == 404
    assert json.loads((await ask(world, "POST", path, token=everyone, body=body)).body)["code"] == (
        "not_waiting_for_consent"
    )


async def test_the_contacts_of_the_customer_before_are_told_by_mail(world: World) -> None:
    """Each once, whatever the mail server says first; and not where the tenant goes."""
    async with mail_server(post := Post(answers=["451 later"])) as smtp:
        world = await world.again(smtp=smtp)
        theirs = await world.connect(CONTOSO, customer="contoso")
        told, token = {"contacts": ["it@contoso.com"]}, world.sims.operator_token("carl", "operator", "contoso")
        assert (await ask(world, "PATCH", f"/api/connections/{theirs.id}", token=token, body=told)).status == 200
        other = await world.create(None, customer="mallory")
        await moved_to(world, other)
        for _ in range(3):
            await world.pass_time(timedelta(minutes=1))
            await delivery.tell(world.app)
    first, second = post.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert second["To"] == "it@contoso.com"
    text = second.get_content()
    assert "anna has allowed another customer" in text
    assert theirs.name in text
    assert "mallory" not in text


async def test_a_tenant_that_was_moved_is_taken_only_once_it_is_free(world: World) -> None:
    theirs = await world.connect(CONTOSO, customer="contoso")
    other = await world.create(None, customer="fabrikam")
    await moved_to(world, other)
    await world.consent(other)
    told = await world.until_true(other, lambda now: now.status == "attention")
    assert (told.tenant, told.reason) == (None, "tenant_taken")
    assert (await world.connection(theirs.id)).status == "ok"
