"""The heartbeat of a run: its lease is renewed while it works, and it ends when the lease is lost."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from shared.connections.lease import BEAT, Lease, Superseded, renew
from shared.foundation.clock import Clock
from shared.foundation.errors import Temporary
from shared.foundation.permits import permitted
from shared.storage.database import Database

log = logging.getLogger(__name__)


async def renewed(database: Database, clock: Clock, lease: Lease, work: Coroutine[Any, Any, None]) -> None:
    """Do the work of a lease while a task beside it renews it. Raises Superseded, and ends the work, once it is lost.

    From then on nothing is sent to a platform but reads; the step that is under way writes down what came of it.
    """
    beats = asyncio.ensure_future(_beat(database, clock, lease))

    async def still_held() -> None:
        if beats.done():
            raise Superseded

    with permitted(still_held):
        working = asyncio.ensure_future(work)
    try:
        await asyncio.wait((working, beats), return_when=asyncio.FIRST_COMPLETED)
        await (working if working.done() else beats)
    finally:
        for one in (working, beats):
            one.cancel()
        await asyncio.gather(working, beats, return_exceptions=True)


async def _beat(database: Database, clock: Clock, lease: Lease) -> None:
    """Renew the lease again and again; ends by raising Superseded when it is lost."""
    while True:
        await clock.until(clock.now() + BEAT)
        try:
            await renew(database, lease, clock.now())
        except Superseded:
            raise
        except Temporary as error:
            log.warning("lease not renewed, which is tried again in time", extra={"reason": error.code})
