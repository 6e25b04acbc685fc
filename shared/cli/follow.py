"""Following a connection until what was asked for has ended, telling each time that it waits for something else."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from shared.cli.api import Answer, of
from shared.cli.call import Call
from shared.cli.terminal import moment

DONE, NOT_YET = 0, 3
# Between two requests, in seconds: quick at first, for most things are over soon.
FIRST, GROWTH, SLOWEST = 0.2, 1.5, 15.0

Reached = Callable[[Answer], bool]


def follow(call: Call, connection: str, reached: Reached, *, timeout: int) -> int:
    """0 once it is reached; 3 if somebody must act, or `timeout` seconds are over, and then says which."""
    end, pause, told = time.monotonic() + timeout, FIRST, ""
    while True:
        now = call.api.get(of(connection))
        left = end - time.monotonic()
        said = _said(now)
        if said and said != told:
            call.terminal.say(said + _until(now))
        told = said
        # While a run is under way, or asked for, what is shown is of the one before it.
        if not now["working"]:
            if reached(now):
                return DONE
            if why := _held_up(call, now, left):
                call.terminal.say(why)
                return NOT_YET
        if left <= 0:
            call.terminal.say(f"Not finished after {timeout} s{_until(now) or '.'}")
            return NOT_YET
        time.sleep(min(pause, max(left, 0)))
        pause = min(pause * GROWTH, SLOWEST)


def _said(now: Answer) -> str:
    if now["sentence"]:
        return f"{now['stage_title']}: {now['sentence']}"
    return f"{now['stage_title']}."


def _until(now: Answer) -> str:
    return f" (until {moment(now['not_before'])})" if now["not_before"] else ""


def _held_up(call: Call, now: Answer, left: float) -> str:
    """Why it is of no use to go on following, or empty. What fails for a while is worth following."""
    if now["reason"] == "waiting_for_administrator":
        return f"The administrator must act: “footprint steps list {now['id']}” shows the steps."
    if now["status"] == "action_required":
        return "Action required."
    until = datetime.fromisoformat(now["not_before"]) if now["not_before"] else None
    last = call.api.now + timedelta(seconds=left) if call.api.now else None
    if now["reason"] == "waiting_for_time" and until and last and until > last:
        return f"Scheduled: nothing happens before {moment(now['not_before'])}."
    return ""
