"""Why a connection to Google Workspace waits or requires action: reason, sentence, and what stands meanwhile."""

from typing import Any

import pytest

from shared.connections.record import Connection, Status
from shared.connections.stages import Stage
from shared.platforms.google_workspace.group import address_of
from shared.platforms.google_workspace.mailbox import Closed
from shared.protection import quarantine as quarantined
from shared.protection.policies import EVERYONE
from tests.harness import quarantine
from tests.harness import workspace as google
from tests.harness.client import ask
from tests.harness.refusals import Told, is_told, nothing_changes
from tests.harness.workspace import RISKY
from tests.harness.world import LARGE, ORCHARD, World
from tests.platforms.google_workspace.test_watches import CLOSED


async def consented(world: World, domain: str = ORCHARD, **more: Any) -> Connection:
    """A connection that is being set up."""
    connection = await google.create(world, domain=domain, **more)
    world.admin("install-app", domain)
    return await google.consent(world, connection, user=f"admin@{domain}")


def says(now: Connection, status: Status, reason: str, sentence: str) -> None:
    """Fail unless a connection shows this."""
    assert (now.status, now.reason) == (status, reason), now.sentence
    assert str(now.sentence).startswith(sentence), now.sentence


async def test_a_delegation_of_another_customer_binds_nothing(world: World) -> None:
    body = {"id": "C0another", "customerDomain": "another.example"}
    world.fault({"host": "admin", "path": "/customers/my_customer$"}, {"kind": "status", "status": 200, "body": body})
    connection = await consented(world, modes=["api"])
    before = world.snapshot(ORCHARD)
    await world.work()
    now = await world.connection(connection.id)
    says(now, Status.ATTENTION, "wrong_tenant", "The delegation belongs to another customer than the consent.")
    assert (now.stage, now.tenant, world.snapshot(ORCHARD)) == (Stage.NEW, None, before)


async def test_a_new_group_is_waited_for(world: World) -> None:
    world.behave(ORCHARD, group_visible_seconds=120)
    connection = await consented(world, modes=["inline"])
    now = await world.until_true(connection, lambda one: one.reason == "not_visible_yet")
    assert now.status is Status.WAITING
    assert "Google" in str(now.sentence)
    await world.until_true(now, lambda one: one.reason == "waiting_for_administrator")


async def test_another_group_under_our_address_is_not_touched(world: World) -> None:
    connection = await google.create(world, modes=["inline"])
    address = address_of(connection, ORCHARD)
    path = f"/tenants/{world.tenant_id(ORCHARD)}/directory"
    theirs = {"email": address, "name": "Ours since 2019"}
    world.control("POST", path, method="POST", path="/admin/directory/v1/groups", body=theirs)
    before = google.state(world)["groups"]
    world.admin("install-app", ORCHARD)
    await google.consent(world, connection)
    now = await world.until_true(connection, lambda one: one.status is Status.ATTENTION)
    says(now, Status.ATTENTION, "name_taken", f"The organisation has something with the address {address}")
    assert google.state(world)["groups"] == before


async def test_a_large_group_is_filled_over_several_runs(world: World) -> None:
    world.large("google")
    connection = await consented(world, LARGE, modes=["inline"], policies=[EVERYONE, RISKY], name="Large")
    now = await world.until_true(connection, lambda one: one.reason == "filling_group")
    assert now.status is Status.WAITING
    assert "110 memberships of TMCAS" in str(now.sentence)
    now = await world.until_true(connection, lambda one: one.reason not in ("filling_group", None))
    assert now.reason == "waiting_for_administrator"


async def test_nobody_has_consented_whose_log_could_be_read(world: World) -> None:
    connection = await google.create(world, modes=["api"])
    token = world.sims.operator_token()
    with nothing_changes(world):
        answer = await ask(world, "GET", f"/api/connections/{connection.id}/operations/matched", token=token)
    is_told(answer, Told(502, "not_connected", "Orchard: Consent is missing."))


async def test_a_mailbox_that_is_closed_keeps_its_message_in_quarantine(world: World) -> None:
    connection = await quarantine.connect(world)
    await quarantine.taken(world)
    (shown,) = (await quarantine.listed(world, connection))["items"]
    world.fault({"host": "gmail", "path": "/messages/"}, {"kind": "status", "status": 400, "body": CLOSED}, times=99)
    item = await quarantine.release(world, connection, shown["id"])
    assert item["state"] == "waiting"
    assert "Mail service not enabled" in item["told"]
    box, feed = await world.app.seal.box(connection.id), world.app.platforms["google"].feed
    assert feed is not None
    (kept,) = await quarantined.some(world.app.database, box, (), 10)
    async with feed.trash(connection) as trash:
        with pytest.raises(Closed, match="mailbox_closed"):
            await trash.put_back(kept)
