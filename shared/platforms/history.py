"""What a platform shows of a tenant's mail flow over time: snapshots, what changed between them, pictures of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.connections.record import Connection


@dataclass(frozen=True, kw_only=True)
class FlowChange:
    """One object of a tenant's mail flow that differs between two snapshots, and what was done to it, in words."""

    kind: str
    identity: str
    title: str
    done: str
    ours: bool


@dataclass(frozen=True, kw_only=True)
class FlowStation:
    """One station on the way of mail, with the names of the tenant's objects there; `reached` by ordinary mail."""

    title: str
    names: Sequence[str]
    reached: bool


@dataclass(frozen=True, kw_only=True)
class FlowPicture:
    """The way of ordinary protected mail in one direction, and what is wrong with it, in sentences."""

    direction: str
    stations: Sequence[FlowStation]
    harms: Sequence[str]


class History(Protocol):
    """What a platform makes of the snapshots that it has kept. `ours` has the recorded identities of our objects."""

    def content(self, text: str) -> Mapping[str, Any]:
        """One snapshot as JSON."""
        ...

    def changes(self, before: str, after: str, ours: frozenset[str]) -> list[FlowChange]:
        """What differs between two of them."""
        ...

    async def pictures(self, connection: Connection, text: str) -> Sequence[FlowPicture]:
        """The ways of mail in a snapshot, for whom the policies protect now."""
        ...

    def undo(self, then: str, now: str, ours: frozenset[str]) -> str:
        """A script that puts the customer's objects back to what they were then."""
        ...
