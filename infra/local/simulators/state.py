"""What a vendor keeps, and what all vendors' customers have in common."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Protocol, Self


class State(Protocol):
    """All that one vendor knows, so that the whole cloud can be saved and gone back to."""

    def copy(self) -> Self:
        """Return an independent copy."""

    def restore(self, saved: Any) -> None:
        """Become a copy of a state that was saved before, of the same vendor."""


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """How a customer behaves. A vendor adds knobs of its own; each can be turned through the control API."""

    dns: str = "answers"  # or "silent", "servfail"
    mx: dict[str, list[list[Any]]] = field(default_factory=dict)  # domain -> [[preference, host], …]

    def changed(self, knobs: dict[str, Any]) -> Self:
        """Return this behaviour with some knobs turned; an unknown knob or a wrong type is a `ValueError`."""
        defaults = type(self)()
        kinds = {one.name: type(getattr(defaults, one.name)) for one in dataclasses.fields(self)}
        for name, value in knobs.items():
            if name not in kinds:
                raise ValueError(f"There is no knob {name!r}. Known: {', '.join(sorted(kinds))}.")
            fitting = {int: (int,), float: (int, float), type(None): (str, type(None))}
            if not isinstance(value, fitting.get(kinds[name], (kinds[name],))):
                raise ValueError(f"The knob {name!r} does not take {value!r}.")  # noqa: TRY004 (all that is wrong with a request is a ValueError)
        return dataclasses.replace(self, **knobs)


class Customer(Protocol):
    """One customer of a vendor, as far as the control API needs to know it."""

    id: str
    name: str
    domain: str

    @property
    def behaviour(self) -> Knobs:
        """How it behaves."""

    def snapshot(self) -> dict[str, Any]:
        """Return everything the customer could compare before and after, with nothing that only time changes."""


@dataclass(frozen=True, kw_only=True)
class Zone:
    """What stands in the DNS for one domain, and how its name servers behave."""

    servers: str  # "answers", "silent" or "servfail"
    mail_exchanges: list[tuple[int, str]]  # preference, host
