"""What was kept long enough is deleted each night, of closed connections too, and what is younger stays."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from shared.connections.record import Connection
from shared.engine import erasure
from shared.flows.retention import KINDS
from shared.flows.timers import fire
from shared.foundation.retention import Retention
from shared.foundation.schedule import TIMERS
from shared.storage import tables as db
from tests.harness import workspace as google
from tests.harness.world import World

ROTATE = next(timer for timer in TIMERS if timer.name == "rotate")
# Each kind with its tables and the column of its age; what goes with its connection has none.
TABLES = {
    "operations": {"operations": "at"},
    "statistics": {"decisions": "at", "mail_days": "day", "sync_runs": "at"},
    "reports": {"reports": "made_at"},
    "events": {"events": "at", "deliveries": "at"},
    "closed": {"connections": "stage_since", "ledger": "", "certificates": ""},
}
# One row of each table that a life does not leave behind by itself.
ROWS: dict[str, dict[str, Any]] = {
    "decisions": {"user": "u", "message": "m", "action": "label", "policy": "p", "findings": [], "done": True},
    "mail_days": {"scanned": 1, "acted": 0},
    "sync_runs": {"held": {}, "gone": {}},
    "reports": {"name": "r", "kind": "daily", "content": {}, "recipients": {}},
    "deliveries": {"webhook": "w", "event": "e", "state": "sent", "tries": []},
}


async def closed_with_everything(world: World) -> Connection:
    """A closed connection of which there is a row in every table that has an age."""
    closed = await google.leave(world, await google.connect(world))
    now = world.clock.now()
    async with world.app.database.write() as write:
        for name, values in ROWS.items():
            table = db.metadata.tables[name]
            moments = {c.name: now for c in table.columns if isinstance(c.type, db.Moment) and not c.nullable}
            await write.execute(sa.insert(table).values(connection=closed.id, **moments, **values))
        await write.execute(sa.update(db.events).values(offered=True))
        for name, age in ((name, age) for tables in TABLES.values() for name, age in tables.items() if age):
            await write.execute(sa.update(db.metadata.tables[name]).values({age: now}))
    return closed


async def counted(world: World, kind: str) -> list[int]:
    """How many rows there are in each table of a kind."""
    async with world.app.database.read() as read:
        tables = [db.metadata.tables[name] for name in TABLES[kind]]
        return [(await read.execute(sa.select(sa.func.count()).select_from(one))).scalar_one() for one in tables]


@pytest.mark.parametrize("kind", [one.setting for one in KINDS])
async def test_a_kind_is_deleted_at_its_age_and_not_before(world: World, kind: str) -> None:
    closed = await closed_with_everything(world)
    kept = timedelta(days=50)
    # Nothing else is old enough to go.
    others = {name: timedelta(days=3650) for name in Retention.model_fields if name not in (kind, "closed")}
    there = await world.again(retention={**others, kind: kept})
    begun = await counted(world, kind)
    assert min(begun) >= 1
    world.clock.move(kept - timedelta(hours=3))
    await fire(there.app, ROTATE)
    assert await counted(world, kind) == begun
    world.clock.move(timedelta(hours=6))
    await fire(there.app, ROTATE)
    assert await counted(world, kind) == [0] * len(begun)
    assert (closed.id in await erasure.erased(world.app.database)) is (kind == "closed")


async def test_without_a_setting_a_closed_connection_stays(world: World) -> None:
    closed = await google.leave(world, await google.connect(world))
    world.clock.move(timedelta(days=3650))
    await fire(world.app, ROTATE)
    assert await world.connection(closed.id) == closed
    assert [one.setting for one in KINDS] == list(Retention.model_fields) == list(TABLES)
