"""A customer's connection: its record, how it is created, found and changed."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from shared.connections.events import EventKind, emit
from shared.connections.stages import Stage
from shared.foundation.brand import Brand, recorded
from shared.foundation.schedule import Site
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, in_line
from shared.storage.ids import ConnectionId
from shared.storage.people import Person


class Status(StrEnum):
    """What the last run came to: done, waiting and tried again by itself, or stopped until somebody acts."""

    OK = "ok"
    WAITING = "waiting"
    ATTENTION = "attention"


# Nothing to say about a connection: what a change of stage begins with.
FINE = dict.fromkeys(("reason", "sentence", "reason_since", "waiting_since", "not_before")) | {"status": "ok"}


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One customer's tenant or domain and where it stands. `tenant` is the platform's id, once proven.

    `administrator` is the account that consented in person, where a platform has such, until the connection is closed.
    """

    id: ConnectionId
    platform: str
    modes: frozenset[str]
    left_out: frozenset[str]
    """Keys of the catalogue's rows that it was made without."""
    name: str
    customer: str
    """Whose it is, as those who may see only one customer's connections are told apart; empty: nobody's of them."""
    site: Site
    expected_tenant: str | None
    claimed_tenant: str | None
    tenant: str | None
    moved_tenant: str | None
    """A tenant of another customer's that an operator of all customers lets this connection take."""
    administrator: str | None
    label: str
    sealed_headers: bytes = field(repr=False)
    brand: Brand = field(repr=False)
    """The names of its objects, as the setting was when it was made."""
    repairs_drift: bool
    stage: Stage
    stage_since: datetime
    generation: int
    status: Status
    reason: str | None
    sentence: str | None
    reason_since: datetime | None
    waiting_since: datetime | None
    """Since when its runs have been put off by temporary failures, whatever their reasons; None since one ended."""
    failing_since: datetime | None
    """Since when something of an ending connection could not be looked at or removed; None while all can."""
    clocks: Mapping[str, str] = field(hash=False)
    not_before: datetime | None
    synced_at: datetime | None
    fence: int
    """The number of the run that took the lease last; each takes the next."""
    lease_until: datetime | None
    begun: int
    """How many runs have begun, this one too, since one last came to an end, good or bad."""
    asked_at: datetime | None
    """When somebody last asked for a run, and `looked_at` when one last came to an end."""
    looked_at: datetime | None
    created_at: datetime
    check_at: datetime | None
    """When the way of its mail is to be checked next."""
    drained_at: datetime | None
    """When the service last said that it has nothing of an ending connection's mail in flight."""
    paused_until: datetime | None
    """Until when the routing of its mail is switched off; None while it is not."""
    invited_at: datetime | None
    """When the present invitation was created, `invitation_opened_at` when it was first opened."""
    invitation_opened_at: datetime | None
    invitation_expires_at: datetime | None
    contacts: tuple[str, ...]
    """E-mail addresses of whom to contact at the customer."""
    accepts_loss: bool = False
    """Whether this run may take many people out of groups at once; not stored."""


def of_row(row: Any) -> Connection:
    """The connection of a row of its table."""
    values = {column.name: row._mapping[column.name] for column in db.connections.c} | {
        "site": Site(row.site),
        "stage": Stage(row.stage),
        "status": Status(row.status),
        "modes": frozenset(row.modes),
        "left_out": frozenset(row.left_out),
        "contacts": tuple(row.contacts),
        "brand": recorded(json.dumps(dict(row.brand))),
    }
    return Connection(**values)


async def create(
    write: AsyncConnection,
    *,
    connection_id: ConnectionId,
    platform: str,
    modes: frozenset[str],
    name: str,
    customer: str,
    site: Site,
    expected_tenant: str | None,
    repairs_drift: bool,
    sealed_headers: bytes,
    brand: Brand,
    now: datetime,
    left_out: frozenset[str] = frozenset(),
) -> None:
    """Add a connection in stage NEW inside the caller's transaction."""
    await write.execute(
        sa.insert(db.connections).values(
            id=connection_id,
            platform=platform,
            modes=sorted(modes),
            left_out=sorted(left_out),
            name=name,
            customer=customer,
            site=str(site),
            expected_tenant=expected_tenant,
            repairs_drift=repairs_drift,
            sealed_headers=sealed_headers,
            brand=brand.model_dump(exclude_unset=True),
            label=secrets.token_hex(16),
            stage=int(Stage.NEW),
            stage_since=now,
            generation=1,
            status=str(Status.OK),
            created_at=now,
        )
    )


async def find(database: Database, connection_id: ConnectionId) -> Connection | None:
    """The connection with this id, or None."""
    async with database.read() as read:
        row = (await read.execute(sa.select(db.connections).where(db.connections.c.id == connection_id))).first()
        return of_row(row) if row else None


async def hold_tenant(write: AsyncConnection, platform: str, tenant: str) -> None:
    """Lock a tenant until the caller's transaction ends: another run that would take it waits."""
    await in_line(write, f"tenant {platform} {tenant}")


async def of_tenant(read: AsyncConnection, platform: str, tenant: str) -> list[Connection]:
    """Every connection, of any stage, that was ever bound to a tenant."""
    rows = await read.execute(
        sa.select(db.connections).where(db.connections.c.platform == platform, db.connections.c.tenant == tenant)
    )
    return [of_row(row) for row in rows]


