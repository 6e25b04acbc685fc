"""What was intended, what came of it, and what is ours.

The ledger is append-only and hash-chained per connection: an intent is written, with how the object was, before a
platform is called, and the outcome, with how the object is and the platform's request id, after it. Holdings are
its running total: one row per object, with the recorded identity by which alone it may be changed or removed.
Both are written in one transaction that also proves that this run still holds the connection's lease. If it does not,
nothing is written but the outcome of what was intended before, as late, and never over what another run has written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from shared.connections.lease import Lease, Superseded, holds
from shared.engine.chain import Act, Entry, Image, append, written
from shared.foundation.clock import Clock
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database
from shared.storage.ids import ConnectionId


class HoldingState(StrEnum):
    """Where a holding stands. CREATING and REMOVING have an intent whose outcome is not known yet.

    What an administrator does is ASKED for until it is seen, LEAVING once its removal was asked for, and MISSED
    when it was not seen once. LEFT is what another connection still needs and will have removed in its turn. UNSURE
    is an element of a list that the customer uses too, whose owner is unknown, and stays.
    """

    CREATING = "creating"
    ASKED = "asked"
    OURS = "ours"
    BORROWED = "borrowed"
    REMOVING = "removing"
    LEAVING = "leaving"
    MISSED = "missed"
    LEFT = "left"
    UNSURE = "unsure"
    GONE = "gone"


# Before the outcome of a call that was sent in time.
LATE = "late, after another run had taken over or the connection had changed direction"

# Nothing of ours any more, or never ours: nobody waits for it and nobody removes it.
NOT_OURS = frozenset({HoldingState.BORROWED, HoldingState.LEFT, HoldingState.UNSURE})
# Between a row's key and the number of an incarnation that another one has followed.
FORMER = "~"
NOTHING_AMISS: Mapping[str, Any] = {"drift": None, "missed_at": None, "attempts": 0}


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What the ledger knows of one object. `seen` is how it was when we last made, changed or adopted it.

    An object that was made anew has a holding for each incarnation, so that each is followed by its own identity.
    `missed_at` is when a complete look first did not find it; None once it was found again.
    """

    key: str
    state: HoldingState
    since: datetime
    identity: str | None = None
    seen: Image | None = None
    drift: Image | None = None
    incarnation: int = 1
    missed_at: datetime | None = None
    attempts: int = 0

    def former(self) -> "Holding | None":
        """The same as a holding of its own, before another incarnation takes its place; None if it was never seen."""
        if self.identity is None:
            return None
        return replace(
            self, key=f"{self.key}{FORMER}{self.incarnation}", state=HoldingState.GONE, seen=None, drift=None
        )


@dataclass(frozen=True, kw_only=True)
class Attestation:
    """Somebody's word that an administrator's step is done, or that an offer is taken."""

    at: datetime
    note: str


