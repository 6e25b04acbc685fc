"""How much time a message may cost: the processor's time, so that a busy machine does not make a message suspicious."""

from time import thread_time


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
