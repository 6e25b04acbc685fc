"""Looks at a tenant for somebody who waits for the answer: plans, and a platform's log beside ours.

Who may open the tenant looks at once. A process that faces the internet asks a worker, and shows what that saw.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, get_args

import sqlalchemy as sa

from shared.connections.record import Connection
from shared.deployment.queues import Job
from shared.engine import concerns
from shared.engine.forecast import Forecast, Timing
from shared.engine.steps import Verb
from shared.flows import plans
from shared.flows.app import App
from shared.flows.plans import Planned, Purpose
from shared.foundation.errors import FootprintError, Permanent, Refused, Temporary
from shared.platforms.contract import Compared, UnknownChange
from shared.platforms.rows import rows_of
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, Database, upsert
from shared.storage.ids import ConnectionId

log = logging.getLogger(__name__)

JOB = "look"
UNDER_WAY = "look_under_way"
# What a worker saw is shown so long, and an order by a plan that somebody has seen is held against it so long.
FRESH, HOLDS = timedelta(seconds=30), timedelta(minutes=2)
# Longer than a message is on its way; a look that nobody waits for any more is not made.
STRANDED_AFTER, WANTED_FOR = timedelta(minutes=2), timedelta(minutes=10)


async def planned(app: App, connection: Connection, purpose: Purpose, *, within: timedelta = FRESH) -> Planned:
    """What would be done, by a look at the tenant. Raises Refused `look_under_way` until a worker has looked."""
    if app.settings.functions != "public" or not plans.looks(connection):
        return await plans.planned(app, connection, purpose)
    return _read_plan(app, connection, await _seen(app, connection, f"plan {purpose}", within))


async def compared(app: App, connection: Connection, begin: datetime, end: datetime) -> Compared:
    """A platform's own log of our calls in a span of time, beside ours. Raises as `planned` does."""
    if app.settings.functions != "public":
        async with plans.onlooking(app, connection) as tenant:
            return await app.platforms[connection.platform].compared(tenant, begin, end)
    hours = round((end - begin) / timedelta(hours=1))
    return _read_books(await _seen(app, connection, f"books {hours}", FRESH))


async def look(app: App, connection: Connection) -> None:
    """In a worker: make the looks that somebody waits for, each of which ends with what was seen or with why not."""
    table, now = db.looks, app.clock.now()
    mine = table.c.connection == connection.id, table.c.asked_at > now - WANTED_FOR
    unmade = sa.or_(table.c.made_at.is_(None), table.c.made_at < table.c.asked_at)
    async with app.database.read() as read:
        rows = (await read.execute(sa.select(table).where(*mine, unmade).order_by(table.c.what))).all()
    for row in rows:
        kind, _, detail = row.what.partition(" ")
        try:
            content: Mapping[str, Any] = {"seen": await LOOKS[kind](app, connection, detail)}
        except FootprintError as error:
            told = {"code": error.code, "sentence": error.sentence, "temporary": isinstance(error, Temporary)}
            content = {"failed": told}
        box, at = await app.seal.box(connection.id), app.clock.now()
        sealed = box.seal(json.dumps(content), about=_about(connection.id, row.what))
        async with app.database.write() as write:
            this = table.c.connection == connection.id, table.c.what == row.what
            await write.execute(sa.update(table).where(*this).values(made_at=at, sealed=sealed))


async def stranded(database: Database, now: datetime) -> list[ConnectionId]:
    """The connections with a look that nobody has made in time."""
    table = db.looks
    asked = table.c.asked_at <= now - STRANDED_AFTER, table.c.asked_at > now - WANTED_FOR
    unmade = sa.or_(table.c.made_at.is_(None), table.c.made_at < table.c.asked_at)
    async with database.read() as read:
        return list((await read.execute(sa.select(table.c.connection).where(*asked, unmade).distinct())).scalars())


