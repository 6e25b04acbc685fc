"""Whether this deployment does its work: what a person would find first, looked at by a machine each minute."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.connections import due
from shared.deployment.queues.database import EmbeddedQueue
from shared.deployment.sealing import DEPLOYMENT
from shared.flows import expected_jobs, ticks
from shared.flows.app import App
from shared.foundation.errors import FootprintError
from shared.foundation.schedule import DAY, HOUR, TIMERS, Timer
from shared.protection import mailboxes
from shared.storage.revision import newest, present

log = logging.getLogger(__name__)

# The database must take a write within so many seconds, and a vault answer within as many.
WITHIN = 1.0
# What is due waits no longer than this: the sweep finds what is lost within minutes.
LATE = timedelta(minutes=30)
# A site's night of synchronisations is over by then.
SYNC_LATE = timedelta(hours=3)
# A timer that comes each day may be so late, one that comes more often misses six turns and LATE.
DAILY_LATE = HOUR


NO_TABLES = "The database has no tables yet: the timer `migrate` makes them within five minutes."


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at: what it is now, and what is wrong with it, in a sentence; empty if nothing."""

    now: Any
    wrong: str = ""


async def checks(app: App) -> Mapping[str, Check]:
    """Every check by name. Without a database there is only that one, and it takes at most two seconds.

    Before the migrations there are only the database and its revision.
    """
    written = await database(app)
    if written.wrong:
        return {"database": written}
    revision = await _revision(app)
    first = {"database": written, "revision": revision}
    if (revision.now or "") < newest():
        return first  # what else is asked may not be there to be asked
    now = app.clock.now()
    found: dict[str, Callable[[App, datetime], Awaitable[Check]]] = {
        "data_key": _data_key,
        "timers": timers,
        "queue": _queue,
        "connections": _connections,
        "syncs": _syncs,
        "watches": _watches,
    }
    return {**first, **{name: await look(app, now) for name, look in found.items()}}


async def database(app: App) -> Check:
    """Whether it takes writes; told within two seconds."""
    try:
        await app.database.writable(WITHIN)
    except FootprintError:
        return Check(now="not writable", wrong=f"The database did not take a write within {WITHIN:g} second.")
    return Check(now="writable")


async def _revision(app: App) -> Check:
    found, wanted = await present(app.database), newest()
    if found is None:
        return Check(now=None, wrong=NO_TABLES)
    wrong = f"The database has revision {found}, this code {wanted}: run the migrations." if found != wanted else ""
    return Check(now=found, wrong=wrong)


async def _data_key(app: App, _now: datetime) -> Check:
    try:
        async with asyncio.timeout(WITHIN):
            await app.seal.box(DEPLOYMENT)
    except TimeoutError:
        return Check(now="no answer", wrong=f"The master key did not open a data key within {WITHIN:g} second.")
    except FootprintError as error:
        # Anybody may ask, and the sentence may name the vault's host.
        log.warning(error.sentence, extra={"reason": error.code})
        return Check(now=error.code, wrong=f"The master key does not open a data key: {error.code}. See the log.")
    return Check(now="opens")


async def timers_stand_still(app: App, name: str) -> bool:
    """Whether a timer has not come to its end for too long."""
    [timer] = [one for one in TIMERS if one.name == name]
    last, since = await ticks.last(app.database), await due.oldest(app.database)
    return _is_late(timer, last.get(name, since), app.clock.now())


async def timers(app: App, now: datetime) -> Check:
    """Which timers have not come to their end for too long."""
    last, since = await ticks.last(app.database), await due.oldest(app.database)
    late = [timer.name for timer in TIMERS if _is_late(timer, last.get(timer.name, since), now)]
    wrong = f"Timers that have not come to their end for too long: {', '.join(late)}." if late else ""
    return Check(now={timer.name: _text(last.get(timer.name)) for timer in TIMERS}, wrong=wrong)


def _is_late(timer: Timer, last: datetime | None, now: datetime) -> bool:
    """Whether a timer's last end is too long ago; one that never ended counts from the first connection on."""
    grace = DAY + DAILY_LATE if timer.every is None else max(2 * timer.every, LATE)
    return last is not None and now - last > grace


async def _queue(app: App, now: datetime) -> Check:
    return _waiting("The oldest job in the queue has been due", await oldest_job(app), now)


async def oldest_job(app: App) -> datetime | None:
    """When the job was due that has waited longest for its queue, whichever that is: embedded, or the cloud's."""
    found = [await EmbeddedQueue(app.database).next_at(), await expected_jobs.oldest(app.database, app.settings.sites)]
    return min((at for at in found if at), default=None)


async def _connections(app: App, now: datetime) -> Check:
    return _waiting("A connection's next run has been due", await due.longest_wait(app.database, now), now)


def _waiting(what: str, at: datetime | None, now: datetime) -> Check:
    age = max(now - at, timedelta(0)) if at else timedelta(0)
    wrong = f"{what} for {age // timedelta(minutes=1)} minutes." if age > LATE else ""
    return Check(now=int(age.total_seconds()), wrong=wrong)


async def _syncs(app: App, now: datetime) -> Check:
    late = await due.syncs_late(app.database, app.settings.sites, now, SYNC_LATE)
    named = ", ".join(f"{count} at {site}" for site, count in sorted(late.items()))
    return Check(now=late, wrong=f"Daily synchronisations that are overdue: {named}." if late else "")


async def _watches(app: App, now: datetime) -> Check:
    lapsed, _ = await mailboxes.watches(app.database, now)
    return Check(now=lapsed, wrong=f"Mailbox subscriptions that have lapsed: {lapsed}." if lapsed else "")


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
