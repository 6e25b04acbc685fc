"""With ten thousand connections: what grows by the day is found by index, on each database, by every page of the fleet.

The databases themselves are asked. A table of which there is one row for each connection may be read as a whole.
"""

import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from infra.local.bench.counted import counted
from shared.storage.database import Database
from tests.harness.pages import ADA, see
from tests.harness.world import World

# With each day, or with each message, there is more of these.
LEDGERS = frozenset({"ledger", "operations", "events", "deliveries", "sync_runs", "reports", "batch_items"})
GROWING = LEDGERS | {"decisions", "mail_days", "quarantine", "mailboxes", "users", "members"}
PATHS = (
    "/",
    "/?trends=1",
    "/connections",
    "/connections?q=fabrikam&sort=synced&page=2",
    "/connections?status=action_required&customer=fabrikam",
    "/search?q=fabrikam",
    "/activity",
    "/activity?act=drift",
    "/activity?actor=olga",
    "/activity?q=fabrikam",
    "/activity?since=2026-01-01&until=2026-02-01",
    "/batches",
    "/health",
)


async def test_no_page_of_the_fleet_reads_a_table_whole_that_grows(world: World) -> None:
    wrong = {}
    for path in PATHS:
        with counted(world.app.database) as found:
            await see(world, path, ADA)
        asked = [(text, values) for text, values in found.statements if text.startswith("SELECT")]
        assert asked
        for text, values in asked:
            if tables := await read_whole(world.app.database, text, values):
                wrong[path, text] = tables
    assert not wrong


async def test_what_is_read_whole_is_noticed(world: World) -> None:
    every = "SELECT number FROM ledger WHERE note = 'a'"
    assert await read_whole(world.app.database, every, ()) == {"ledger"}
    assert not await read_whole(world.app.database, f"{every} AND connection = 'b'", ())


async def read_whole(database: Database, text: str, values: Any) -> set[str]:
    """The growing tables of which a statement would read every row, as the database plans it."""
    async with database.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
            plans = [row.detail for row in rows]
            found = [re.match(r"SCAN (\w+)(?! USING)$", plan) for plan in plans]
            return {one[1] for one in found if one} & GROWING
        # Of so few rows it would read all, and only what has no index that serves is read so in spite of this.
        await connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        plan = (await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {text}", values)).scalar_one()
    return {one["Relation Name"] for one in _parts(plan) if one.get("Node Type") == "Seq Scan"} & GROWING


def _parts(plan: Any) -> Iterator[dict[str, Any]]:
    for one in plan if isinstance(plan, list) else [plan]:
        if isinstance(one, dict):
            yield one
            for inner in one.values():
                if isinstance(inner, dict | list):
                    yield from _parts(inner)
