"""What is wrong with the deployment itself is an event, and so is its end: for webhooks, and first on the home page.

The timer `tell` looks once a minute. While it stands still the health page looks, which both clouds ask from outside
every five minutes. A database that takes no writes keeps no record: then each webhook is posted to once, by each
process that sees it twice in a row.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from shared.connections import census, events
from shared.connections.events import Event, EventKind
from shared.flows import health
from shared.flows.app import App
from shared.flows.webhooks import delivery
from shared.storage import tables as db
from shared.storage.database import AsyncConnection, insert_new

# What the health page does not ask: one customer's failing jobs are no reason to take a new version back.
JOBS = "jobs"


async def look(app: App) -> bool:
    """Tell what is wrong and was not told, and what is right again.

    False if nothing can be written: the database takes no writes, or its tables are not yet those of this code.
    """
    found = await health.checks(app)
    if sentence := found["database"].wrong:
        await _tell_at_once(app, sentence)
        return False
    if "timers" not in found:
        return False
    await _note(app, {**_wrong(found), **await _failing_jobs(app)})
    return True


async def stand_in(app: App, found: Mapping[str, health.Check]) -> None:
    """Tell what the health page has found in the place of the timer `tell`, if that stands still."""
    if "timers" in found and await health.timers_stand_still(app, "tell"):
        await _note(app, {**_wrong(found), **await _failing_jobs(app)})
        await delivery.tell(app)


async def standing(app: App) -> Sequence[tuple[str, datetime | None]]:
    """What is wrong now, each in a sentence with since when it is known, for the home page.

    Beside what was told: a database that takes no writes, and timers that stand still, which keep from telling.
    """
    written = await health.database(app)
    if written.wrong:
        return [(written.wrong, None)]
    async with app.database.read() as read:
        told = {row.name: (row.sentence, row.since) for row in await read.execute(_ALL)}
    timers = await health.timers(app, app.clock.now())
    if timers.wrong and "timers" not in told:
        return [(timers.wrong, None), *told.values()]
    return list(told.values())


_ALL = sa.select(db.deployment_alerts).order_by(db.deployment_alerts.c.since, db.deployment_alerts.c.name)


def _wrong(found: Mapping[str, health.Check]) -> dict[str, str]:
    return {name: one.wrong for name, one in found.items() if one.wrong}


async def _failing_jobs(app: App) -> dict[str, str]:
    number = await census.failing(app.database)
    return {JOBS: f"Jobs fail with an internal error, at {number} connections. See the log."} if number else {}


async def _note(app: App, wrong: Mapping[str, str]) -> None:
    now = app.clock.now()
    async with app.database.read() as read:
        told = {row.name for row in await read.execute(_ALL)}
    if told == wrong.keys() and app.outage.since is None:
        return
    async with app.database.write() as write:
        for name, sentence in wrong.items():
            row = {"name": name, "since": now, "sentence": sentence}
            if (await write.execute(insert_new(write, db.deployment_alerts).values(row))).rowcount:
                await _emit(write, EventKind.DEPLOYMENT_ATTENTION, name, sentence, now)
        over = sa.delete(db.deployment_alerts).where(db.deployment_alerts.c.name.not_in(wrong))
        right = list(await write.scalars(over.returning(db.deployment_alerts.c.name)))
        for name in [*right, *(["database"] if app.outage.told else [])]:
            await _emit(write, EventKind.DEPLOYMENT_RECOVERED, name, f"The check “{name}” passes again.", now)
    app.outage.end()


async def _emit(write: AsyncConnection, kind: EventKind, name: str, sentence: str, now: datetime) -> None:
    await events.emit(write, kind, now, _content(name, sentence))


def _content(name: str, sentence: str) -> dict[str, str]:
    reason = "internal_error" if name == JOBS else "not_ready"
    return {"check": name, "sentence": sentence, "reason": reason}


async def _tell_at_once(app: App, sentence: str) -> None:
    now = app.clock.now()
    if app.outage.since is None:
        app.outage.since = now  # a short lock is nobody's matter
        return
    event = Event(
        # The same of every process that saw it begin in that minute, so that receivers take it for one.
        id=f"database-{app.outage.since:%Y%m%dT%H%M}",
        connection=None,
        customer="",
        kind=EventKind.DEPLOYMENT_ATTENTION,
        at=app.outage.since,
        content=_content("database", sentence),
    )
    app.outage.told |= await delivery.post_unrecorded(app, event, but=app.outage.told)
