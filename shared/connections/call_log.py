"""The access and operation log: one row for every call made with the service's own account, appended and never changed.

It says who was impersonated, what was called on which object and what came of it; never what a message says.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from shared.connections.record import hold
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, step
from shared.storage.ids import ConnectionId
from shared.storage.people import Person

# Rows kept back before they are written together; a run that dies loses no more than these.
MAX_UNWRITTEN_CALLS = 100
# The columns that may name a person, and how many rows are looked through at once.
NAMING, AT_ONCE = ("subject", "target", "reason"), 1000


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call. `method` is the platform's own name for it, `target` an id, `run` what it was a part of."""

    at: datetime
    run: str
    client: str
    subject: str | None
    method: str
    target: str | None
    status: int | None
    reason: str | None
    attempt: int
    milliseconds: int
    quota: int


@dataclass(frozen=True, kw_only=True)
class LoggedOperation(Operation):
    """A call as it is kept. Its fields are the table's columns."""

    number: int
    connection: str


class Operations:
    """One connection's log, for one run."""

    def __init__(self, database: Database, connection_id: ConnectionId) -> None:
        self._database, self._connection = database, connection_id
        self._kept_back: list[Operation] = []

    def add(self, operation: Operation) -> None:
        """Note a call; it is written with the next `flush`."""
        self._kept_back.append(operation)

    async def flush_some(self) -> None:
        """Write what was noted, if that is enough for a statement."""
        await self.flush(at_least=MAX_UNWRITTEN_CALLS)

    async def flush(self, *, at_least: int = 1) -> None:
        """Write what has been noted, once there is enough of it."""
        if len(self._kept_back) < at_least:
            return
        rows = [{"connection": self._connection, **asdict(operation)} for operation in self._kept_back]
        self._kept_back = []
        # What was called was called, even if another run has the connection by now.
        async with self._database.record() as write:
            # Numbers must become visible in their order, or who reads on from the last one would miss some.
            await hold(write, self._connection)
            await write.execute(sa.insert(db.operations), rows)


async def listed(
    database: Database, connection_id: ConnectionId, *, after: int = 0, most: int = 1000
) -> list[LoggedOperation]:
    """The rows behind a number, in order."""
    table = db.operations
    query = sa.select(table).where(table.c.connection == connection_id, table.c.number > after)
    async with database.read() as read:
        rows = (await read.execute(query.order_by(table.c.number).limit(most))).mappings()
        return [LoggedOperation(**row) for row in rows]


async def counted(database: Database, connection_id: ConnectionId, begin: datetime, end: datetime) -> dict[str, int]:
    """How many calls of each method were answered with success in a span of time."""
    table = db.operations
    query = (
        sa.select(table.c.method, sa.func.count())
        .where(table.c.connection == connection_id, table.c.at >= begin, table.c.at < end)
        .where(table.c.status >= 200, table.c.status < 300)
        .group_by(table.c.method)
    )
    async with database.read() as read:
        return {row[0]: row[1] for row in await read.execute(query)}


async def objects_by_step(
    read: AsyncConnection, connection_id: ConnectionId, method: str, begin: datetime, ends: Sequence[datetime]
) -> tuple[int, dict[int, int]]:
    """On how many objects a method was called with success between `begin` and the last of `ends`; and by step of that.

    An object that was read twice counts once. Its id means something only beside whose it is.
    """
    table = db.operations.c
    objects = sa.func.count(sa.distinct(sa.func.coalesce(table.subject, "") + " " + sa.func.coalesce(table.target, "")))
    good = (
        table.connection == connection_id,
        table.at >= begin,
        table.at < ends[-1],
        table.method == method,
        table.status.between(200, 299),
    )
    rows = await read.execute(sa.select(step(table.at, ends), objects).where(*good).group_by("step"))
    by_step = {row[0]: row[1] for row in rows}
    return int((await read.execute(sa.select(objects).where(*good))).scalar_one()), by_step


async def outcomes(
    read: AsyncConnection, connection_id: ConnectionId, begin: datetime, end: datetime
) -> tuple[int, int]:
    """How many calls were made in a span of time, and how many of them failed."""
    table = db.operations.c
    failed = sa.func.sum(sa.case((table.status.between(200, 299), 0), else_=1))
    mine = (table.connection == connection_id, table.at >= begin, table.at < end)
    made, wrong = (await read.execute(sa.select(sa.func.count(), failed).where(*mine))).one()
    return made, wrong or 0


async def purge(write: AsyncConnection, before: datetime) -> None:
    """Delete what is older than the log is kept, whatever the stage of its connection."""
    await write.execute(sa.delete(db.operations).where(db.operations.c.at < before))


async def named(read: AsyncConnection, person: Person) -> set[ConnectionId]:
    """The connections whose log may name a person."""
    return set((await read.execute(sa.select(db.operations.c.connection).where(_named(person)).distinct())).scalars())


def _named(person: Person) -> sa.ColumnElement[bool]:
    return sa.or_(*(person.perhaps_in(db.operations.c[name]) for name in NAMING))


async def forget(write: AsyncConnection, connection_id: ConnectionId, person: Person) -> int:
    """Empty what names a person in the calls of a connection, and tell in how many; the calls themselves stay."""
    table, forgotten, last = db.operations, 0, 0
    columns = [table.c[name] for name in ("number", *NAMING)]
    mine = sa.select(*columns).where(table.c.connection == connection_id, _named(person)).order_by(table.c.number)
    while rows := (await write.execute(mine.where(table.c.number > last).limit(AT_ONCE))).mappings().all():
        for row in rows:
            fields = [name for name in NAMING if row[name] is not None and person.named_in(row[name])]
            if fields:
                one = sa.update(table).where(table.c.number == row["number"])
                await write.execute(one.values(dict.fromkeys(fields)))
                forgotten += 1
        last = rows[-1]["number"]
    return forgotten
