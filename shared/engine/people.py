"""A person is erased from a ledger: the texts that name them are emptied, and each keeps its place in the hashes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shared.engine.chain import PAGE, read_entries
from shared.foundation.hash_chain import COMMITTED, commitment
from shared.foundation.signatures import unchecked
from shared.storage import tables as db
from shared.storage.database import AsyncConnection
from shared.storage.ids import ConnectionId
from shared.storage.people import Person


@dataclass(frozen=True, kw_only=True)
class Emptied:
    """How many texts were emptied, and how many stay because their entry is older than the commitments."""

    texts: int = 0
    kept: int = 0


def _named(person: Person) -> sa.ColumnElement[bool]:
    return sa.or_(*(person.perhaps_in(db.ledger.c[name]) for name in COMMITTED))


async def named(read: AsyncConnection, person: Person) -> set[ConnectionId]:
    """The connections whose ledger may name a person."""
    return set((await read.execute(sa.select(db.ledger.c.connection).where(_named(person)).distinct())).scalars())


async def empty(write: AsyncConnection, connection_id: ConnectionId, person: Person) -> Emptied:
    """Empty what names a person in one ledger, in the caller's transaction, which holds it. Raises Unreadable."""
    table, texts, kept, last = db.ledger, 0, 0, 0
    mine = sa.select(table).where(table.c.connection == connection_id, _named(person)).order_by(table.c.number)
    one = (table.c.connection == connection_id, table.c.number == sa.bindparam("entry"))
    while found := await read_entries(write, mine.where(table.c.number > last).limit(PAGE)):
        emptied = []
        for entry in found:
            row, salts = vars(entry), dict(entry.salts or {})
            fields = _fields(row, person)
            erased = {name: commitment(salts.pop(name), row[name]) for name in fields if name in salts}
            texts, kept = texts + len(erased), kept + len(fields) - len(erased)
            if erased:
                left = {name: None if name in erased else row[name] for name in COMMITTED}
                emptied.append(
                    {"entry": entry.number, **left, "salts": salts, "erased": {**(entry.erased or {}), **erased}}
                )
        if emptied:
            await write.execute(sa.update(table).where(*one), emptied)
        last = found[-1].number
    return Emptied(texts=texts, kept=kept)


def _fields(row: Mapping[str, Any], person: Person) -> set[str]:
    fields = {name for name in COMMITTED if row[name] is not None and person.named_in(row[name])}
    # The account of the actor who is named says as much as the name.
    return fields | ({"subject"} if "actor" in fields and row["subject"] is not None else set())


async def certificates(read: AsyncConnection, connection_id: ConnectionId, person: Person) -> int:
    """How many signed certificates of a connection name a person; they go with their connection only."""
    table = db.certificates
    signed = await read.execute(sa.select(table.c.signed).where(table.c.connection == connection_id))
    return sum(person.named_in(unchecked(one, 1)) for one in signed.scalars())