async def of_other_customers(database: Database, connection: Connection, tenant: str) -> list[Connection]:
    """The connections of other customers, of any stage, that were ever bound to a tenant, unless it was moved here."""
    async with database.read() as read:
        found = await of_tenant(read, connection.platform, tenant)
    return [] if connection.moved_tenant == tenant else others_of(connection, found)


def others_of(connection: Connection, found: Iterable[Connection]) -> list[Connection]:
    """Those of other customers."""
    return [other for other in found if other.customer != connection.customer]


def compete(one: Connection, other: Connection) -> bool:
    """Whether two connections of one tenant cannot both be open; one customer's of different modes can."""
    open_still = other.id != one.id and other.stage is not Stage.CLOSED
    apart = one.customer == other.customer and one.modes and other.modes and not one.modes & other.modes
    return open_still and not apart


async def hold(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Lock a connection until the caller's transaction ends: another run that locks it waits."""
    table = db.connections
    # Not against those who only refer to the connection; on SQLite there is one writer at a time already.
    await write.execute(sa.select(table.c.id).where(table.c.id == connection_id).with_for_update(key_share=True))


async def unchanged(write: AsyncConnection, connection: Connection) -> bool:
    """Hold a connection, and tell whether it goes in the direction still in which it went when it was read."""
    await hold(write, connection.id)
    now = await write.execute(sa.select(db.connections.c.generation).where(db.connections.c.id == connection.id))
    return int(now.scalar_one()) == connection.generation


async def update(write: AsyncConnection, connection_id: ConnectionId, **values: Any) -> None:
    """Set columns of one connection inside the caller's transaction."""
    await write.execute(sa.update(db.connections).where(db.connections.c.id == connection_id).values(values))


async def unpaused(write: AsyncConnection, connection: Connection) -> bool:
    """Clear the pause that was read; False if it has another end now."""
    table = db.connections
    mine = (table.c.id == connection.id, table.c.paused_until == connection.paused_until)
    return bool((await write.execute(sa.update(table).where(*mine).values(paused_until=None))).rowcount)


async def turn(write: AsyncConnection, connection: Connection, stage: Stage, now: datetime) -> bool:
    """Move to a stage under the next generation; False if the connection is not as it was read any more."""
    table = db.connections
    # Nothing follows the end.
    fresh: dict[str, Any] = {"failing_since": None, "clocks": {}, "drained_at": None, "paused_until": None}
    asked = fresh if stage is Stage.CLOSED else {**fresh, "asked_at": now}
    turned = await write.execute(
        sa.update(table)
        .where(table.c.id == connection.id, table.c.generation == connection.generation)
        .where(table.c.stage == int(connection.stage))
        .values(stage=int(stage), stage_since=now, generation=connection.generation + 1, **FINE, **asked)
    )
    return bool(turned.rowcount)


async def tell(write: AsyncConnection, connection: Connection, kind: EventKind, now: datetime, **content: Any) -> None:
    """Write an event about a connection, as it was read, inside the caller's transaction; `content` adds to it."""
    about = {
        "connection": connection.id,
        "name": connection.name,
        "customer": connection.customer,
        "platform": connection.platform,
        "site": str(connection.site),
        "tenant": connection.tenant,
        "stage": connection.stage.name.lower(),
    }
    await emit(write, kind, now, about | content, connection=connection.id, customer=connection.customer)


async def forget_administrator(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Forget who consented in person and whom to contact, as a closed connection must."""
    await update(write, connection_id, administrator=None, contacts=[])


async def with_contact(read: AsyncConnection, person: Person) -> set[ConnectionId]:
    """The connections among whose contacts a person may be."""
    table = db.connections.c
    return set((await read.execute(sa.select(table.id).where(person.perhaps_in(table.contacts)))).scalars())


async def report(
    database: Database,
    connection: Connection,
    now: datetime,
    status: Status,
    *,
    reason: str | None = None,
    sentence: str | None = None,
    not_before: datetime | None = None,
    waiting_since: datetime | None = None,
) -> bool:
    """Show how the connection is doing and why. True if the reason is a new one: loud once, not a storm.

    What is said of a direction that has been left since the connection was read is not shown.
    """
    table = db.connections
    new = (status, reason) != (connection.status, connection.reason)
    # How bad it is may change while the reason does not; how long it has been so follows the reason alone.
    since = (connection.reason_since if reason == connection.reason else None) or now
    shown_before = (connection.sentence, connection.not_before, connection.waiting_since)
    if not new and (sentence, not_before, waiting_since) == shown_before:
        return False
    async with database.write() as write:
        shown = await write.execute(
            sa.update(table)
            .where(table.c.id == connection.id, table.c.generation == connection.generation)
            .values(
                status=str(status),
                reason=reason,
                sentence=sentence,
                reason_since=since if reason else None,
                not_before=not_before,
                waiting_since=waiting_since,
            )
        )
        new = new and bool(shown.rowcount)
        if new and (status is Status.ATTENTION or connection.status is Status.ATTENTION):
            needed = EventKind.DRIFT if reason == "drift" else EventKind.ATTENTION
            kind = needed if status is Status.ATTENTION else EventKind.RECOVERED
            await tell(write, connection, kind, now, status=str(status), reason=reason, sentence=sentence)
    return new
