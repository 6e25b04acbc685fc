"""The ledger's chain: entries that are only ever appended, each with the hash of the one before it, per connection."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from secrets import token_hex
from typing import Any

import sqlalchemy as sa

from shared.connections.record import Connection, hold, update
from shared.engine.acting import account
from shared.foundation.errors import Permanent
from shared.foundation.hash_chain import COMMITTED, ERASE, GENESIS, Chain, entry_hash
from shared.foundation.signatures import canonical
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database
from shared.storage.ids import ConnectionId

Image = Mapping[str, Any]
# Entries read at once: a ledger may have a hundred thousand.
PAGE = 1000
# What a row that somebody has spoilt raises when it is read.
UNREADABLE = (ValueError, TypeError, LookupError)
# A longer list is written down by its size and digest.
MAX_LIST_ITEMS = 50
SALT_BYTES = 16
NO_SECRETS: Mapping[str, str] = {}


class Unreadable(Permanent):
    """An entry of the ledger is not what an entry can be: the database was changed or is damaged."""

    def __init__(self, number: int) -> None:
        super().__init__(
            "ledger_unreadable",
            f"Entry {number} of the ledger cannot be read: the database was changed or is damaged. Compare it with a "
            "backup.",
        )
        self.number = number


class Act(StrEnum):
    """What is done to an object, or noticed about it."""

    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    ADOPT = "adopt"
    BORROW = "borrow"
    FORGET = "forget"
    DRIFT = "drift"
    ASK = "ask"
    MISS = "miss"
    UNSEEN = "unseen"
    UNSURE = "unsure"
    LEAVE = "leave"
    ATTEST = "attest"
    ORDER = "order"
    STAGE = "stage"
    REMARK = "remark"
    PURGE = "purge"
    READ = "read"
    MARKED = "marked"
    ERASE = ERASE


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the ledger, without its chain. `actor` is who acted or asked for it; None is the service itself.

    That is a label for people. Who it was is `subject`: the issuer and its own id of the account.
    """

    key: str
    act: Act
    actor: str | None = None
    subject: str | None = None
    state: str = "noted"
    intent: int | None = None
    identity: str | None = None
    before: Image | None = None
    after: Image | None = None
    request_id: str | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class LedgerEntry(Entry):
    """An entry of the ledger, with its place in the chain. Its fields are the table's columns."""

    connection: str
    number: int
    at: datetime
    generation: int
    previous_hash: str
    hash: str
    """SHA-256 of the entry with `previous_hash`, so that none can be changed unseen."""
    salts: Mapping[str, str] | None = None
    """The salt of each text to which the hash only commits, by its field."""
    erased: Mapping[str, str] | None = None
    """The commitment of each text that was emptied, by its field."""


async def append(
    write: AsyncConnection, connection_id: ConnectionId, generation: int, now: datetime, entry: Entry
) -> int:
    """Add one entry to a connection's chain inside the caller's transaction and return its number."""
    # Two writers would fork the chain.
    await hold(write, connection_id)
    entries, last = await head(write, connection_id)
    row: dict[str, Any] = {
        "connection": connection_id,
        "number": entries + 1,
        "at": now,
        "generation": generation,
        "previous_hash": last,
        **entry.__dict__,
        "act": str(entry.act),
        "subject": account() if entry.actor is not None else None,
    }
    row["salts"] = {name: token_hex(SALT_BYTES) for name in COMMITTED if row[name] is not None}
    row["hash"] = entry_hash(_dated(row))
    await write.execute(sa.insert(db.ledger).values(row))
    return entries + 1


async def head(read: AsyncConnection, connection_id: ConnectionId) -> tuple[int, str]:
    """How many entries a ledger has, and the hash of the last; inside the caller's transaction."""
    table = db.ledger.c
    query = sa.select(table.number, table.hash).where(table.connection == connection_id)
    last = (await read.execute(query.order_by(table.number.desc()).limit(1))).first()
    return (last.number, last.hash) if last else (0, GENESIS)


async def heads(database: Database) -> dict[ConnectionId, tuple[int, str]]:
    """How many entries each ledger has, and the hash of its last."""
    table = db.ledger.c
    last = sa.select(table.connection, sa.func.max(table.number).label("number")).group_by(table.connection).subquery()
    mine = sa.and_(table.connection == last.c.connection, table.number == last.c.number)
    query = sa.select(table.connection, table.number, table.hash).select_from(db.ledger.join(last, mine))
    async with database.read() as read:
        return {row.connection: (row.number, row.hash) for row in await read.execute(query)}


async def hash_of(database: Database, connection_id: ConnectionId, number: int) -> str | None:
    """The hash of one entry, or None if there is none."""
    table = db.ledger.c
    query = sa.select(table.hash).where(table.connection == connection_id, table.number == number)
    async with database.read() as read:
        found: str | None = (await read.execute(query)).scalar()
        return found


