"""The ledger's chain: what is changed, left out or spoilt is found, by us and by a stranger with the export."""

import json
import random
from functools import partial
from typing import Any

import pytest

from shared.engine.chain import Unreadable, entries, head, order, verify
from shared.engine.ledger_summary import summarised
from shared.engine.people import empty
from shared.foundation.errors import Permanent
from shared.foundation.hash_chain import checked
from shared.storage.people import Person
from tests.harness.client import ask
from tests.harness.world import World

TAMPERINGS = 1000


async def exported(world: World, connection_id: str) -> list[dict[str, Any]]:
    """The ledger as an operator exports it."""
    path = f"/api/connections/{connection_id}/ledger?format=ndjson&limit=10000"
    answer = await ask(world, "GET", path, token=world.sims.operator_token())
    return [json.loads(line) for line in answer.body.decode().splitlines()]


def tampered(ledger: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    """The ledger after one change: a field, an entry left out, doubled or moved, the tail cut off."""
    changed = [dict(entry) for entry in ledger]
    place = chance.randrange(len(changed))
    match chance.choice(("field", "out", "twice", "swap", "cut")):
        case "field":
            name = chance.choice(sorted(changed[place]))
            changed[place][name] = f"{changed[place][name]} "
        case "out":
            del changed[place]
        case "twice":
            changed.insert(place, changed[place])
        case "swap":
            other = (place + 1) % len(changed)
            changed[place], changed[other] = changed[other], changed[place]
        case "cut":
            del changed[place:]
    return changed


async def test_a_thousand_tamperings_of_an_exported_ledger_are_found(world: World) -> None:
    connection = await world.connect()
    ledger, chance = await exported(world, connection.id), random.Random(13)  # noqa: S311 - the same each time
    async with world.app.database.read() as read:
        certified = await head(read, connection.id)
    assert checked(ledger, *certified).entries == len(ledger) == certified[0]
    for _ in range(TAMPERINGS):
        changed = tampered(ledger, chance)
        with pytest.raises(Permanent):
            checked(changed, *certified)


async def test_an_unreadable_entry_is_told_by_its_number(world: World) -> None:
    connection = await world.connect()
    async with world.app.database.write() as write:
        await write.exec_driver_sql("UPDATE ledger SET act = 'conjure' WHERE number = 7")
    path = f"/api/connections/{connection.id}/ledger"
    answer = await ask(world, "GET", path, token=world.sims.operator_token())
    told = json.loads(answer.body)
    assert (answer.status, told["code"]) == (502, "ledger_unreadable")
    assert "Entry 7 " in told["detail"]
    assert await verify(world.app.database, connection.id) == 7


async def test_an_entry_that_is_left_out_is_found(world: World) -> None:
    connection = await world.connect()
    assert len([entry async for entry in entries(world.app.database, connection.id)]) > 20
    async with world.app.database.write() as write:
        await write.exec_driver_sql("DELETE FROM ledger WHERE number = 9")
    assert await verify(world.app.database, connection.id) == 9


@pytest.mark.parametrize("spoilt", ["act = 'conjure'", "salts = 'no JSON'", "erased = '7'"])
async def test_a_spoilt_entry_is_named_to_each_reader_of_the_ledger(world: World, spoilt: str) -> None:
    new = await world.create()
    async with world.app.database.write() as write:
        await order(write, new, world.clock.now(), "ann@msp.example", "by Ann")
        await write.exec_driver_sql(f"UPDATE ledger SET {spoilt} WHERE number = 2")  # noqa: S608 - our own words
    assert await verify(world.app.database, new.id) == 2
    if spoilt.startswith("erased"):
        return  # it can be read, and does not fit
    for read in (summarised, partial(empty, person=Person("ann@msp.example"))):
        with pytest.raises(Unreadable) as told:
            async with world.app.database.write() as write:
                await read(write, new.id)
        assert (told.value.code, told.value.number) == ("ledger_unreadable", 2)
