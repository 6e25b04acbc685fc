"""Commands that switch the routing of a connection's mail off until a time, and on again."""

from typing import Annotated

from typer import Context, Option

from shared.cli.api import of
from shared.cli.call import TIMEOUT_SECONDS, Call, Connection, Timeout, Wait
from shared.cli.follow import follow


def pause(
    context: Context,
    connection: Connection,
    *,
    until: Annotated[str, Option(metavar="TIME", help="When it ends, as 2026-12-31T06:00:00Z.", show_default=False)],
    reason: Annotated[str, Option(help="Why.", show_default=False)],
    wait: Wait = False,
    timeout: Timeout = TIMEOUT_SECONDS,
) -> int:
    """Pause a connection: its mail is not routed to the scanner until a time, and everything else stays."""
    call = Call.of(context)
    found = call.api.find(connection)
    answer = call.api.change("PUT", of(found["id"], "pause"), {"until": until, "reason": reason})
    call.told(answer, f"Routing of {found['name']} is being switched off. Its mail flows unscanned until {until}.")
    return follow(call, found["id"], lambda now: now["reason"] == "paused", timeout=timeout) if wait else 0


def resume(context: Context, connection: Connection, *, wait: Wait = False, timeout: Timeout = TIMEOUT_SECONDS) -> int:
    """End a pause before its time: mail is routed to the scanner again."""
    call = Call.of(context)
    found = call.api.find(connection)
    answer = call.api.change("DELETE", of(found["id"], "pause"))
    call.told(answer, f"Routing of {found['name']} is being switched on.")
    return follow(call, found["id"], lambda now: now["reason"] is None, timeout=timeout) if wait else 0