async def order(
    write: AsyncConnection,
    connection: Connection,
    now: datetime,
    actor: str,
    note: str,
    *,
    key: str = "connection",
    before: Image | None = None,
    after: Image | None = None,
    runs: bool = False,
) -> None:
    """Note inside the caller's transaction that somebody asked for something, or changed what is asked of us.

    `runs`: a run of the connection will follow.
    """
    entry = Entry(
        key=key,
        act=Act.ORDER,
        actor=actor,
        note=note,
        before=before and written(before),
        after=after and written(after),
    )
    await append(write, connection.id, connection.generation, now, entry)
    if runs:
        await update(write, connection.id, asked_at=now)


async def last_order(database: Database, connection_id: ConnectionId, about: str, note: str = "") -> datetime | None:
    """When somebody last asked for something about objects whose keys begin so; with `note`, for that alone."""
    table = db.ledger.c
    mine = [table.connection == connection_id, table.act == str(Act.ORDER), table.key.startswith(about)]
    mine += [table.note == note] if note else []
    async with database.read() as read:
        last = sa.select(table.at).where(*mine).order_by(table.number.desc()).limit(1)
        found: datetime | None = (await read.execute(last)).scalar()
        return found


def written(value: Any, secrets: Mapping[str, str] = NO_SECRETS) -> Any:
    """JSON as it may be written down: each secret by the name it is mapped to, long lists by size and digest."""
    if isinstance(value, str):
        for secret, name in secrets.items():
            value = value.replace(secret, f"<{name}>")
        return value
    if isinstance(value, Mapping):
        return {name: written(one, secrets) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [written(item, secrets) for item in value]
        if len(items) <= MAX_LIST_ITEMS:
            return items
        return {"items": len(items), "sha256": hashlib.sha256(canonical(items)).hexdigest()}
    return value


async def page(
    database: Database, connection_id: ConnectionId, *, after: int, most: int, newest: bool
) -> list[LedgerEntry]:
    """Some entries behind a number, in order; or with `newest` some before it, the last first, from the end if 0.

    Raises Unreadable if one of them is not what an entry can be.
    """
    number = db.ledger.c.number
    query = sa.select(db.ledger).where(db.ledger.c.connection == connection_id).limit(most)
    if newest:
        query = (query.where(number < after) if after else query).order_by(number.desc())
    else:
        query = query.where(number > after).order_by(number)
    async with database.read() as read:
        return await read_entries(read, query)


async def orders_since(database: Database, connection_id: ConnectionId, actor: str, since: datetime) -> int:
    """How many orders somebody has given a connection since a time."""
    table = db.ledger.c
    theirs = [table.connection == connection_id, table.act == str(Act.ORDER), table.actor == actor, table.at > since]
    async with database.read() as read:
        counted = await read.execute(sa.select(sa.func.count()).select_from(db.ledger).where(*theirs))
        return int(counted.scalar_one())


async def last_of(database: Database, connection_id: ConnectionId, keys: Sequence[str]) -> dict[str, LedgerEntry]:
    """The last entry about each of some objects, by its key."""
    table = db.ledger.c
    mine = (table.connection == connection_id, table.key.in_(keys))
    last = sa.select(sa.func.max(table.number)).where(*mine).group_by(table.key)
    query = sa.select(db.ledger).where(table.connection == connection_id, table.number.in_(last))
    async with database.read() as read:
        return {row["key"]: entry_of(row) for row in (await read.execute(query)).mappings()}


async def entries(database: Database, connection_id: ConnectionId) -> AsyncIterator[LedgerEntry]:
    """A connection's ledger in order, a page at a time. Raises Unreadable."""
    last = 0
    while found := await page(database, connection_id, after=last, most=PAGE, newest=False):
        for entry in found:
            yield entry
        last = found[-1].number


async def entries_in(read: AsyncConnection, connection_id: ConnectionId) -> AsyncIterator[LedgerEntry]:
    """All of them as the caller's transaction sees them, a page at a time."""
    number, last = db.ledger.c.number, 0
    query = sa.select(db.ledger).where(db.ledger.c.connection == connection_id).order_by(number).limit(PAGE)
    while found := await read_entries(read, query.where(number > last)):
        for entry in found:
            yield entry
        last = found[-1].number


async def read_entries(read: AsyncConnection, query: sa.Select[Any]) -> list[LedgerEntry]:
    """The entries of a query of whole rows of one connection. Raises Unreadable."""
    number = db.ledger.c.number
    try:
        return [entry_of(row) for row in (await read.execute(query)).mappings()]
    except UNREADABLE:
        for one in (await read.execute(query.with_only_columns(number))).scalars().all():
            try:
                [entry_of(row) for row in (await read.execute(query.where(number == one))).mappings()]
            except UNREADABLE:
                raise Unreadable(one) from None
        raise


def entry_of(row: sa.RowMapping) -> LedgerEntry:
    """The entry of a row of the table. Raises one of UNREADABLE if it is none."""
    return LedgerEntry(**{**row, "act": Act(row["act"])})


async def verify(database: Database, connection_id: ConnectionId) -> int | None:
    """The number of the first entry that is broken, missing, unreadable, or emptied unsaid; None if it is whole."""
    chain = Chain()
    try:
        async for entry in entries(database, connection_id):
            if not chain.follows(_dated(vars(entry))):
                return chain.entries + 1
    except Unreadable as error:
        return error.number
    return chain.first_emptied if chain.emptied_unsaid else None


def _dated(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row, "at": row["at"].isoformat()}
