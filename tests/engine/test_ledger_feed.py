"""The whole deployment's ledger, read by a program that comes again and again: every entry once, in order of time."""

import json
from datetime import timedelta
from typing import Any

from shared.engine import chain
from shared.engine.ledger_feed import SETTLED
from tests.harness.client import ask
from tests.harness.world import FABRIKAM, World


async def read_on(world: World, cursor: str, *, who: str | None = "*", limit: int = 7) -> tuple[list[Any], str]:
    """All pages behind a cursor, and the cursor to come again with."""
    found: list[Any] = []
    while True:
        path = f"/api/ledger?limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        page = await ask(world, "GET", path, token=world.sims.operator_token(customer=who))
        assert page.status == 200, page.body
        entries = [json.loads(line) for line in page.body.splitlines()]
        found += entries
        if "Link" in page.headers:
            cursor = page.headers["Link"].partition("cursor=")[2].partition(">")[0]
        if not entries:
            return found, cursor


async def test_every_entry_comes_once_and_in_order(world: World) -> None:
    first = await world.connect()
    world.clock.move(SETTLED)
    before, cursor = await read_on(world, "")
    assert len(before) == (await chain.heads(world.app.database))[first.id][0]
    second = await world.create(FABRIKAM, customer="fabrikam")
    await world.revoke(second)
    await world.revoke(first)
    assert await read_on(world, cursor) == ([], cursor)
    world.clock.move(SETTLED + timedelta(seconds=1))
    after, cursor = await read_on(world, cursor)
    both = [(one["connection"], one["number"]) for one in before + after]
    heads = await chain.heads(world.app.database)
    assert len(both) == len(set(both)) == sum(entries for entries, _ in heads.values())
    assert [one["at"] for one in before + after] == sorted(one["at"] for one in before + after)
    theirs, _ = await read_on(world, "", who="fabrikam")
    assert {one["connection"] for one in theirs} == {second.id}


async def test_a_cursor_that_was_never_one_is_refused(world: World) -> None:
    for cursor in ("x", "WzEsMiwzXQ", "WyJ4IiwieSIsMV0"):
        found = await ask(world, "GET", f"/api/ledger?cursor={cursor}", token=world.sims.operator_token())
        assert (found.status, json.loads(found.body)["code"]) == (400, "cursor_not_valid")
