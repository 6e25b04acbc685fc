"""Another customer's ids, in every place where one can stand: nothing is shown, and nothing is changed."""

import base64
import json
import re
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from shared.connections.record import Connection
from shared.connections.stages import Stage
from shared.protection.quarantine import NAMED
from shared.storage import tables as db
from shared.web import sessions
from shared.web.actors import Actor, Role
from shared.web.routes import ROUTES
from tests.harness.client import ask, at
from tests.harness.scripted_host import Host
from tests.harness.witness import Witness
from tests.harness.world import World

# Parts of addresses that name nothing of a customer's own.
NOBODYS = {"id", "key", "platform", "source", "token", "code", "section", "action"}
WORD = "wordofcontoso"
# What there is nowhere: who asks for what is another's gets the answer to these.
NO_ID, NO_WORD = "0" * 32, "wordofnobody"


async def things(world: World, connection: Connection) -> dict[str, str]:
    """Everything of contoso's that an address can name, by the part's name."""
    token = world.sims.operator_token(customer=WORD)
    batch = {"operation": "sync", "where": {}, "confirm": 1}
    host = Host()
    made = [
        await ask(world, "POST", "/api/batches", token=token, body=batch),
        await ask(world, "POST", "/api/webhooks", token=token, body={"url": f"https://{WORD}.example/"}),
        await ask(world, "POST", "/api/witnesses", token=token, body={"url": host.url, "key": Witness(host, 0).key}),
    ]
    host.close()
    assert [one.status for one in made] == [202, 201, 201], made
    await ask(world, "GET", "/api/witnesses", token=token)  # the first time it makes our log's key
    batch_id, webhook, witness = (json.loads(one.body)["id"] for one in made)
    await sessions.begin(world.app, Actor(name=WORD, role=Role.ADMIN, customer=WORD))
    now, mine = world.clock.now(), {"connection": connection.id}
    item = {"user": "u", "address": "a", "message": "m", "policy": "p", "sealed": b"x", "labels": []}
    later = {"at": now, "until": now + timedelta(days=9)}
    async with world.app.database.write() as write:
        session = (await write.execute(sa.select(db.sessions.c.id))).scalar_one()
        for table, row in (
            (
                db.choices,
                {"id": "c1", "key": "k", "way": "accept", "effect": [], "reason": WORD, "actor": "a", **later},
            ),
            (db.snapshots, {"number": 7, "at": now, "why": "w", "digest": "d", "sealed": b"x"}),
            (
                db.reports,
                {"name": "weekly-1", "kind": "weekly", "begins": now, "ends": now, "made_at": now, "content": {}}
                | {"recipients": []},
            ),
            (db.quarantine, {"number": 77, "state": "inside", **item, **later}),
            (db.policies, {"name": "theirs", "content": {}}),
        ):
            await write.execute(sa.insert(table).values({**mine, **row}))
        await write.execute(sa.update(db.connections).values(stage=int(Stage.RUN)))
    return {
        "batch": batch_id,
        "webhook": webhook,
        "witness": witness,
        "session": session,
        "choice": "c1",
        "number": "7",
        "report": "weekly-1",
        "item": (await world.app.seal.box(connection.id)).name(77, about=NAMED),
        "name": "theirs",
        "event": "1",
        "scope": f"connection:{connection.id}",
    }


def named(path: str) -> set[str]:
    """The parts of a route's path that name something of somebody's."""
    return set(re.findall(r"{(\w+)}", path)) - NOBODYS


async def test_ones_own_ids_do_not_tell_how_much_others_have(world: World) -> None:
    counting = {
        one.name for one in db.metadata.tables.values() for column in one.c if column is one.autoincrement_column
    }
    assert counting == {"quarantine", "operations"}
    mine, theirs = await world.create(customer="fabrikam"), await world.create(customer=WORD)
    call = {
        "at": world.clock.now(),
        "run": "r",
        "client": "c",
        "method": "m",
        "attempt": 1,
        "milliseconds": 1,
        "quota": 1,
    }
    async with world.app.database.write() as write:
        for whose in (mine, theirs, theirs, mine):
            await write.execute(sa.insert(db.operations).values(call | {"connection": whose.id}))
    token, cursor, found = world.sims.operator_token(customer="fabrikam"), "", list[str]()
    path = f"/api/connections/{mine.id}/operations?limit=1&cursor="
    for _ in range(2):
        page = json.loads((await ask(world, "GET", path + cursor, token=token)).body)
        found += [one["id"] for one in page["operations"]]
        cursor = page["next"]
        assert json.loads(base64.urlsafe_b64decode(cursor + "==")) == found[-1:]
    assert json.loads((await ask(world, "GET", path + cursor, token=token)).body)["operations"] == []
    boxes = [await world.app.seal.box(mine.id), await world.app.seal.box(theirs.id)]
    found += [box.name(number, about=NAMED) for box in boxes for number in (1, 2)]
    assert all(re.fullmatch("[0-9a-f]{40}", one) for one in found)
    assert len(set(found)) == len(found)
    assert [box.number(found[2], about=NAMED) for box in boxes] == [1, None]