async def forget_old(write: AsyncConnection, now: datetime) -> None:
    """Delete what nobody waits for any more, inside the caller's transaction."""
    await write.execute(sa.delete(db.looks).where(db.looks.c.asked_at <= now - WANTED_FOR))


async def _seen(app: App, connection: Connection, what: str, within: timedelta) -> Any:
    table, now = db.looks, app.clock.now()
    async with app.database.read() as read:
        query = sa.select(table).where(table.c.connection == connection.id, table.c.what == what)
        row = (await read.execute(query)).first()
    if row is None or row.made_at is None or row.made_at <= now - within:
        if row is None or row.asked_at <= now - STRANDED_AFTER or (row.made_at and row.made_at >= row.asked_at):
            asked = {"connection": connection.id, "what": what, "asked_at": now}
            async with app.database.write() as write:
                await write.execute(upsert(write, table, {"asked_at"}).values(**asked))
            await app.queue.send(Job(name=JOB, connection_id=connection.id), now)
        raise Refused(
            409,
            UNDER_WAY,
            "A worker checks the tenant now. Nothing was done yet; repeat the request in a few seconds.",
            after=timedelta(seconds=3),
        )
    box = await app.seal.box(connection.id)
    content = json.loads(box.unseal(row.sealed, about=_about(connection.id, what)))
    if "seen" in content:
        return content["seen"]
    failed = content["failed"]
    raise (Temporary if failed["temporary"] else Permanent)(failed["code"], failed["sentence"])


def _about(connection_id: ConnectionId, what: str) -> str:
    return f"look {connection_id} {what}"


async def _plan(app: App, connection: Connection, purpose: str) -> dict[str, Any]:
    wanted: Purpose = next(one for one in get_args(Purpose) if one == purpose)
    found = await plans.planned(app, connection, wanted)
    waits = None if found.concerns is None else [one.image for one in found.concerns]
    return {"lines": [_line(one) for one in found.lines], "concerns": waits}


def _line(one: Forecast) -> dict[str, Any]:
    return {
        **one.__dict__,
        "row": one.row.key,
        "at": one.at.isoformat() if one.at else None,
        "earliest": one.earliest.isoformat() if one.earliest else None,
        "delay": one.delay.total_seconds() if one.delay is not None else None,
    }


def _read_plan(app: App, connection: Connection, content: Mapping[str, Any]) -> Planned:
    rows = {row.key: row for row in rows_of(app.platforms[connection.platform], connection)}
    lines = [
        Forecast(
            **{
                **one,
                "row": rows[one["row"]],
                "verb": Verb(one["verb"]),
                "timing": Timing(one["timing"]),
                "at": datetime.fromisoformat(one["at"]) if one["at"] else None,
                "earliest": datetime.fromisoformat(one["earliest"]) if one["earliest"] else None,
                "delay": timedelta(seconds=one["delay"]) if one["delay"] is not None else None,
            }
        )
        for one in content["lines"]
    ]
    waits = content["concerns"]
    return Planned(lines=lines, concerns=None if waits is None else [concerns.concern(one) for one in waits])


async def _books(app: App, connection: Connection, hours: str) -> dict[str, Any]:
    now = app.clock.now().replace(microsecond=0)
    async with plans.onlooking(app, connection) as tenant:
        found = await app.platforms[connection.platform].compared(tenant, now - timedelta(hours=int(hours)), now)
    return {
        "methods": {name: list(pair) for name, pair in found.methods.items()},
        "unknown": [vars(one) for one in found.unknown],
        "blind": list(found.blind),
    }


def _read_books(content: Mapping[str, Any]) -> Compared:
    return Compared(
        methods={name: (ours, theirs) for name, (ours, theirs) in content["methods"].items()},
        unknown=[UnknownChange(**one) for one in content["unknown"]],
        blind=content["blind"],
    )


LOOKS: Mapping[str, Callable[[App, Connection, str], Awaitable[dict[str, Any]]]] = {"plan": _plan, "books": _books}
