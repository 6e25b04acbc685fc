"""A clock that tests move, and that the simulators follow."""

from datetime import timedelta
from pathlib import Path

from shared.foundation.clock import FileClock


class TestClock(FileClock):
    """A clock that nobody waits for: a short sleep at the wire moves it on."""

    __test__ = False
    looks_every = 0.01

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.file = file

    async def sleep(self, seconds: float) -> None:
        self.move(timedelta(seconds=seconds))

    def move(self, by: timedelta) -> None:
        """Move the time on, for everybody who reads the file."""
        # Over what is there and in one step, for the simulators may be reading it.
        with self.file.open("r+b", buffering=0) as file:
            file.write(f"{self._offset() + by.total_seconds():<32}".encode())
