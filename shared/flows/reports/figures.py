"""What a report tells, counted by the database: no row is read that is not a sum, and no message's content is known."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shared.engine.chain import Act
from shared.flows.reports.periods import Period
from shared.foundation.schedule import HOUR
from shared.protection.decisions import UNINSPECTED
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database

# More policies than these are told as one.
TOP = 10
# What puts a drift right, in one way or another.
MENDING = (str(Act.UPDATE), str(Act.FORGET), str(Act.ADOPT))
KINDS = ("users", "groups", "members")


async def gather(
    database: Database, connection: str, period: Period, *, reads: str | None, now: datetime
) -> dict[str, Any]:
    """What happened in a period, and how the connection is now, JSON-ready.

    `reads` is the platform's name for reading one message, None if it has none. Where no mailbox is read, `mail` and
    `watches` are None.
    """
    async with database.read() as read:
        watches = await _watches(read, connection, now) if reads else None
        return {
            "mail": await _mail(read, connection, period, reads) if reads and watches else None,
            "directory": await _directory(read, connection, period),
            "changes": await _changes(read, connection, period),
            "drift": await _drift(read, connection, period),
            "calls": await _calls(read, connection, period),
            "tokens": await _tokens(read, connection, now),
            "watches": watches,
        }


def _within(table: sa.Table, connection: str, period: Period) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.connection == connection, table.c.at >= period.begin, table.c.at < period.end


async def _mail(read: AsyncConnection, connection: str, period: Period, reads: str) -> dict[str, Any]:
    """Messages that were looked at and acted on: in all, by step of the period, by policy."""
    steps = period.steps()
    calls, acted = db.operations, db.acted
    # A message that was read twice was looked at once. Its id means something in its own mailbox only.
    message = sa.func.coalesce(calls.c.subject, "") + " " + sa.func.coalesce(calls.c.target, "")
    messages = sa.func.count(sa.distinct(message))
    good = (*_within(calls, connection, period), calls.c.method == reads, calls.c.status.between(200, 299))
    looked = await _numbers(read, sa.select(_step(calls, steps), messages).where(*good).group_by("step"))
    total = (await read.execute(sa.select(messages).where(*good))).scalar_one()

    number = sa.func.count()
    mine = (*_within(acted, connection, period), acted.c.done.is_(True), acted.c.action != UNINSPECTED)
    message = acted.c.user + " " + acted.c.message
    acted_on = sa.select(sa.func.count(sa.distinct(message))).where(*mine)
    unseen = sa.select(number).where(*_within(acted, connection, period), acted.c.action == UNINSPECTED)
    by_step = sa.select(_step(acted, steps), acted.c.action, number).where(*mine).group_by("step", acted.c.action)
    acts: list[dict[str, int]] = [{} for _ in steps]
    for step, action, count in await read.execute(by_step):
        acts[step][action] = count
    by_policy = sa.select(acted.c.policy, acted.c.action, number.label("number")).where(*mine)
    rows = await read.execute(
        by_policy.group_by(acted.c.policy, acted.c.action).order_by(sa.desc("number"), acted.c.policy, acted.c.action)
    )
    policies = [{"policy": policy, "action": action, "number": count} for policy, action, count in rows]
    rest = sum(row["number"] for row in policies[TOP:])
    return {
        "looked_at": total,
        "acted_on": (await read.execute(acted_on)).scalar_one(),
        "uninspected": (await read.execute(unseen)).scalar_one(),
        "actions": _sums(acts),
        "policies": policies[:TOP] + ([{"policy": "all others", "action": "", "number": rest}] if rest else []),
        "steps": [
            {"step": label, "looked_at": looked.get(place, 0), "actions": acts[place]}
            for place, (label, _) in enumerate(steps)
        ],
    }


def _step(table: sa.Table, steps: Sequence[tuple[str, datetime]]) -> sa.ColumnElement[int]:
    """In which step of the period a row is, by number."""
    return sa.case(*((table.c.at < end, place) for place, (_, end) in enumerate(steps))).label("step")


def _sums(rows: Sequence[Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(row.get(name, 0) for row in rows) for name in sorted({name for row in rows for name in row})}


async def _numbers(read: AsyncConnection, query: sa.Select[Any, Any]) -> dict[Any, int]:
    return {row[0]: row[1] for row in await read.execute(query)}


async def _directory(read: AsyncConnection, connection: str, period: Period) -> dict[str, Any]:
    """How much the copy held at the period's end, and what came and went: the difference of two notes of it."""
    runs = db.sync_runs
    mine = sa.select(runs.c.held, runs.c.gone).where(runs.c.connection == connection)
    backwards = mine.order_by(runs.c.at.desc()).limit(1)
    last = (await read.execute(backwards.where(runs.c.at < period.end))).first()
    before = (await read.execute(backwards.where(runs.c.at < period.begin))).first()
    # At its very first a directory has not grown, it has become known.
    first = before or (await read.execute(mine.order_by(runs.c.at).limit(1))).first()
    syncs = sa.select(sa.func.count()).select_from(runs).where(*_within(runs, connection, period))
    told: dict[str, Any] = {"syncs": (await read.execute(syncs)).scalar_one(), "held": None, "changes": None}
    if last and first:
        gone = {kind: last.gone.get(kind, 0) - first.gone.get(kind, 0) for kind in KINDS}
        come = {kind: last.held[kind] - first.held[kind] + gone[kind] for kind in KINDS}
        told["held"] = last.held
        told["changes"] = {kind: {"added": come[kind], "removed": gone[kind]} for kind in KINDS}
    return told


