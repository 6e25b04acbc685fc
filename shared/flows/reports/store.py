"""What is asked for, what was made and what came of sending it, as it is kept.

A report's row is its claim: there is one for each name, written with all that is in it, so that no period is told
twice. Sending is a matter of its own, which may be tried again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.connections import events
from shared.connections.lease import Lease
from shared.connections.record import Connection, hold, tell
from shared.engine import chain
from shared.flows.reports.periods import Frequency, Period
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, insert_new, upsert
from shared.storage.ids import ConnectionId
from shared.storage.people import Person

# Plain addresses only: what a mail server takes without an extension, and what no header can be made of. By a percent
# sign or an exclamation mark some servers pass mail on to another domain (RFC 5321, appendix F.2).
ADDRESS = r"^[A-Za-z0-9#$&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9#$&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}$"
WAITING, SENT = "waiting", "sent"


def _each_once(addresses: list[str]) -> list[str]:
    return list({address.lower(): address for address in addresses}.values())


class Subscription(BaseModel):
    """Which reports a connection has, and who gets them by mail; they are kept even if nobody does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: list[Frequency] = Field(default=[Frequency.WEEKLY], max_length=len(Frequency))
    recipients: Annotated[
        list[Annotated[str, Field(max_length=254, pattern=ADDRESS)]], Field(max_length=20), AfterValidator(_each_once)
    ] = []


Delivery = Literal["waiting", "to nobody", "sent", "in part", "failed"]


@dataclass(frozen=True, kw_only=True)
class ReportSummary:
    """A report without what is in it. `recipients` maps each address to what came of it."""

    name: str
    kind: Frequency
    begins: datetime
    ends: datetime
    made_at: datetime
    recipients: Mapping[str, str]
    not_before: datetime | None
    """When sending is tried next, if it is."""
    sentence: str | None

    @property
    def delivery(self) -> Delivery:
        """What came of sending it, in all."""
        states = set(self.recipients.values())
        if self.not_before is not None:
            return "waiting"
        return "to nobody" if not states else "sent" if states == {SENT} else "in part" if SENT in states else "failed"


@dataclass(frozen=True, kw_only=True)
class Report(ReportSummary):
    """A report with all that is in it: `content` is JSON, made once and told as it is."""

    connection: str
    content: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Which kinds are asked for, each since when (None: as long as it has run); which reports there are, or wait."""

    kinds: Mapping[Frequency, datetime | None]
    recipients: Sequence[str]
    made: frozenset[str]
    unsent: Mapping[str, datetime]
    """By name, when sending is tried next."""


async def standing(database: Database, connection_id: ConnectionId, since: datetime) -> Standing:
    """How things stand, of what ended after `since` or waits to be sent: one look, for most find nothing to do."""
    asked, made = db.report_settings, db.reports
    # A row that is always there, so that one query tells of either table, whichever has something.
    one = sa.select(sa.literal(connection_id).label("id")).subquery()
    recent = sa.and_(made.c.connection == one.c.id, sa.or_(made.c.ends > since, made.c.not_before.is_not(None)))
    query = (
        sa.select(asked.c.kinds, asked.c.recipients, made.c.name, made.c.not_before)
        .select_from(one)
        .outerjoin(asked, asked.c.connection == one.c.id)
        .outerjoin(made, recent)
    )
    async with database.read() as read:
        rows = (await read.execute(query)).all()
    first = rows[0] if rows and rows[0].kinds is not None else None
    return Standing(
        kinds=_kinds(first.kinds) if first else dict.fromkeys(Subscription().kinds),
        recipients=first.recipients if first else [],
        made=frozenset(row.name for row in rows if row.name is not None),
        unsent={row.name: row.not_before for row in rows if row.not_before is not None},
    )


def _kinds(stored: Mapping[str, str | None]) -> dict[Frequency, datetime | None]:
    return {Frequency(kind): datetime.fromisoformat(since) if since else None for kind, since in stored.items()}


async def subscription(database: Database, connection_id: ConnectionId) -> Subscription:
    """What is asked for; weekly reports that are not sent, until the settings are changed."""
    table = db.report_settings
    async with database.read() as read:
        return _subscription((await read.execute(sa.select(table).where(table.c.connection == connection_id))).first())


def _subscription(row: Any) -> Subscription:
    return Subscription(kinds=list(row.kinds), recipients=row.recipients) if row else Subscription()


async def subscribe(
    database: Database,
    connection: Connection,
    wanted: Subscription,
    check: Callable[[Any], None],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Set what is asked for. What is newly asked for begins with the period that runs now.

    `check` is given what was asked for before, JSON-ready, and raises if it is not what was seen.
    """
    table = db.report_settings
    async with database.write() as write:
        await hold(write, connection.id)
        row = (await write.execute(sa.select(table).where(table.c.connection == connection.id))).first()
        before = _subscription(row)
        check(before.model_dump(mode="json"))
        known = row.kinds if row else dict.fromkeys(Subscription().kinds)
        kinds = {str(kind): known.get(kind, now.isoformat()) for kind in sorted(wanted.kinds)}
        values = {"connection": connection.id, "kinds": kinds, "recipients": wanted.recipients}
        await write.execute(upsert(write, table).values(values))
        was, becomes = ({"kinds": sorted(one.kinds), "recipients": len(one.recipients)} for one in (before, wanted))
        # Who is sent reports is forgotten in the end, and the ledger is not: it says how many they are.
        note = "report schedule and recipients"
        await chain.order(write, connection, now, actor, note, key="reports", before=was, after=becomes)


