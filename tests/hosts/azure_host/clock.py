"""The time of a host whose time can be moved: the machine's, plus the seconds written in a file."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

# How soon a moved clock is noticed, in seconds.
LOOK = 0.05


class Clock:
    """The moved time, and waits that are measured in it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = timedelta(0)
        self.stopping = False

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        # Empty for a moment while it is written: the time does not go back for that.
        if self._file.exists() and (text := self._file.read_text().strip()):
            self._offset = timedelta(seconds=float(text))
        return datetime.now(UTC) + self._offset

    async def until(self, moment: datetime) -> None:
        """Wait for a moment, or for the host to stop."""
        while not self.stopping and (left := (moment - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(min(left, LOOK))

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of the moved time, or for the host to stop."""
        await self.until(self.now() + timedelta(seconds=seconds))
