"""The simulated cloud's time: the machine's own, plus an offset that can be moved forward."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path


class Clock:
    """Tells the simulated time. With a file the offset lives there, so that other processes can share it."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._offset = 0.0

    @property
    def offset(self) -> float:
        """Seconds ahead of the machine's clock; a missing or empty file means none."""
        if self._file is None:
            return self._offset
        try:
            file = os.open(self._file, os.O_RDONLY)
        except FileNotFoundError:
            return 0.0
        try:
            return float(os.read(file, 64) or 0)
        finally:
            os.close(file)

    def set_offset(self, seconds: float) -> None:
        """Put the offset where every reader of this clock looks."""
        self._offset = seconds
        if self._file is not None:
            # Over what is there and in one step, for somebody may be reading it.
            file = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o644)
            os.write(file, f"{seconds!r:<32}".encode())
            os.close(file)

    def advance(self, seconds: float) -> None:
        """Move time forward."""
        self.set_offset(self.offset + seconds)

    def now(self) -> datetime:
        """Return the simulated moment, aware and in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    def seconds(self) -> float:
        """Return the simulated moment as seconds since 1970."""
        return self.now().timestamp()
