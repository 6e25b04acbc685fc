"""What all simulated hosts share: one clock, the faults in their way, the calls so far, and each vendor's state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from infra.local.simulators.clock import Clock
from infra.local.simulators.faults import INSTEAD, Fault, Subject, first_hit, instead
from infra.local.simulators.state import State
from infra.local.simulators.wire import Answer, Call
from shared.foundation.brand import Brand

S = TypeVar("S", bound=State)


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The whole cloud at one moment."""

    states: Mapping[str, State]
    faults: tuple[Fault, ...]
    offset: float


class Cloud:
    """Everything the simulators know. The lock guards it between the server's thread and tests."""

    def __init__(self, clock: Clock, brand: Brand) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.brand = brand
        self.addresses: dict[str, str] = {}  # by the host's name, as soon as its port is known
        self.states: dict[str, State] = {}  # by the vendor's name
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.on_request: Callable[[Call], None] | None = None

    def state(self, kind: type[S]) -> S:
        """Return the state of that type. Raises LookupError if no such vendor is here."""
        for state in self.states.values():
            if isinstance(state, kind):
                return state
        raise LookupError(f"No vendor here keeps a {kind.__name__}.")

    def instead(self, subject: Subject, worded: Callable[[Mapping[str, Any]], Answer]) -> Answer | None:
        """Return what a fault answers in place of a host, to a request that did not come over a connection itself."""
        replacing = [one for one in self.faults if one.do["kind"] in INSTEAD]
        do = first_hit(replacing, subject)
        return instead(do, worded) if do else None

    def save(self) -> Saved:
        """Return all that the death of a client's process would not change."""
        with self.lock:
            return Saved(
                states={name: state.copy() for name, state in self.states.items()},
                faults=tuple(one.copy() for one in self.faults),
                offset=self.clock.offset,
            )

    def restore(self, saved: Saved) -> None:
        """Go back to a saved moment; one saved moment can be gone back to any number of times."""
        with self.lock:
            for name, state in saved.states.items():
                self.states[name].restore(state)
            self.faults = [one.copy() for one in saved.faults]
            self.clock.set_offset(saved.offset)

    def record(self, call: Call) -> None:
        """Remember a finished request and tell the observer."""
        self.calls.append(call)
        if self.on_request is not None:
            self.on_request(call)
