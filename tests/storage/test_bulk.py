"""Many rows at once come out as single ones would: new ones inserted, others changed in the columns that are named."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shared.storage import bulk
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId
from tests.harness.databases import Databases
from tests.harness.processes import add

ONE = ConnectionId("one")


def rows(number: int, **values: Any) -> list[dict[str, Any]]:
    user = {"connection": ONE, "mark": "first", "name": "Ö “A” \\ 'B', {C}", "mail": None, "enabled": True}
    also = {"kind": None, "aliases": ["a@large.example", 'b"{}\\@large.example'], "receives": False, "skipped": None}
    return [{"id": f"user {n}", **user, **also, **values} for n in range(number)]


async def test_rows_are_inserted_and_changed_and_none_stays_none(databases: Databases, tmp_path: Path) -> None:
    database = Database(databases.url(tmp_path))
    await add(database, ONE)
    async with database.write() as write:
        await bulk.merge(write, db.users, {"mark", "name"}, rows(2000))
        await bulk.merge(write, db.users, {"mark", "aliases"}, rows(3, mark="second", name="other", aliases=None))
        await bulk.merge(write, db.users, {"mark"}, [])
    async with database.read() as read:
        found = {row.id: row for row in await read.execute(sa.select(db.users))}
        unset = sa.select(sa.func.count()).where(db.users.c.aliases.is_(None))
        assert (await read.execute(unset)).scalar_one() == 3
    assert len(found) == 2000
    (first,), (second,) = rows(1), rows(1, mark="second", aliases=None)
    assert {name: found["user 1999"]._mapping[name] for name in first} == first | {"id": "user 1999"}
    assert {name: found["user 0"]._mapping[name] for name in second} == second
    await database.close()
