"""Fires the timers of one machine, as a cloud's scheduler would."""

from shared.flows import ticks
from shared.flows.app import App
from shared.flows.timers import fire
from shared.foundation.schedule import TIMERS


async def fire_timers(app: App) -> list[str]:
    """Fire each timer whose time has come since it last fired, once, however often it was missed."""
    now, fired = app.clock.now(), []
    last = await ticks.last(app.database)
    for timer in TIMERS:
        if timer.name in last and last[timer.name] >= timer.last_due(now):
            continue
        await fire(app, timer)
        fired.append(timer.name)
    return fired
