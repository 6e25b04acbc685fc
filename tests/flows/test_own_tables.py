"""Every table that has something of a connection: deleted with its end, or kept for a reason that is said here."""

from typing import Any

import sqlalchemy as sa

from shared.flows import own_house
from shared.storage import tables as db
from tests.harness.world import World

# What outlives the end: as a record, or because something else deletes it.
KEPT = {
    "approvals": "an hour, then with the next one",
    "batch_items": "a record of what operators did",
    "callbacks": "the sweep, after half an hour",
    "certificates": "a record, until the connection is erased",
    "deferred_jobs": "a message on its way",
    "deliveries": "FOOTPRINT_RETENTION__EVENTS",
    "events": "FOOTPRINT_RETENTION__EVENTS",
    "expected_jobs": "a message on its way",
    "exports": "30 days, in which the operator fetches them",
    "grants": "given back to the platform first",
    "holdings": "a record, until the connection is erased",
    "ledger": "a record, until the connection is erased",
    "looks": "the sweep",
    "mail_days": "FOOTPRINT_RETENTION__STATISTICS",
    "operations": "FOOTPRINT_RETENTION__OPERATIONS",
    "orders": "a message on its way",
    "reports": "FOOTPRINT_RETENTION__REPORTS",
}


def of_connections() -> dict[str, sa.Column[Any]]:
    """Each such table with its column."""
    named = ((table, key.parent) for table in db.metadata.sorted_tables for key in table.foreign_keys)
    return {table.name: column for table, column in named}


def some(column: sa.Column[Any], world: World) -> Any:
    """A value that the column takes."""
    match column.type:
        case db.Moment():
            return world.clock.now()
        case sa.Integer():
            return 1
        case sa.Boolean():
            return False
        case sa.LargeBinary():
            return b"x"
        case sa.JSON():
            return {}
    return f"{column.table.name}.{column.name}"


async def test_what_is_stored_of_a_connection_ends_with_it(world: World) -> None:
    connection = await world.create()
    async with world.app.database.write() as write:
        for name, column in of_connections().items():
            mine = sa.select(sa.func.count()).select_from(column.table).where(column == connection.id)
            if (await write.execute(mine)).scalar_one() == 0:
                values = {one.name: some(one, world) for one in column.table.columns} | {column.name: connection.id}
                await write.execute(sa.insert(db.metadata.tables[name]).values(values))
        await own_house.close(write, connection.id, world.clock.now())
        await own_house.delete(write, connection.id)
        left = set()
        for name, column in of_connections().items():
            mine = sa.select(sa.func.count()).select_from(column.table).where(column == connection.id)
            left |= {name} if (await write.execute(mine)).scalar_one() else set()
    assert left == KEPT.keys()
