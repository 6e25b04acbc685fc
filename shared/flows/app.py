"""What every flow is given: the context, and the platforms with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.connections.stopping import Stopping
from shared.deployment.context import Context
from shared.foundation.telemetry import Counts

if TYPE_CHECKING:  # a cold start pays only for what it uses
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from shared.deployment.anchor_stores import AnchorStore
    from shared.deployment.links import Links
    from shared.foundation.rate_limit import Rates, Strangers
    from shared.platforms.contract import Platform


class Platforms(Mapping[str, "Platform"]):
    """Every platform by name, made when it is first asked for: most processes serve one, many requests none."""

    def __init__(self, titles: Mapping[str, str], make: Callable[[str], Platform]) -> None:
        self.titles, self._make = titles, make
        self._made: dict[str, Platform] = {}

    def __getitem__(self, name: str) -> Platform:
        if name not in self.titles:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.titles)

    def __len__(self) -> int:
        return len(self.titles)

    def __contains__(self, name: object) -> bool:
        return name in self.titles


@dataclass(kw_only=True)
class Outage:
    """What this process knows of a database that takes no writes: since when, and which webhooks it has told."""

    since: datetime | None = None
    told: set[str] = field(default_factory=set)

    def end(self) -> None:
        """It takes writes again."""
        self.since, self.told = None, set()


@dataclass(frozen=True, kw_only=True)
class App(Context):
    """The context with what only flows and the web use: built once from settings by `service.build`."""

    links: Links
    rates: Rates
    strangers: Strangers
    """Who needs no account."""
    unproven: Strangers
    """Who should have one, and has shown none that is good."""
    platforms: Platforms
    anchors: AnchorStore | None
    outage: Outage = field(default_factory=Outage)
    stopping: Stopping = field(default_factory=Stopping)
    counts: Counts = field(default_factory=Counts)
