"""Fires the timers of one machine, as a cloud's scheduler would."""

import sqlalchemy as sa

from shared.flows.app import App
from shared.flows.jobs import fire
from shared.foundation.schedule import TIMERS
from shared.storage import tables


async def fire_timers(app: App) -> list[str]:
    """Fire each timer whose time has come since it last fired, once, however often it was missed."""
    now, fired = app.clock.now(), []
    table = tables.timers
    async with app.database.read() as read:
        last = {row.name: row.fired_at for row in await read.execute(sa.select(table))}
    for timer in TIMERS:
        if timer.name in last and last[timer.name] >= timer.last_due(now):
            continue
        await fire(app, timer)
        async with app.database.write() as write:
            await write.execute(sa.delete(table).where(table.c.name == timer.name))
            await write.execute(sa.insert(table).values(name=timer.name, fired_at=now))
        fired.append(timer.name)
    return fired
