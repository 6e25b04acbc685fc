"""How much time a message may cost: the processor's time, so that a busy machine does not make a message suspicious."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time
from types import FrameType

# Calls between two looks at the clock, each of them far below a millisecond.
CALLS = 40


class Spent(BaseException):
    """The time is over. No library may take it for an error of its own."""


class Budget:
    """Seconds of this thread's processor time. Made and asked in the thread that does the work."""

    def __init__(self, seconds: float) -> None:
        self._end = thread_time() + seconds

    @property
    def left(self) -> float:
        """The seconds left; zero or less when they are spent."""
        return self._end - thread_time()

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self.left <= 0

    @contextmanager
    def enforced(self) -> Iterator[None]:
        """Interrupt a library written in Python that knows no bounds: raises Spent out of whatever it is doing."""
        calls = 0

        def look(_frame: FrameType, _event: str, _given: object) -> None:
            nonlocal calls
            calls += 1
            if calls % CALLS == 0 and self.spent:
                raise Spent

        before = sys.getprofile()
        sys.setprofile(look)
        try:
            yield
        finally:
            sys.setprofile(before)
