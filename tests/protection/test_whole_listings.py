"""Complete listings, page by page: what is as it was is not written, and who is on no page is found at the end."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from infra.local.bench.counted import counted
from shared.foundation.errors import Permanent
from shared.protection import directory, listings, whole_listings
from shared.protection.listings import MEMBERS_OF, Listing
from shared.storage import tables as db
from shared.storage.database import Database
from shared.storage.ids import ConnectionId
from tests.harness.databases import Databases
from tests.harness.processes import NOW, add

ONE = ConnectionId("one")


@pytest.fixture
async def database(databases: Databases, tmp_path: Path) -> AsyncIterator[Database]:
    """A database with one connection."""
    made = Database(databases.url(tmp_path))
    await add(made, ONE)
    yield made
    await made.close()


def user(key: str, name: str = "A Name") -> dict[str, Any]:
    """What a page shows of a user."""
    return {"id": key, "name": name, "mail": f"{key}@large.example", "enabled": True, "receives": True, "skipped": None}


async def read(database: Database, pages: Sequence[Sequence[dict[str, Any]]], kind: str = "users") -> Listing:
    """Read a listing of these pages to its end."""
    listing = await listings.begin(database, ONE, kind, NOW, complete=True)
    for number, rows in enumerate(pages, 1):
        link = None if number == len(pages) else str(number)
        listing = await whole_listings.put(database, ONE, listing, rows, link=link)
    return listing


async def held(database: Database) -> dict[str, str | None]:
    """The users of our copy, each with the name."""
    async with database.read() as look:
        rows = await look.execute(sa.select(db.users.c.id, db.users.c.name).where(db.users.c.connection == ONE))
        return {row.id: row.name for row in rows}


async def test_pages_that_show_what_they_showed_write_no_row(database: Database) -> None:
    pages = [[user("a"), user("b")], [user("c"), user("d")]]
    await read(database, pages)
    with counted(database) as count:
        listing = await read(database, pages)
        assert await whole_listings.unseen(database, ONE, listing, 0.1) == []
        await whole_listings.settle(database, ONE, listing, [], NOW)
    assert count.rows.keys() == {"listings"}


async def test_what_changed_is_written_alone(database: Database) -> None:
    await read(database, [[user("a"), user("b")], [user("c"), user("d")]])
    with counted(database) as count:
        await read(database, [[user("a"), user("b", "Another Name")], [user("c"), user("d")]])
    assert count.rows["users"] == 1
    assert (await held(database))["b"] == "Another Name"


async def test_one_more_at_the_head_moves_one_over_each_edge_and_loses_nobody(database: Database) -> None:
    await read(database, [[user("b"), user("c")], [user("d"), user("e")], [user("f")]])
    listing = await read(database, [[user("a"), user("b")], [user("c"), user("d")], [user("e"), user("f")]])
    assert await whole_listings.unseen(database, ONE, listing, 0.1) == []
    assert set(await held(database)) == set("abcdef")


async def test_who_is_on_no_page_is_unseen_and_goes_when_told(database: Database) -> None:
    keys = [f"{number:02}" for number in range(20)]
    await read(database, [[user(key) for key in keys[:10]], [user(key) for key in keys[10:]]])
    # One from the middle; and the last page is not there any more.
    fewer = [key for key in keys if key not in ("03", "19")]
    listing = await read(database, [[user(key) for key in fewer]])
    assert sorted(await whole_listings.unseen(database, ONE, listing, 0.1)) == ["03", "19"]
    await whole_listings.settle(database, ONE, listing, ["03", "04"], NOW)  # the second one was shown
    assert set(await held(database)) == set(keys) - {"03"}


async def test_a_listing_that_begins_anew_counts_what_it_shows_itself(database: Database) -> None:
    await read(database, [[user("a")], [user("b")], [user("c")]])
    listing = await listings.begin(database, ONE, "users", NOW, complete=True)
    await whole_listings.put(database, ONE, listing, [user("c")], link="1")  # and then its link expires
    listing = await read(database, [[user("a")], [user("b")]])
    assert await whole_listings.unseen(database, ONE, listing, 1.0) == ["c"]


async def test_pages_that_show_the_same_again_are_idle(database: Database) -> None:
    listing = await listings.begin(database, ONE, "users", NOW, complete=True)
    for link, idle in (("1", 0), ("2", 1), ("3", 2)):
        listing = await whole_listings.put(database, ONE, listing, [user("a"), user("b")], link=link)
        assert listing.idle == idle
    listing = await whole_listings.put(database, ONE, listing, [user("a"), user("c")], link="4")
    assert listing.idle == 0


async def test_more_than_a_customer_loses_at_once_is_refused(database: Database) -> None:
    await read(database, [[user(f"{number:02}") for number in range(40)]])
    listing = await read(database, [[user("00")]])
    with pytest.raises(Permanent, match="implausible_loss"):
        await whole_listings.unseen(database, ONE, listing, 0.1)


async def test_who_was_skipped_is_written_again_when_shown(database: Database) -> None:
    await read(database, [[user("a")]])
    await directory.skip(database, ONE, "a", "is not of this organisation any more")
    await read(database, [[user("a")]])
    async with database.read() as look:
        assert (await look.execute(sa.select(db.users.c.skipped))).scalars().all() == [None]


async def test_members_of_one_group_are_of_that_group_alone(database: Database) -> None:
    for group in ("g", "h"):
        listing = await read(database, [[{"member_id": "a"}], [{"member_id": "b"}]], MEMBERS_OF + group)
        await whole_listings.settle_members(database, ONE, listing)
    with counted(database) as count:
        listing = await read(database, [[{"member_id": "b"}]], MEMBERS_OF + "g")
        await whole_listings.settle_members(database, ONE, listing)
    assert count.rows["members"] == 3  # a is let go of by its page, b is on the first one now, and a is deleted
    async with database.read() as look:
        rows = (await look.execute(sa.select(db.members.c.group_id, db.members.c.member_id))).all()
    assert sorted((row.group_id, row.member_id) for row in rows) == [("g", "b"), ("h", "a"), ("h", "b")]
