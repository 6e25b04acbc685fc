"""What time it is, passed in rather than asked for, so that 24 hours can take a second."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """The time, and short waits at the wire. Long waits are never slept through; they go on the queue."""

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for seconds at the wire."""
        ...

    async def until(self, moment: datetime) -> None:
        """Wait beside other work until it is so late by this clock, however it is moved meanwhile."""
        ...


class SystemClock:
    """The machine's clock."""

    # A machine that slept, or whose clock was set, is noticed within so many seconds.
    looks_every: float = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def until(self, moment: datetime) -> None:
        while (left := (moment - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - nobody is told that a clock was set
            await asyncio.sleep(min(left, self.looks_every))


class FileClock(SystemClock):
    """The machine's clock plus the seconds written in a file, which several processes can share.

    For one machine only: moving the file's number moves the time of the service, its timers and the simulators.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._offset())

    def _offset(self) -> float:
        # Asked for with every call and every statement; a text file's comforts take most of the time.
        try:
            file = os.open(self._file, os.O_RDONLY)
        except FileNotFoundError:
            return 0.0
        try:
            return float(os.read(file, 64) or 0)
        finally:
            os.close(file)
