"""A person is erased: nothing names them any more, every proof still holds, and what is emptied by others is found."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from shared.connections.call_log import Operation, Operations
from shared.connections.record import Connection
from shared.engine import chain
from shared.flows import anchors
from shared.flows.reports.store import Subscription, subscribe
from shared.flows.timers import fire
from shared.foundation.errors import Permanent
from shared.foundation.hash_chain import checked, commitment
from shared.foundation.schedule import TIMERS
from shared.storage import tables as db
from shared.storage.people import Person
from shared.web.actors import Actor, Role
from tests.harness.client import ask
from tests.harness.pages import ADA, OLGA, Page, asked, press, pressed, see
from tests.harness.world import World

ANCHOR = next(timer for timer in TIMERS if timer.name == "anchor")
MARIA = Actor(name="maria@msp.example", role=Role.OPERATOR)


async def known(world: World) -> Connection:
    """A connection for which Maria has acted, that writes to her, and in whose name a call was made."""
    new = await world.create(customer="northwind")
    contacts = {"contacts": [MARIA.name, "it@contoso.com"]}
    await _api(world, "PATCH", f"/api/connections/{new.id}", OLGA, contacts)
    wanted, now = Subscription(recipients=[MARIA.name]), world.clock.now()
    await subscribe(world.app.database, new, wanted, lambda _: None, actor=OLGA.name, now=now)
    await pressed(world, f"/connections/{new.id}/renew-invitation", MARIA)
    calls = Operations(world.app.database, new.id)
    about: dict[str, Any] = {"run": "1", "client": "1", "method": "m", "status": 200, "reason": None, "attempt": 1}
    for subject in (MARIA.name.upper(), f"jo{MARIA.name}"):
        calls.add(Operation(at=now, subject=subject, target=None, milliseconds=1, quota=1, **about))
    await calls.flush()
    row = {"id": "1", "mark": "m", "recipient": MARIA.name, "asked_at": now, "asked_by": OLGA.name}
    async with world.app.database.write() as write:
        await write.execute(sa.insert(db.marked_messages).values(connection=new.id, **row))
    return new


async def _api(world: World, method: str, path: str, actor: Actor, body: dict[str, Any]) -> dict[str, Any]:
    answer = await asked(world, method, path, actor, json.dumps(body).encode(), content_type="application/json")
    found: dict[str, Any] = json.loads(answer.body)
    assert answer.status == 200, found
    return found


async def erase(world: World, actor: Actor = ADA) -> dict[str, Any]:
    """What the API answers to the erasing of Maria."""
    return await _api(world, "POST", "/api/people/erase", actor, {"address": "Maria@msp.example"})


async def stored(world: World) -> str:
    """All that the database holds of what a person may be named in."""
    async with world.app.database.read() as read:
        tables = (db.ledger, db.operations, db.connections, db.report_settings, db.marked_messages)
        rows = [row for table in tables for row in await read.execute(sa.select(table))]
    return json.dumps([[str(value) for value in row] for row in rows])


async def exported(world: World, connection: Connection) -> list[dict[str, Any]]:
    """The ledger as it is exported."""
    path = f"/api/connections/{connection.id}/ledger?format=ndjson&limit=10000"
    answer = await ask(world, "GET", path, token=world.sims.operator_token())
    return [json.loads(line) for line in answer.body.decode().splitlines()]


async def test_an_erased_person_is_nowhere_and_every_proof_holds(world: World, tmp_path: Path) -> None:
    process = await world.again(anchors=tmp_path / "anchors.ndjson")
    new = await known(world)
    await fire(process.app, ANCHOR)
    before = await exported(world, new)
    assert MARIA.name in json.dumps(before)
    done = await erase(world)
    # She renewed an invitation: her name and her account.
    assert (done["connections"], done["texts"], done["calls"], done["kept"]) == (1, 2, 1, 0)
    left = (await stored(world)).replace(f"jo{MARIA.name}", "")
    assert MARIA.name not in left.lower()
    assert "it@contoso.com" in left
    assert await chain.verify(world.app.database, new.id) is None
    assert await anchors.differences(process.app) == []
    after = await exported(world, new)
    read = checked(after, before[-1]["number"], before[-1]["hash"])
    assert (read.emptied, read.entries) == (2, len(before) + 1)
    assert [one["hash"] for one in after[:-1]] == [one["hash"] for one in before]
    assert (after[-1]["act"], after[-1]["actor"], after[-1]["after"]) == ("erase", ADA.name, {"texts": 2, "calls": 1})
    assert (await erase(world))["connections"] == 0
    shown = await see(world, f"/connections/{new.id}/ledger?verify=1")
    assert "Chain verified" in shown.text
    assert "erased" in shown.text


async def test_a_text_that_was_emptied_in_the_database_is_found(world: World) -> None:
    new = await known(world)
    entry = next(one for one in await exported(world, new) if one["actor"] == MARIA.name)
    salts = dict(entry["salts"])
    erased = {"actor": commitment(salts.pop("actor"), entry["actor"])}
    mine = sa.update(db.ledger).where(db.ledger.c.number == entry["number"])
    async with world.app.database.write() as write:
        await write.execute(mine.values(actor=None, salts=salts, erased=erased))
    assert await chain.verify(world.app.database, new.id) == entry["number"]
    rows = await exported(world, new)
    with pytest.raises(Permanent, match="was emptied, and no entry says so"):
        checked(rows, len(rows), rows[-1]["hash"])
    async with world.app.database.write() as write:
        await write.execute(mine.values(actor="somebody else"))
    assert await chain.verify(world.app.database, new.id) == entry["number"]
    async with world.app.database.write() as write:
        await write.execute(mine.values(actor=None, erased={"actor": "0" * 64}))
    assert await chain.verify(world.app.database, new.id) == entry["number"]


async def test_only_administrators_erase_and_only_of_their_customer(world: World) -> None:
    await known(world)
    answer = await asked(world, "POST", "/api/people/erase", OLGA, b'{"address": "maria@msp.example"}')
    assert answer.status == 403
    theirs = Actor(name="fay@fabrikam.example", role=Role.ADMIN, customer="fabrikam")
    assert await erase(world, theirs) == dict.fromkeys(
        ("connections", "texts", "calls", "kept", "directories", "certificates"), 0
    )
    assert (await press(world, "/people/erase", OLGA, address=MARIA.name)).status == 403
    assert not (await see(world, "/activity", OLGA)).all("form", action="/people/erase")
    assert (await see(world, "/activity", ADA)).all("form", action="/people/erase")
    assert (await press(world, "/people/erase", ADA, address="nobody")).status == 400
    done = Page(await press(world, "/people/erase", ADA, address=MARIA.name))
    assert "2 texts of ledgers and 1 logged call of 1 connection were emptied" in done.text


def test_a_longer_address_names_somebody_else() -> None:
    person = Person("ann@contoso.com")
    for text in ("ann@contoso.com", "mail to Ann@Contoso.com.", {"to": ["<ann@contoso.com>"]}, "user:ann@contoso.com"):
        assert person.named_in(text), text
    for text in ("joann@contoso.com", "ann@contoso.com.example", "o.ann@contoso.com", "ann@contoso.community"):
        assert not person.named_in(text), text
