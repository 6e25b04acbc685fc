"""Where the demo runs: the one machine, or a host with the simulated platforms."""

from datetime import timedelta
from typing import Protocol

from infra.local.simulators import Simulators


class Place(Protocol):
    """Where the service runs, with the simulated platforms and one clock that everybody follows."""

    @property
    def address(self) -> str:
        """Where browsers and operators reach the service."""
        ...

    @property
    def simulators(self) -> Simulators:
        """The platforms."""
        ...

    def move_clock(self, by: timedelta) -> None:
        """Let time pass."""
        ...
