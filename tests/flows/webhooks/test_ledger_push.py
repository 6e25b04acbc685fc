"""A SIEM that subscribes to the ledgers is told every entry once, as OCSF, of its customer or of all."""

import json
from datetime import timedelta
from typing import Any

import jsonschema
import sqlalchemy as sa
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from shared.engine import ocsf
from shared.engine.ledger_feed import SETTLED
from shared.flows.timers import fire
from shared.foundation.schedule import TIMERS
from shared.storage import tables as db
from tests.flows.webhooks.office import subscribe, told
from tests.harness.client import ask
from tests.harness.scripted_host import Host
from tests.harness.world import FABRIKAM, World

TELL = next(timer for timer in TIMERS if timer.name == "tell")
LATER = SETTLED + timedelta(seconds=1)


def pushed(receiver: Host) -> list[dict[str, Any]]:
    """The events in the messages, in order."""
    return [event for kind, data in told(receiver) if kind == "ledger.entries" for event in data["events"]]


async def entries(world: World) -> set[str]:
    """The ids of all entries that there are."""
    async with world.app.database.read() as read:
        rows = await read.execute(sa.select(db.ledger.c.connection, db.ledger.c.number))
        return {f"{connection}/{number}" for connection, number in rows}


async def test_every_entry_since_the_subscription_comes_once(world: World, receiver: Host) -> None:
    await world.create()
    world.clock.move(timedelta(minutes=1))
    before = await entries(world)
    await subscribe(world, receiver, kinds=["ledger.entries"])
    world.clock.move(timedelta(minutes=1))
    connection = await world.connect()
    await world.revoke(connection)
    await fire(world.app, TELL)
    assert receiver.seen == []  # what is younger than that may still be joined by earlier ones
    world.clock.move(LATER)
    for _ in range(2):
        await fire(world.app, TELL)
    found = [one["metadata"]["uid"] for one in pushed(receiver)]
    assert len(found) == len(set(found))
    assert set(found) == await entries(world) - before
    assert [one["time"] for one in pushed(receiver)] == sorted(one["time"] for one in pushed(receiver))


async def test_a_customer_is_told_its_own_and_nobody_who_did_not_ask(world: World, receiver: Host) -> None:
    other = Host()
    await subscribe(world, other)
    await subscribe(world, receiver, who="fabrikam", kinds=["ledger.entries"])
    await world.revoke(await world.create(customer="contoso"))
    theirs = await world.create(FABRIKAM, customer="fabrikam")
    await world.revoke(theirs)
    world.clock.move(LATER)
    await fire(world.app, TELL)
    assert {one["unmapped"]["connection"] for one in pushed(receiver)} == {theirs.id}
    assert pushed(other) == []
    other.close()


async def test_what_is_told_and_what_is_read_are_one_and_fit_the_published_schema(world: World, receiver: Host) -> None:
    await subscribe(world, receiver, kinds=["ledger.entries"])
    await world.leave(await world.connect())
    world.clock.move(LATER)
    await fire(world.app, TELL)
    token = world.sims.operator_token(role="viewer")
    page = await ask(world, "GET", "/api/ledger?format=ocsf&limit=10000", token=token)
    lines = [json.loads(line) for line in page.body.splitlines()]
    assert "format=ocsf" in page.headers["Link"]
    assert lines == pushed(receiver)
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=ocsf.VERSION)).get_class_schema("entity_management")
    fits = jsonschema.Draft202012Validator(schema)
    assert [error.message for line in lines for error in fits.iter_errors(line)] == []
    assert {line["activity_id"] for line in lines} >= {1, 4, 99}
    del lines[0]["metadata"]["product"]
    assert list(fits.iter_errors(lines[0]))