async def _changes(read: AsyncConnection, connection: str, period: Period) -> dict[str, int]:
    """What was done in the tenant, by act."""
    ledger = db.ledger
    query = sa.select(ledger.c.act, sa.func.count()).where(
        *_within(ledger, connection, period), ledger.c.state.in_(("done", "noted"))
    )
    return await _numbers(read, query.group_by(ledger.c.act))


async def _drift(read: AsyncConnection, connection: str, period: Period) -> dict[str, Any]:
    """What others changed in our objects: found, put right by now, and standing now, by the objects' keys."""
    ledger, later = db.ledger, db.ledger.alias()
    found = (*_within(ledger, connection, period), ledger.c.act == str(Act.DRIFT))
    mended = sa.exists().where(
        later.c.connection == connection,
        later.c.key == ledger.c.key,
        later.c.number > ledger.c.number,
        later.c.act.in_(MENDING),
        later.c.state.in_(("done", "noted")),
    )
    number = sa.select(sa.func.count()).select_from(ledger).where(*found)
    holdings = db.holdings
    standing = sa.select(holdings.c.key).where(holdings.c.connection == connection, holdings.c.drift.is_not(sa.null()))
    return {
        "found": (await read.execute(number)).scalar_one(),
        "repaired": (await read.execute(number.where(mended))).scalar_one(),
        "standing": list((await read.execute(standing.order_by(holdings.c.key).limit(TOP))).scalars()),
    }


async def _calls(read: AsyncConnection, connection: str, period: Period) -> dict[str, int] | None:
    """Calls made with the service's own account, and how many of them failed; None where there is no such log."""
    table = db.operations
    failed = sa.func.sum(sa.case((table.c.status.between(200, 299), 0), else_=1))
    query = sa.select(sa.func.count(), failed).where(*_within(table, connection, period))
    made, wrong = (await read.execute(query)).one()
    return {"made": made, "failed": wrong} if made else None


async def _tokens(read: AsyncConnection, connection: str, now: datetime) -> dict[str, Any]:
    """The stored access tokens: how many, how many of them have run out, when one was last renewed."""
    table = db.tokens
    # They are renewed every hour: one that ran out just now is as it should be.
    late = sa.func.sum(sa.case((table.c.expires_at <= now - HOUR, 1), else_=0))
    query = sa.select(sa.func.count(), late, sa.func.max(table.c.obtained_at)).where(table.c.connection == connection)
    kept, expired, renewed = (await read.execute(query)).one()
    return {"kept": kept, "expired": expired or 0, "renewed_at": renewed.isoformat() if renewed else None}


async def _watches(read: AsyncConnection, connection: str, now: datetime) -> dict[str, int] | None:
    """The mailboxes that are read: how many, how many of them are watched, were put aside after a failure."""
    table = db.mailboxes
    mine = (table.c.connection == connection, table.c.position.is_not(None))
    watched = sa.func.sum(sa.case((table.c.watched_until > now, 1), else_=0))
    aside = sa.func.sum(sa.case((table.c.reason.is_not(None), 1), else_=0))
    known, seen, put_aside = (await read.execute(sa.select(sa.func.count(), watched, aside).where(*mine))).one()
    return {"mailboxes": known, "watched": seen, "put_aside": put_aside} if known else None