async def test_what_an_address_names_of_others_is_not_there(world: World) -> None:
    theirs, mine = await world.create(customer=WORD), await world.create(customer="fabrikam")
    parts = await things(world, theirs)
    fabrikam = Actor(name="carl", role=Role.ADMIN, customer="fabrikam")
    cookie = (await sessions.begin(world.app, fabrikam)).partition(";")[0]
    routes = [route for route in ROUTES if named(route.path)]
    assert {part for route in routes for part in named(route.path)} == parts.keys()
    token = world.sims.operator_token(role="admin", customer="fabrikam")
    before = world.databases.content(world.folder)
    for route in routes:
        if route.name == "put_policy":
            continue  # who names another's policy makes one of their own
        path = at(route, id=mine.id, **parts)
        who: dict[str, Any] = {"token": token}
        if not route.in_api:
            who = {"cookie": cookie, "origin": world.app.settings.public_url}
        if route.name == "try_policy":
            who |= {"content": b"From: a@b.example", "content-type": "message/rfc822"}
        elif route.in_api and route.method in ("POST", "PUT"):
            who["body"] = {"why": "w"} if route.name == "halt" else {}
        found = await ask(world, route.method, path, **who)
        assert found.status == 404, (route.name, found.status, found.body)
        assert WORD not in found.body.decode()
    assert world.databases.content(world.folder) == before


async def test_what_a_body_or_a_query_names_of_others_is_not_there(world: World) -> None:
    theirs, mine = await world.create(customer=WORD), await world.create(customer="fabrikam")
    await things(world, theirs)
    token, before = world.sims.operator_token(role="admin", customer="fabrikam"), world.databases.content(world.folder)
    new = {"platform": "microsoft365", "site": "eu", "name": "n", "customer": WORD}
    for method, path, body in (
        ("POST", "/api/connections", new),
        ("PATCH", f"/api/connections/{mine.id}", {"customer": WORD}),
        ("POST", "/api/webhooks", {"url": "https://a.example/", "customer": WORD}),
        ("POST", "/api/witnesses", {"url": "https://a.example/", "key": Witness(Host(), 0).key, "customer": WORD}),
        ("PUT", "/api/halts/everything", {"why": "w"}),
        ("PUT", "/api/halts/site:eu", {"why": "w"}),
    ):
        refused = await ask(world, method, path, token=token, body=body)
        assert (refused.status, json.loads(refused.body)["code"]) == (403, "another_customer"), path
    for where in ({"customer": WORD}, {"q": theirs.id}, {"q": WORD}):
        plan = {"operation": "sync", "where": where}
        answer = await ask(world, "POST", "/api/batches/plan", token=token, body=plan)
        assert json.loads(answer.body)["matches"] == 0
    for path in (
        "/api/connections?q={id}",
        "/api/connections?customer={word}",
        "/api/ledger",
        "/api/batches",
        "/api/webhooks",
        "/api/sessions",
        "/api/halts",
        "/search?q={word}",
        "/search?q={id}",
        "/",
        "/activity",
        "/batches",
        "/connections?q={id}&customer={word}",
        "/batches/new?operation=set-policy&source={id}&policy=everyone",
    ):
        shown, wanted = [
            (await ask(world, "GET", path.format(id=number, word=word), token=token)).body.decode()
            for number, word in ((theirs.id, WORD), (NO_ID, NO_WORD))
        ]
        assert shown.replace(theirs.id, NO_ID).replace(WORD, NO_WORD) == wanted, path
    witnesses = json.loads((await ask(world, "GET", "/api/witnesses", token=token)).body)["witnesses"]
    assert witnesses == []
    assert world.databases.content(world.folder) == before
