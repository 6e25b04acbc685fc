"""Processes of one deployment that each run the next due job: `python -m tests.harness.forked_runs`.

It is told one process a line on stdin, and tells a line when that process stops and when it ends. Each is forked from
this one, which has imported everything and works on nothing itself.
"""

import asyncio
import json
import os
import signal
import sys
import traceback
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shared.flows.jobs import deliver_due
from shared.service import build
from tests.harness.clock import TestClock
from tests.harness.settings import settings_from
from tests.harness.world import MASTER_KEY


class SkewedClock(TestClock):
    """A machine's clock that is ahead of the others', or behind."""

    def __init__(self, file: Path, ahead: timedelta) -> None:
        super().__init__(file)
        self._ahead = ahead

    def now(self) -> datetime:
        return super().now() + self._ahead


class Stopping:
    """Stops this process once: when it is asked to by a signal, or after a number of its commits.

    Never while it is in a transaction: what is locked then is the database's to give back, not a run's.
    """

    def __init__(self, engine: sa.Engine, at_commit: int | None) -> None:
        self._at, self._commits, self._asked = at_commit, 0, False
        self._open = set[int]()
        sa.event.listen(engine, "begin", self._began)
        sa.event.listen(engine, "commit", self._committing)
        sa.event.listen(engine, "checkin", self._ended)
        signal.signal(signal.SIGUSR1, self._called)

    def _called(self, *_: Any) -> None:
        self._asked = True
        self._stop()

    def _began(self, connection: sa.Connection) -> None:
        self._open.add(id(connection.info))

    def _committing(self, connection: sa.Connection) -> None:
        connection.info["committed"] = True

    def _ended(self, _: Any, record: sa.pool.ConnectionPoolEntry) -> None:
        self._open.discard(id(record.info))
        if record.info.pop("committed", False):
            self._asked = self._asked or self._commits == self._at
            self._commits += 1
        self._stop()

    def _stop(self) -> None:
        if self._asked and not self._open:
            self._asked = False
            os.kill(os.getpid(), signal.SIGSTOP)


async def work(told: dict[str, Any]) -> None:
    """Run the next due job to its end."""
    settings = settings_from(
        told["environment"],
        database_url=told["database"],
        master_key={"value": MASTER_KEY},
        public_url="http://127.0.0.1:8080",
    )
    app = build(settings, SkewedClock(Path(told["clock"]), timedelta(seconds=told["ahead"])))
    Stopping(app.database.engine.sync_engine, told["at_commit"])
    await deliver_due(app, most=1)
    await app.database.close()


def forked(line: str) -> None:
    """Have a process do the work, and tell how it fares."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(work(json.loads(line)))
            code = 0
        except Exception:  # a fork must not go on with what is behind it
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)
    tell(child)
    stopped = True
    while stopped:
        _, status = os.waitpid(child, os.WUNTRACED)
        stopped = os.WIFSTOPPED(status)
        tell("stopped" if stopped else f"ended {os.waitstatus_to_exitcode(status)}")


def tell(what: object) -> None:
    """One line, at once."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    for order in sys.stdin:
        forked(order)