class Ledger:
    """One connection's ledger, written by the one run that holds its lease."""

    def __init__(self, database: Database, clock: Clock, lease: Lease, secrets: Mapping[str, str]) -> None:
        """`secrets` maps each value that must never be written to the name that is written in its place."""
        self._database = database
        self._clock = clock
        self._lease = lease
        self._secrets = secrets
        self.holdings: dict[str, Holding] = {}
        self.attested: dict[str, Attestation] = {}
        self.marked: dict[str, str] = {}

    async def load(self) -> None:
        """Read the holdings afresh, and what people have said since the connection last changed direction."""
        connection, table = self._lease.connection_id, db.ledger
        mine = (table.c.connection == connection, table.c.generation == self._lease.generation)
        told = table.c.act.in_((str(Act.ATTEST), str(Act.MARKED)))
        said = sa.select(table.c.act, table.c.key, table.c.at, table.c.note).where(*mine, told)
        async with self._database.read() as read:
            self.holdings = await _holdings(read, connection)
            rows = list(await read.execute(said.order_by(table.c.number)))
        told_of = {act: {row.key: row for row in rows if row.act == act} for act in (Act.ATTEST, Act.MARKED)}
        self.attested = {key: Attestation(at=row.at, note=row.note or "") for key, row in told_of[Act.ATTEST].items()}
        self.marked = {key: row.note or "" for key, row in told_of[Act.MARKED].items()}

    def taken(self, key: str) -> bool:
        """Whether somebody has asked, since the revoke, for the removal of an object that would stay."""
        return key in self.attested

    def image(self, settings: Mapping[str, Any]) -> Image:
        """Settings as they may be written down: secrets by name, long lists by size and digest."""
        image: Image = written(settings, self._secrets)
        return image

    async def begin(
        self, key: str, act: Act, *, before: Image | None, after: Image | None, identified: bool = False
    ) -> int:
        """Write the intent before the call and return its number. Raises Superseded if the run lost its lease.

        Of an `identified` object that is made anew, the incarnation before is kept as a holding of its own.
        """
        held, former = self.holdings.get(key), None
        state = {Act.CREATE: HoldingState.CREATING, Act.REMOVE: HoldingState.REMOVING}.get(act)
        now = self._clock.now()
        if state is HoldingState.CREATING and (held is None or held.state is HoldingState.GONE):
            number = held.incarnation + 1 if held else 1
            former = held.former() if held and identified else None
            held = Holding(key=key, state=state, since=now, incarnation=number, attempts=1)
        elif state is not None and held is not None:
            held = replace(held, state=state, since=now, missed_at=None, attempts=held.attempts + 1)
        entry = Entry(key=key, act=act, state="intended", before=before, after=after)
        return await self._write(entry, holding=held, former=former)

    async def finish(
        self, intent: int, key: str, act: Act, *, identity: str | None, after: Image | None, request_id: str
    ) -> None:
        """Write that an intent was carried out and read back."""
        held = self.holdings[key]
        state = HoldingState.GONE if act is Act.REMOVE else HoldingState.OURS
        since = held.since if held.state is state else self._clock.now()
        # What others changed, and this did not put right, is neither as we left it nor forgotten.
        drift, image = held.drift or {}, after or {}
        stands = {name for name, value in drift.items() if act is Act.UPDATE and image.get(name) == value}
        was = {name: (held.seen or {}).get(name) for name in stands}
        seen = None if state is HoldingState.GONE else {**(after or {}), **was}
        holding = replace(
            held,
            state=state,
            since=since,
            identity=identity or held.identity,
            seen=seen,
            # With it stays what it does to mail, which no setting of the object says.
            drift={name: value for name, value in drift.items() if name in stands or name not in image}
            if stands
            else None,
            missed_at=None,
            attempts=0,
        )
        entry = Entry(
            key=key, act=act, state="done", intent=intent, identity=holding.identity, after=after, request_id=request_id
        )
        await self._write(entry, holding=holding, outcome=True)

    async def fail(
        self, intent: int, key: str, act: Act, note: str, *, unfinished: bool = False, made: Image | None = None
    ) -> None:
        """Write that an intent did not lead to a known outcome. The next run looks before it tries again.

        `made`: what the platform said that it created; empty if it said that it created nothing; None if nobody knows.
        """
        state = "unfinished" if unfinished else "failed"
        if (held := None if made is None else self.holdings[key]) is not None:
            never = {"state": HoldingState.GONE, "since": self._clock.now(), "incarnation": held.incarnation - 1}
            held = replace(held, **({"seen": made} if made else never))
        entry = Entry(key=key, act=act, state=state, intent=intent, note=note)
        await self._write(entry, holding=held, outcome=True)

    async def note(
        self,
        key: str,
        act: Act,
        *,
        identity: str | None = None,
        before: Image | None = None,
        after: Image | None = None,
        text: str | None = None,
        identified: bool = False,
        intent: int | None = None,
    ) -> None:
        """Write something noticed: adopted, borrowed, found gone, drifted; or done by `intent` to no holding."""
        former = None
        held = self.holdings.get(key) or Holding(key=key, state=HoldingState.GONE, since=self._clock.now())
        match act:
            case Act.ADOPT:
                if identified and identity not in (None, held.identity) and (former := held.former()):
                    held = replace(held, incarnation=held.incarnation + 1)
                held = replace(
                    held,
                    state=HoldingState.OURS,
                    since=self._clock.now(),
                    identity=identity or held.identity,
                    seen=after,
                    **NOTHING_AMISS,
                )
            case Act.BORROW | Act.UNSURE:
                state = HoldingState.BORROWED if act is Act.BORROW else HoldingState.UNSURE
                held = replace(
                    held, state=state, since=self._clock.now(), identity=identity, seen=after, **NOTHING_AMISS
                )
            case Act.UNSEEN:
                held = replace(held, missed_at=self._clock.now())
            case Act.ASK:
                state = HoldingState.ASKED if (after or {}).get("wanted") == "present" else HoldingState.LEAVING
                held = replace(held, state=state, since=self._clock.now(), drift=None)
            case Act.MISS:
                held = replace(held, state=HoldingState.MISSED, since=self._clock.now())
            case Act.LEAVE:
                held = replace(held, state=HoldingState.LEFT, since=self._clock.now())
            case Act.FORGET:
                identity = held.identity
                held = replace(held, state=HoldingState.GONE, since=self._clock.now(), seen=None, **NOTHING_AMISS)
            case Act.DRIFT:
                held = replace(held, drift=after)
        how = "noted" if intent is None else "done"
        entry = Entry(
            key=key, act=act, state=how, intent=intent, identity=identity, before=before, after=after, note=text
        )
        await self._write(entry, holding=held, former=former)

    async def remark(self, key: str, text: str) -> None:
        """Write what concerns no object of ours; raises Superseded if the run lost its lease."""
        await self._write(Entry(key=key, act=Act.REMARK, note=text), holding=None)

    async def come_upon(self, key: str, identity: str, text: str) -> None:
        """Write, once, that something is said to be ours which no entry knows. Raises Superseded without the lease."""
        if key not in self.marked:
            self.marked[key] = text
            await self._write(Entry(key=key, act=Act.MARKED, identity=identity, note=text), holding=None)

    async def _write(
        self, entry: Entry, *, holding: Holding | None, former: Holding | None = None, outcome: bool = False
    ) -> int:
        """Raises Superseded if the run lost its lease; an `outcome` is written all the same, as late."""
        connection = self._lease.connection_id
        if self._lease.number is None:
            raise Superseded  # without a number a lease only reads
        async with self._database.record() as write:
            held = await holds(write, self._lease)
            if not (held or outcome):
                raise Superseded
            if not held:
                entry = replace(entry, note=f"{LATE}: {entry.note}" if entry.note else LATE)
                holding = holding and await self._unless_newer(write, holding)
            number = await append(write, connection, self._lease.generation, self._clock.now(), entry)
            for kept in filter(None, (former, holding)):
                await _keep(write, connection, kept)
        if not held:
            raise Superseded
        for kept in filter(None, (former, holding)):
            self.holdings[kept.key] = kept
        return number

    async def _unless_newer(self, write: AsyncConnection, holding: Holding) -> Holding | None:
        """The holding, if what is stored is still what this run knows."""
        stored = (await _holdings(write, self._lease.connection_id)).get(holding.key)
        return holding if stored == self.holdings.get(holding.key) else None


async def _keep(write: AsyncConnection, connection_id: ConnectionId, holding: Holding) -> None:
    table = db.holdings
    values = {**holding.__dict__, "state": str(holding.state)}
    mine = sa.and_(table.c.connection == connection_id, table.c.key == holding.key)
    changed = await write.execute(sa.update(table).where(mine).values(values))
    if changed.rowcount == 0:
        await write.execute(sa.insert(table).values(connection=connection_id, **values))


async def holdings_of(database: Database, connection_id: ConnectionId) -> dict[str, Holding]:
    """What the ledger knows of a connection's objects, for readers that hold no lease."""
    async with database.read() as read:
        return await _holdings(read, connection_id)


async def _holdings(read: AsyncConnection, connection_id: ConnectionId) -> dict[str, Holding]:
    table = db.holdings
    known = sa.select(*(one for one in table.c if one is not table.c.connection)).order_by(table.c.key)
    rows = await read.execute(known.where(table.c.connection == connection_id))
    return {row.key: Holding(**{**row._mapping, "state": HoldingState(row.state)}) for row in rows}
