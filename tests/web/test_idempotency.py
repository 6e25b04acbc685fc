"""A request that comes twice under one key is carried out once, and answered alike; whatever happens in between."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared.flows.timers import sweep
from shared.foundation.errors import Refused
from shared.storage import idempotency_keys as answers
from shared.storage import tables as db
from shared.storage.database import guarded
from shared.web.http import Response
from tests.harness.client import ask
from tests.harness.world import World

NEW = {"platform": "microsoft365", "site": "eu", "name": "Contoso", "tenant": "contoso.com"}
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


async def make(world: World, key: str = KEY, *, name: str = "anna", customer: str = "*", **more: Any) -> Response:
    """An operator makes a connection."""
    token = world.sims.operator_token(name, customer=customer)
    return await ask(world, "POST", "/api/connections", token=token, body=NEW | more, idempotency_key=key)


async def made(world: World) -> int:
    """How many connections there are."""
    async with world.app.database.read() as read:
        return int((await read.execute(sa.select(sa.func.count()).select_from(db.connections))).scalar_one())


async def kept(world: World) -> list[Any]:
    """What is kept of answers."""
    async with world.app.database.read() as read:
        return list((await read.execute(sa.select(db.idempotency_keys))).all())


def code(response: Response) -> str:
    """The stable code of a refusal."""
    return str(json.loads(response.body)["code"])


async def test_the_same_request_is_carried_out_once_and_answered_alike(world: World) -> None:
    first = await make(world)
    again = await make(await world.again())
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["ETag"] == first.headers["ETag"]
    assert await made(world) == 1
    # A refusal is an answer too.
    for replayed in (None, "true"):
        refused = await make(world, "k", platform="nowhere")
        assert (refused.status, refused.headers.get("Idempotency-Replayed")) == (400, replayed)


async def test_what_is_kept_is_sealed_and_names_nobody(world: World) -> None:
    link = json.loads((await make(world)).body)["consent_url"].rpartition("#")[2]
    (row,) = await kept(world)
    assert link.encode() not in row.sealed
    assert not any(word in repr(row) for word in (KEY, "anna", "Contoso", link))


async def test_a_key_means_one_request_of_one_account(world: World) -> None:
    first = await make(world)
    other = await make(world, site="uk")
    assert (other.status, code(other)) == (422, "idempotency_key_reused")
    for one in (await make(world, name="bert"), await make(world, customer="contoso"), await make(world, KEY + "2")):
        assert one.status == 201
        assert one.body != first.body
    path = f"/api/connections/{json.loads(first.body)['id']}/grant"
    assert (await ask(world, "POST", path, token=world.sims.operator_token("anna"), idempotency_key=KEY)).status == 202


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256, "a\tb"])
async def test_a_key_is_visible_ascii(world: World, key: str) -> None:
    refused = await make(world, key)
    assert (refused.status, code(refused)) == (400, "key_not_valid")
    assert await kept(world) == []
    assert await made(world) == 0


async def test_nothing_is_kept_without_a_key_nor_for_who_may_not_act(world: World) -> None:
    token = world.sims.operator_token(role="viewer")
    for more in ({}, {"idempotency_key": KEY}):
        assert (await ask(world, "POST", "/api/connections", token=token, body=NEW, **more)).status == 403
    assert (await ask(world, "POST", "/api/connections", body=NEW, idempotency_key=KEY)).status == 401
    assert (await ask(world, "POST", "/api/connections", token=world.sims.operator_token(), body=NEW)).status == 201
    assert await kept(world) == []


async def test_of_many_at_once_one_is_carried_out(world: World) -> None:
    processes = [world, *[await world.again() for _ in range(2)]]
    found = await asyncio.gather(*(make(processes[number % 3]) for number in range(9)))
    assert {one.status for one in found} <= {201, 409}
    assert await made(world) == 1
    for one in found:
        if one.status == 409:
            assert (code(one), one.headers["Retry-After"]) == ("still_being_answered", "1")
    assert len({one.body for one in found if one.status == 201}) == 1
    assert (await make(world)).status == 201


async def died(world: World, **values: Any) -> None:
    """The process that began the request died before answering it."""
    async with world.app.database.write() as write:
        await write.execute(sa.update(db.idempotency_keys).values(status=None, sealed=None, **values))


async def test_what_died_after_it_was_carried_out_is_never_carried_out_again(world: World) -> None:
    await make(world)
    await died(world)
    assert code(await make(world)) == "still_being_answered"
    world.clock.move(answers.ANSWER_TIMEOUT)
    assert code(await make(world)) == "answer_lost"
    world.clock.move(answers.KEY_MAX_AGE - 2 * answers.ANSWER_TIMEOUT)
    assert code(await make(world)) == "answer_lost"
    assert await made(world) == 1


async def test_who_is_slower_than_a_minute_writes_nothing_after_another_has_taken_over(world: World) -> None:
    database, began = world.app.database, world.clock.now()
    assert await answers.begin(database, "one", "digest", began) is None
    world.clock.move(answers.ANSWER_TIMEOUT)
    assert await answers.begin(database, "one", "digest", world.clock.now()) is None

    async def slow(write: Any) -> None:
        await answers.carry_out(write, "one", began)

    with guarded(slow), pytest.raises(Refused, match="carried_out_by_another"):
        async with database.write() as write:
            await write.execute(sa.delete(db.idempotency_keys))
    assert len(await kept(world)) == 1


async def test_what_a_dead_process_had_not_begun_to_write_is_taken_over_after_a_minute(world: World) -> None:
    await make(world)
    async with world.app.database.write() as write:
        await write.execute(sa.delete(db.ledger))
        await write.execute(sa.delete(db.policies))
        await write.execute(sa.delete(db.connections))
    await died(world, carried_out=None)
    assert (await make(world)).status == 409
    world.clock.move(answers.ANSWER_TIMEOUT)
    assert (await make(world)).status == 201
    (row,) = await kept(world)
    assert row.status == 201
    assert await made(world) == 1
    # One that comes to an end after all changes nothing any more.
    await answers.finish(world.app.database, row.id, row.at - timedelta(minutes=1), status=500, sealed=b"")
    await answers.forget(world.app.database, row.id, row.at - timedelta(minutes=1))
    assert await kept(world) == [row]


async def test_a_failure_of_ours_may_be_tried_again(world: World) -> None:
    connection, token = await world.create(), world.sims.operator_token()
    path = f"/api/connections/{connection.id}/grant"
    async with world.app.database.write() as write:
        await write.exec_driver_sql("ALTER TABLE links RENAME COLUMN connection TO lost")
    assert (await ask(world, "POST", path, token=token, idempotency_key=KEY)).status == 500
    assert await kept(world) == []
    async with world.app.database.write() as write:
        await write.exec_driver_sql("ALTER TABLE links RENAME COLUMN lost TO connection")
    assert (await ask(world, "POST", path, token=token, idempotency_key=KEY)).status == 202


async def test_answers_are_kept_for_a_day(world: World) -> None:
    await make(world)
    world.clock.move(answers.KEY_MAX_AGE - timedelta(minutes=1))
    await sweep(world.app)
    assert (await make(world)).headers["Idempotency-Replayed"] == "true"
    world.clock.move(timedelta(minutes=1))
    await sweep(world.app)
    assert await kept(world) == []
    assert "Idempotency-Replayed" not in (await make(world)).headers
    assert await made(world) == 2
