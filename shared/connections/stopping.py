"""A process that is told to end: its runs end before their next call, give their leases back and are sent again.

Cloud Run kills a process ten seconds after SIGTERM (its container runtime contract, on the shutdown of instances). The
server of the Functions Framework waits for the requests that it has begun, a job's among them. Azure's Python worker
hears no signal: its host lets functions end first, for longer than one may last.
"""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from datetime import timedelta
from types import FrameType
from typing import Any

from shared.connections.lease import Superseded
from shared.foundation.clock import Clock
from shared.foundation.errors import Temporary
from shared.foundation.permits import permitted

# So many seconds a call that is under way has to be answered. The rest of the ten is for what is then written down.
GRACE = 4.0


class Stopped(Superseded):
    """The process was told to end: the run ends as if it had lost its lease, before its next call."""

    def __init__(self) -> None:
        sentence = "The process that ran the job was told to end. The job begins again in another one."
        Temporary.__init__(self, "process_ending", sentence, after=timedelta(0))


class Stopping:
    """Whether this process was told to end, and the runs that have to hear of it."""

    def __init__(self) -> None:
        self.told = False
        self._runs: set[asyncio.Task[None]] = set()

    async def heeded(self, clock: Clock, work: Coroutine[Any, Any, None]) -> None:
        """Do the work of a run. Raises Stopped once the process is told to end, or within GRACE of it."""

        async def not_told() -> None:
            if self.told:
                raise Stopped

        with permitted(not_told, reads_by=clock, reads_ask_every=timedelta(0)):
            run = asyncio.ensure_future(work)
        self._runs.add(run)
        try:
            await run
        except asyncio.CancelledError:
            if not self.told:
                raise
            raise Stopped from None
        finally:
            self._runs.discard(run)

    def tell(self) -> None:
        """Tell every run that the process ends. What has not ended after GRACE is cancelled wherever it is."""
        self.told = True
        for run in self._runs:
            asyncio.get_running_loop().call_later(GRACE, run.cancel)

    def at_sigterm(self) -> None:
        """Tell the runs at SIGTERM, if the host has the process live on for a while; then the host hears it as well."""
        before = signal.getsignal(signal.SIGTERM)
        if not callable(before) or threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()

        def hear(number: int, frame: FrameType | None) -> None:
            signal.signal(number, before)
            loop.call_soon_threadsafe(self.tell)
            before(number, frame)

        signal.signal(signal.SIGTERM, hear)
