"""A run may be cancelled at any statement of a transaction: nothing of it is written, and nobody waits for it."""

import asyncio
from typing import Any

import sqlalchemy as sa

from shared.connections import record as connections
from shared.storage import tables as db
from shared.storage.database import Database
from tests.harness.processes import add


async def cancelled(database: Database, connection: str, at: str) -> asyncio.Task[None]:
    """A transaction that is cancelled while the database carries out the first statement that begins with `at`."""

    async def write() -> None:
        async with database.write() as write:
            await write.execute(sa.update(db.connections).values(name="another").returning(db.connections.c.id))
            await write.execute(sa.select(db.connections).where(db.connections.c.id == connection))

    task = asyncio.ensure_future(write())

    def cancel(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(at):
            task.cancel()

    sa.event.listen(database.engine.sync_engine, "before_cursor_execute", cancel)
    await asyncio.wait([task])
    sa.event.remove(database.engine.sync_engine, "before_cursor_execute", cancel)
    return task


async def test_a_cancelled_transaction_keeps_no_other_waiting(processes: list[Database]) -> None:
    first, second, *_ = processes
    name = await add(first, "one")
    # Held, as an error's traceback holds the cursor that was in use.
    ended = [await cancelled(first, name, at) for at in ("UPDATE", "SELECT")]
    assert [task.cancelled() for task in ended] == [True, True]
    for database in (first, second):
        # SQLite waits twenty seconds for its lock, and then gives up.
        await asyncio.wait_for(add(database, f"of {id(database)}"), timeout=15)
    found = await connections.find(second, name)
    assert found is not None
    assert found.name == "one"
