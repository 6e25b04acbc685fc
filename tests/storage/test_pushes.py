"""News of a mailbox is found by the index of addresses, in one statement, however many mailboxes there are."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from infra.local.bench.counted import counted
from shared.connections.stages import Stage
from shared.protection import mailboxes
from shared.storage import tables as db
from shared.storage.database import Database
from tests.harness.databases import Databases
from tests.harness.processes import add

MAILBOXES = 4000


@pytest.fixture
async def database(databases: Databases, tmp_path: Path) -> Database:
    """Running connections with many mailboxes each, and a database that knows how many there are."""
    database = Database(databases.url(tmp_path))
    names = [await add(database, f"c{number}", platform="google_workspace", stage=Stage.RUN) for number in range(4)]
    async with database.write() as write:
        rows = [
            {"connection": name, "user": f"u{number}", "address": f"u{number}@{name}.example", "position": 1}
            for name in names
            for number in range(MAILBOXES // len(names))
        ]
        await write.execute(sa.insert(db.mailboxes), rows)
        await write.execute(sa.text("ANALYZE"))
    return database


@pytest.mark.parametrize("number", [1, 20])
async def test_news_is_found_by_the_index_in_one_statement(database: Database, number: int) -> None:
    news = {f"u{one}@c2.example": 7 for one in range(number)}
    with counted(database) as count:
        assert await mailboxes.notice(database, "google_workspace", news) == ["c2"]
    ((text, values),) = count.statements
    assert count.transactions == 1
    explain = "EXPLAIN QUERY PLAN" if database.engine.dialect.name == "sqlite" else "EXPLAIN"
    async with database.read() as read:
        plan = "\n".join(str(row) for row in await read.exec_driver_sql(f"{explain} {text}", values))
    assert "mailboxes_by_address" in plan
    assert "SCAN mailboxes" not in plan
    assert "Seq Scan on mailboxes" not in plan
    await database.close()


async def test_what_was_noted_leads_to_nothing_and_the_same_once_more_is_told(database: Database) -> None:
    address = "u1@c1.example"
    told = [await mailboxes.notice(database, "google_workspace", {address: number}) for number in (1, 9, 8, 9)]
    assert told == [[], ["c1"], [], ["c1"]]
    (found,) = [one for one in await mailboxes.listed(database, "c1") if one.address == address]
    assert found.noticed == 9
    await database.close()


async def test_an_address_in_other_letters_is_the_same(database: Database) -> None:
    await mailboxes.keep(database, "c0", "new", "New@C0.Example", position=1)
    assert await mailboxes.notice(database, "google_workspace", {"new@c0.example": 2}) == ["c0"]
    await database.close()