async def add(
    database: Database,
    connection: Connection,
    period: Period,
    content: Mapping[str, Any],
    recipients: Sequence[str],
    now: datetime,
) -> bool:
    """Keep a report, if there is none of its name yet. Raises Superseded if the run lost its lease."""
    row = {
        "connection": connection.id,
        "name": period.name,
        "kind": str(period.kind),
        "begins": period.begin,
        "ends": period.end,
        "made_at": now,
        "content": content,
        "recipients": dict.fromkeys(recipients, WAITING),
        "not_before": now if recipients else None,
    }
    async with database.write() as write:
        added = bool((await write.execute(insert_new(write, db.reports).values(row))).rowcount)
        if added:
            told = {"report": period.name, "title": str(content.get("title", period.name))}
            await tell(write, connection, events.EventKind.REPORT, now, **told)
    return added


async def take(database: Database, lease: Lease, name: str, now: datetime, until: datetime) -> dict[str, Any] | None:
    """Take a report to send it, for oneself alone until a moment; None if it is not to be sent now.

    Raises Superseded if the run lost its lease: once a connection has been revoked nothing more is sent.
    """
    table = db.reports
    mine = (table.c.connection == lease.connection_id, table.c.name == name)
    async with database.write() as write:
        due = sa.update(table).where(*mine, table.c.not_before <= now).values(not_before=until)
        if (await write.execute(due)).rowcount == 0:
            return None
        return dict((await write.execute(sa.select(table).where(*mine))).mappings().one())


async def note(
    database: Database,
    connection_id: ConnectionId,
    name: str,
    *,
    recipients: Mapping[str, str],
    not_before: datetime | None,
    sentence: str | None,
) -> None:
    """Note what came of sending a report, and when it is tried again, if it is."""
    table = db.reports
    mine = (table.c.connection == connection_id, table.c.name == name)
    async with database.write() as write:
        values = {"recipients": dict(recipients), "not_before": not_before, "sentence": sentence}
        await write.execute(sa.update(table).where(*mine).values(values))


async def purge(write: AsyncConnection, before: datetime) -> None:
    """Delete reports that were made before a time, inside the caller's transaction."""
    await write.execute(sa.delete(db.reports).where(db.reports.c.made_at < before))


async def forget_recipients(write: AsyncConnection, connection_id: ConnectionId) -> None:
    """Forget who is sent reports, as a closed connection must; the reports themselves are kept."""
    settings, made = db.report_settings, db.reports
    await write.execute(sa.delete(settings).where(settings.c.connection == connection_id))
    nobody = sa.update(made).where(made.c.connection == connection_id)
    await write.execute(nobody.values(recipients={}, not_before=None))


async def with_recipient(read: AsyncConnection, person: Person) -> set[ConnectionId]:
    """The connections whose reports a person may be sent."""
    tables = (db.report_settings, db.reports)
    some = [sa.select(one.c.connection).where(person.perhaps_in(one.c.recipients)) for one in tables]
    return {found for query in some for found in (await read.execute(query)).scalars()}


async def forget_recipient(write: AsyncConnection, connection_id: ConnectionId, person: Person) -> bool:
    """Send a person no more reports of a connection, inside the caller's transaction; False if they were sent none."""
    settings, made, forgotten = db.report_settings, db.reports, False
    for table, key in ((settings, settings.c.connection), (made, made.c.name)):
        mine = sa.select(key, table.c.recipients).where(table.c.connection == connection_id)
        for name, known in (await write.execute(mine.where(person.perhaps_in(table.c.recipients)))).all():
            left = [one for one in known if not person.named_in(one)]
            forgotten = forgotten or len(left) < len(known)
            values = {one: known[one] for one in left} if isinstance(known, dict) else left
            one = sa.update(table).where(table.c.connection == connection_id, key == name)
            await write.execute(one.values(recipients=values))
    return forgotten


async def page(
    database: Database, connection_id: ConnectionId, *, after: str | None = None, most: int
) -> tuple[list[ReportSummary], str | None]:
    """Some reports without what is in them, the newest first, and the name of the last if there are more.

    `after` is the name of the one that they come behind.
    """
    table = db.reports.c
    columns = [column for column in table if column.name not in ("content", "connection")]
    query = sa.select(*columns).where(table.connection == connection_id)
    async with database.read() as read:
        if after is not None:
            there = sa.select(table.ends, table.kind).where(table.connection == connection_id, table.name == after)
            last = (await read.execute(there)).first()
            if last is None:
                return [], None
            behind = sa.and_(table.ends == last.ends, table.kind > last.kind)
            query = query.where(sa.or_(table.ends < last.ends, behind))
        rows = (await read.execute(query.order_by(table.ends.desc(), table.kind).limit(most + 1))).mappings().all()
    return [_summary(row) for row in rows[:most]], rows[most - 1]["name"] if len(rows) > most else None


async def found(database: Database, connection_id: ConnectionId, name: str) -> Report | None:
    """One report with what is in it, or None."""
    table = db.reports
    query = sa.select(table).where(table.c.connection == connection_id, table.c.name == name)
    async with database.read() as read:
        row = (await read.execute(query)).mappings().first()
        return Report(**{**row, "kind": Frequency(row["kind"])}) if row else None


def _summary(row: sa.RowMapping) -> ReportSummary:
    # Its names are the table's columns.
    return ReportSummary(**{**row, "kind": Frequency(row["kind"])})
