"""Files of a long ledger: read some rows at a time on either host, so that what is held is the answer and no more."""

import json
import tracemalloc
from datetime import timedelta

import pytest
import sqlalchemy as sa

from infra.local.bench.counted import counted
from shared.engine import chain
from shared.storage import tables as db
from shared.web.api.records import ROWS_AT_ONCE
from tests.harness.client import ask
from tests.harness.world import World

ENTRIES = 5 * ROWS_AT_ONCE


async def lengthen(world: World, connection_id: str, entries: int = ENTRIES) -> None:
    """Have so many entries; whether they make a chain is nobody's question here."""
    row = {
        "connection": connection_id,
        "at": world.clock.now(),
        "generation": 1,
        "key": "rule",
        "act": "update",
        "state": "done",
        "before": {"comment": "before " * 20},
        "after": {"comment": "after " * 20},
        "previous_hash": "0" * 64,
        "hash": "0" * 64,
    }
    async with world.app.database.write() as write:
        mine = db.ledger.c.connection == connection_id
        first = (await write.execute(sa.select(sa.func.max(db.ledger.c.number)).where(mine))).scalar() or 0
        rows = [row | {"number": number} for number in range(first + 1, entries + 1)]
        await write.execute(sa.insert(db.ledger), rows)
    world.clock.move(timedelta(hours=1))


@pytest.mark.parametrize(
    "path",
    ["/api/connections/{}/ledger?format=ndjson", "/api/connections/{}/ledger?format=csv", "/api/ledger?"],
    ids=["ndjson", "csv", "feed"],
)
async def test_a_file_is_read_some_rows_at_a_time_and_held_once(world: World, path: str) -> None:
    connection = await world.create()
    await lengthen(world, connection.id)
    token, where = world.sims.operator_token(), path.format(connection.id)
    await ask(world, "GET", f"{where}&limit=1", token=token)  # what is made once for a process
    tracemalloc.start()
    with counted(world.app.database) as count:
        found = await ask(world, "GET", f"{where}&limit={ENTRIES}", token=token)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.status == 200
    assert len(found.body.splitlines()) == ENTRIES + ("csv" in path)
    reads = [text for text, _ in count.statements if "FROM ledger" in text and "previous_hash" in text]
    assert len(reads) == ENTRIES / ROWS_AT_ONCE
    # Its parts, and they together; and the rows that are read at a time, which in Python take seven times their text.
    assert peak < len(found.body) * (2 + 7 * ROWS_AT_ONCE / ENTRIES), (peak, len(found.body))


async def test_what_is_behind_the_limit_comes_with_the_cursor(world: World) -> None:
    connection = await world.create()
    await lengthen(world, connection.id)
    path, numbers = f"/api/connections/{connection.id}/ledger?format=ndjson&limit={ROWS_AT_ONCE + 7}", list[int]()
    while path:
        found = await ask(world, "GET", path, token=world.sims.operator_token())
        numbers += [json.loads(line)["number"] for line in found.body.splitlines()]
        path = found.headers.get("Link", "").partition("<")[2].partition(">")[0]
    assert numbers == list(range(1, ENTRIES + 1))


async def test_a_ledger_is_read_in_pages_however_long_it_is(world: World) -> None:
    connection = await world.create()
    await lengthen(world, connection.id, 5 * chain.PAGE)
    tracemalloc.start()
    held = await chain.page(world.app.database, connection.id, after=0, most=chain.PAGE, newest=False)
    one_page = tracemalloc.get_traced_memory()[1]
    del held
    tracemalloc.reset_peak()
    numbers = [entry.number async for entry in chain.entries(world.app.database, connection.id)]
    all_of_them = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(numbers) == 5 * chain.PAGE
    # The page that was is held until the next one is there.
    assert all_of_them < 2.5 * one_page, (all_of_them, one_page)
